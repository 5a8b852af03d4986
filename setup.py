"""The package and what it depends on, each bound with its reason; tool settings are in pyproject.toml."""

from pathlib import Path
from shutil import copytree

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
README = HERE / "README.md"
VERSION = next(line.split('"')[1] for line in (HERE / "mgcm_fairseq" / "__init__.py").read_text("utf-8").splitlines()
               if line.startswith("__version__"))

REQUIRED = [
    # repaired in mgcm_fairseq/compat, so held to the versions that the repairs were tested with
    "fairseq-fixed==0.12.3.1",  # fairseq, under its own import name, for Python 3.11 and later
    "torchaudio>=2.11,<2.12",  # resampling; its compiled part does not load on a CPU torch
    # figures depend on the version
    "simuleval==1.1.4",  # 1.0 and 1.1 differ by up to 2.9 BLEU for one checkpoint; it also pins tqdm and bitarray
    "sacrebleu>=2.6,<3",  # BLEU with its signature
    "omnisteval>=0.1.10,<0.2",  # YAAL, and whether a policy is degenerate
    # known to be needed
    "torch>=2.6,<3",  # the first that loads checkpoints without running code; tried with 2.11 to 2.13
    "omegaconf>=2.3,<2.4",  # as fairseq-fixed wants it
    # the oldest that was tried
    "matplotlib>=3.11",  # quality against latency as a curve
    "numpy>=2.4,<3",
    "pyyaml>=6.0.3",  # as omnisteval wants it; MuST-C's segment lists, our configurations
    "sentencepiece>=0.2.3",  # the joint vocabulary
    "soundfile>=0.14",  # reads spans of wav files, for which torchaudio would need torchcodec
    "tqdm>=4.64.1",  # progress
]
TORCHJD = ["torchjd[quadprog-projector]>=0.18"]
VAD = ["silero-vad>=6.2,<7"]  # hears pauses of a talk; the network is in its wheel; what was tried
LIVE = [
    *VAD,
    "websockets>=17.4,<18",  # page and stream on one port; what was tried
    "soxr>=1.1",  # resamples a stream exactly, however it is cut
]
SLURM = ["hydra-submitit-launcher>=1.2"]
M4A = ["av>=18.1"]  # decodes the m4a of Europarl-ST; its wheels carry FFmpeg
SITE = [  # builds docs/; the versions that were tried, since a newer one may warn of more, and a warning is an error
    "sphinx>=9.0.4,<10",
    "myst-parser>=5.2,<6",  # pages in Markdown, which GitHub shows too
    "furo>=2025.12.19",  # the theme
]
SIMULSTREAM = [  # runs our agents, and scores whole talks in its own way
    "simulstream>=1.0,<1.1",
    "mweralign>=1.4.1",  # cuts a talk for StreamLAAL; figures depend on it
]
EXTRAS = {
    "live": LIVE,  # the page of scripts/serve.sh
    "m4a": M4A,
    "spoken": [  # a corpus spoken by a synthesiser, which the demo learns from
        "espeakng-loader==0.2.4",  # the voices: another release may sound different. Under the GPL, unlike this package
        "scipy>=1.17",  # from the synthesiser's 22,050 Hz to 16,000 Hz
    ],
    "fuzz": ["atheris>=3.0"],  # a generator of scripts/checks/fuzz.py; the first with a wheel for Python 3.11
    "simulstream": SIMULSTREAM,
    "tensorboard": ["tensorboardX>=2.6.2.2"],  # what fairseq's --tensorboard-logdir imports; 2.6.1 needs an older numpy
    "slurm": SLURM,  # Hydra's launcher of jobs, for scripts/train.sh --launcher slurm
    "vad": VAD,  # talks for models that were not trained on windows
    "torchjd": TORCHJD,  # its weightings as conflict rules, and the solver that most of them need
    "dev": [*LIVE, *M4A, *SIMULSTREAM, *SLURM, *TORCHJD, *SITE, "hypothesis>=6.170", "import-linter>=2.16",
            "mypy>=2.4", "pytest>=9.2", "pytest-cov>=7.1", "pytest-xdist>=3.8", "ruff>=0.17"],
}
COMMANDS = sorted(path.stem for path in (HERE / "mgcm_fairseq" / "commands").glob("[!_]*.py"))


class WithConfigs(build_py):
    """Puts configs/, which lies beside the package in a clone, into the package of a wheel."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            copytree(HERE / "configs", Path(self.build_lib, "mgcm_fairseq", "configs"), dirs_exist_ok=True)


setup(
    name="mgcm-fairseq",
    version=VERSION,
    description="Simultaneous speech translation with conflict mitigation between tasks, for fairseq",
    long_description=README.read_text("utf-8") if README.is_file() else "",
    long_description_content_type="text/markdown",
    license="MIT",
    project_urls={
        "Conflict mitigation (MGCM)": "https://arxiv.org/abs/2409.15911",
        "Differentiable segmentation (DiSeg)": "https://arxiv.org/abs/2305.16093",
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Multimedia :: Sound/Audio :: Speech",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["mgcm_fairseq", "mgcm_fairseq.*"]),
    package_data={"mgcm_fairseq": ["py.typed"], "mgcm_fairseq.models": ["presets/*.yaml"],
                  "mgcm_fairseq.live": ["page/*"]},
    cmdclass={"build_py": WithConfigs},
    entry_points={"console_scripts": [f"mgcm-{name.replace('_', '-')} = mgcm_fairseq.commands.{name}:main"
                                      for name in COMMANDS]},
    python_requires=">=3.11,<3.13",  # what was tested
    install_requires=REQUIRED,
    extras_require=EXTRAS,
)
