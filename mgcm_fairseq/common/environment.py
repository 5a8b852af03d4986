"""What a figure depends on besides the data, in one line: versions, hardware, commit, precision."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import torch

from mgcm_fairseq import __version__
from mgcm_fairseq.common.installation import HOME

DISTRIBUTIONS = {"torchaudio": "torchaudio", "fairseq": "fairseq-fixed", "simuleval": "simuleval",
                 "omnisteval": "OmniSTEval", "sacrebleu": "sacrebleu",
                 "sentencepiece": "sentencepiece", "silero_vad": "silero-vad"}  # name here: name on the package index
ABSENT = "none"


def environment() -> dict[str, str | int]:
    """Versions, hardware and commit, read without importing what they name."""
    return {
        "mgcm_fairseq": __version__,
        "commit": commit(HOME),
        **{name: _version(distribution) for name, distribution in DISTRIBUTIONS.items()},
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
        "cpu": cpu_model(),
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else ABSENT,
    }


def signature(dtype: str) -> str:
    """The environment and the floating point type as `key:value|key:value` without spaces, to stand beside a figure."""
    values = {**environment(), "dtype": dtype}
    return "|".join(f"{key}:{'_'.join(str(value).split())}" for key, value in values.items())


def commit(repository: Path) -> str:
    """A checkout's short commit, with + for uncommitted changes; `none` for another folder, `unknown` without git."""
    if not (repository / ".git").exists():
        return ABSENT
    head = _git(repository, "rev-parse", "--short", "HEAD")
    return head + ("+" if _git(repository, "status", "--porcelain") else "") if head else "unknown"


def cpu_model() -> str:
    """The processor as the operating system names it."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git(repository: Path, *arguments: str) -> str:
    try:
        found = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:  # a machine without git
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ABSENT
