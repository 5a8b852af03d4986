"""Where this package lies: in a clone, with configs/ beside it, or installed from a wheel, with them inside."""

from pathlib import Path

from mgcm_fairseq import __version__

PACKAGE = Path(__file__).parents[1]
HOME = PACKAGE.parent
"""The folder that holds the package: the clone, or where Python keeps what is installed."""

CONFIGS = next((folder for folder in (PACKAGE / "configs", HOME / "configs") if folder.is_dir()), HOME / "configs")
"""The folder with the YAMLs."""

SCRIPTS = {  # a program, which a wheel installs as mgcm-NAME, and what starts it in a clone
    "average": "scripts/average_checkpoints.py",
    "compare": "scripts/compare.sh",
    "evaluate": "scripts/evaluate.sh",
    "export": "scripts/export_system.sh",
    "plot-conflicts": "scripts/plot_conflicts.py",
    "plot-segments": "scripts/plot_segments.py",
    "prepare": "scripts/prep_corpus.sh",
    "replication": "scripts/replication.py",
    "segments": "scripts/segmentation_report.py",
    "serve": "scripts/serve.sh",
    "sharing-plan": "scripts/sharing_plan.py",
    "spoken-corpus": "scripts/make_spoken_corpus.py",
    "study": "scripts/study.sh",
    "train": "scripts/train.sh",
    "translate": "scripts/translate.sh",
}


def in_clone() -> bool:
    """Whether scripts/ lies beside the package."""
    return (HOME / SCRIPTS["train"]).is_file()


def install(extra: str) -> str:
    """The command that installs an extra of this package; for messages."""
    if in_clone():
        return f"pip install -c constraints.txt -e '.[{extra}]'"
    return f"pip install 'mgcm_fairseq-{__version__}-py3-none-any.whl[{extra}]'"
