"""How long the speech was that a model was trained on, and what to say of a recording that is longer."""

from pathlib import Path

from mgcm_fairseq.compat import load_checkpoint
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.manifest import read_rows


def too_long(samples: int, checkpoint: Path, corpus: Path | None) -> str | None:
    """A sentence about a recording of so many samples at 16 kHz; None for one like those of training."""
    longest = trained_samples(checkpoint, corpus)
    if samples <= longest:
        return None
    return (f"{samples / SAMPLE_RATE:.1f} s of sound, and the model was trained on {longest / SAMPLE_RATE:.1f} s at "
            "most. Beyond that it loses text. Cut the recording at pauses and translate the parts.")


def trained_samples(checkpoint: Path, corpus: Path | None) -> int:
    """The longest utterance of training, at 16 kHz: of train.tsv where that is still there, else what was allowed.

    Args:
        corpus: folder of train.tsv; None for the one that the checkpoint was trained on.
    """
    task = load_checkpoint(checkpoint, mmap=True)["cfg"]["task"]
    allowed = int(task["max_source_samples"])
    train = (corpus or Path(task["data"])) / "train.tsv"
    return min(allowed, max(frames for _, (_, _, frames) in read_rows(train))) if train.is_file() else allowed
