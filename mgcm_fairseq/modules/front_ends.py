"""The front ends by name: what makes each, and which of the model's options are its alone."""

from typing import Any, NamedTuple

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.named import named
from mgcm_fairseq.modules.hearing import FrontEnd


class FrontEndKind(NamedTuple):
    """A front end to choose."""

    make: str  # module and function, which makes it of the model's options (models.config) with random weights
    options: tuple[str, ...] = ()  # those that mean something with it alone


FRONT_ENDS = {
    "wav2vec2": FrontEndKind("mgcm_fairseq.modules.wav2vec2_options.make",
                             ("w2v_path", "w2v_trust", "w2v_config", "w2v_normalize")),
}
"""Name -> front end; --front-end chooses from them."""

DEFAULT = "wav2vec2"
"""That of the papers, and of models from before there was a choice."""

BLOCKS = ("front_end_block", "front_end_history")
"""Options in ms, 0 by default, of every front end that hears in blocks."""


def make_front_end(options: Any) -> FrontEnd:
    """The front end that the model's options name, with random weights; InputError for blocks where it has none,
    or that end before they begin.
    """
    name = str(options.front_end)
    for option in BLOCKS:
        if getattr(options, option) < 0:
            raise InputError(f"--{option.replace('_', '-')}", "0 ms or more", str(getattr(options, option)),
                             "Correct the option.")
    made: FrontEnd = named(_kind(name).make)(options)
    for option in BLOCKS:
        if not made.block and getattr(options, option):
            raise InputError(f"--{option.replace('_', '-')}", "a front end that hears in blocks",
                             f"{getattr(options, option)} ms with --front-end {name}, which hears whole utterances",
                             "Leave it out.")
    return made


def options_of_others(name: str) -> dict[str, str]:
    """Options that mean nothing with the front end `name`, and the front end that each belongs to."""
    own = _kind(name).options
    return {option: other for other, kind in FRONT_ENDS.items() for option in kind.options if option not in own}


def _kind(name: str) -> FrontEndKind:
    """InputError for one that is not here, as a checkpoint from elsewhere may have."""
    if name not in FRONT_ENDS:
        raise InputError("--front-end, or the checkpoint's", f"one of {', '.join(FRONT_ENDS)}", repr(name),
                         "Correct the option, or use the version of mgcm-fairseq that has this front end.")
    return FRONT_ENDS[name]
