"""What to say of a recording that is longer than the speech that a model was trained on."""

from mgcm_fairseq.data.audio import SAMPLE_RATE


def too_long(samples: int, longest: int) -> str | None:
    """A sentence about a recording of so many samples at 16 kHz; None for one like those of training.

    `longest`: samples of the longest utterance of training.
    """
    if samples <= longest:
        return None
    return (f"{samples / SAMPLE_RATE:.1f} s of sound, and the model was trained on {longest / SAMPLE_RATE:.1f} s at "
            "most. Beyond that it loses text. Cut the recording at pauses and translate the parts.")
