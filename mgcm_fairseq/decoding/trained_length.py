"""What to do with a recording that is longer than the speech that a model was trained on."""

from collections.abc import Sequence

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.decoding.agent_options import LONG_FORM, MODEL, PAUSES, SENTENCES, is_given, value_of
from mgcm_fairseq.decoding.system import System


def lacking_training(system: System, options: Sequence[str]) -> str | None:
    """Sentences about a model that is to hear a talk as one stream and was not trained to; None for one that was.

    `options`: of the agent, which may say that pauses end sentences, behind which a stream begins anew.
    """
    finder = value_of(SENTENCES, options)
    if finder == PAUSES or not (system.ends_sentences or (finder == MODEL and system.forgets)):
        return None
    said = []
    if not system.ends_sentences:
        said.append("The model was trained on single sentences, and may write nonsense behind the first: use "
                    f"{SENTENCES} {PAUSES}, or train it with --windows of several sentences, such as 2,15.")
    if missing := system.missing_bounds:
        what = ("its positions go beyond those of training" if missing == ["--rotary"] else
                "each second costs more than the one before")
        said.append(f"In a long talk {what}: train with {' and '.join(missing)}.")
    return " ".join(said) or None


def too_long(samples: int | None, longest: int) -> str | None:
    """A sentence about a recording of so many samples at 16 kHz; None for one like those of training.

    Args:
        samples: None for a recording whose length nobody knows.
        longest: samples of the longest utterance of training.
    """
    trained = f"the model was trained on {longest / SAMPLE_RATE:.1f} s at most"
    if samples is None:
        return f"speech of any length, and {trained}."
    return None if samples <= longest else f"{samples / SAMPLE_RATE:.1f} s of sound, and {trained}."


def options_for(samples: int | None, system: System, options: Sequence[str]) -> tuple[list[str], str | None]:
    """An agent's options for a recording, and what to say of them.

    Args:
        samples: as of `too_long`.
        options: that the user gave.
    """
    said = too_long(samples, system.longest)
    if said is None:
        return list(options), None
    if is_given(LONG_FORM, options):
        return list(options), lacking_training(system, options)
    said = f"{said} It is translated as a talk, sentence after sentence ({LONG_FORM})."
    return [*options, LONG_FORM], " ".join(filter(None, (said, lacking_training(system, options))))
