"""The options that make an agent translate a talk without end, sentence after sentence."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.agent_options import LONG_FORM, MODEL, PAUSES, SENTENCES
from mgcm_fairseq.decoding.bounds import Bounds
from mgcm_fairseq.decoding.cut_talk import CutTalk
from mgcm_fairseq.decoding.rollover import Rollover
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.decoding.voice_activity import check_installed

PAUSE_MS = {MODEL: Bounds().pause_ms, PAUSES: 500}


def add_args(parser: ArgumentParser) -> None:
    """Adds --long-form, and what belongs to it."""
    parser.add_argument(LONG_FORM, action="store_true",
                        help="take the source for a talk of any length: where a sentence ends, begin the next one")
    parser.add_argument(SENTENCES, choices=(MODEL, PAUSES),
                        help="with --long-form: who finds where a sentence ends. The model does, which --windows must "
                        f"have taught it, or a pause in the speech (default: {MODEL} if trained on windows, else "
                        f"{PAUSES})")
    parser.add_argument("--patience", type=int, metavar="N",
                        help=f"with {SENTENCES} {MODEL}: how often in a row </s> must be the best next piece before a "
                        f"sentence counts as over, for wait-segment and wait-k (default: {Bounds().patience})")
    parser.add_argument("--pause-ms", type=int, metavar="MS",
                        help=f"silence that ends a sentence and is not translated: with {SENTENCES} {PAUSES} as "
                        f"silero-vad hears it (default: {PAUSE_MS[PAUSES]}), with {SENTENCES} {MODEL} as CTC does "
                        f"(default: {PAUSE_MS[MODEL]}; 0: CTC is not asked)")


def new_talk(args: Namespace, system: System) -> Callable[[], CutTalk] | None:
    """Makes a new talk that its pauses divide, if they are to; InputError for options that do not fit."""
    if not args.long_form:
        given = [option for option, value in ((SENTENCES, args.sentences), ("--patience", args.patience),
                                              ("--pause-ms", args.pause_ms)) if value is not None]
        if given:
            raise InputError(given[0], f"{LONG_FORM} too", "none", "Pass it, or leave this out.")
        return None
    if _finder(args, system) != PAUSES:
        return None
    pause_ms = PAUSE_MS[PAUSES] if args.pause_ms is None else args.pause_ms
    if pause_ms < 1:
        raise InputError("--pause-ms", f"1 ms or more with {SENTENCES} {PAUSES}", str(pause_ms), "Correct the option.")
    if args.patience is not None:
        raise InputError("--patience", f"{SENTENCES} {MODEL} too", f"{SENTENCES} {PAUSES}", "Leave it out.")
    check_installed()
    return partial(CutTalk, pause_ms, system.longest)


def rollover(args: Namespace, system: System, wait_ms: int = 0, patient: bool = True) -> Rollover | None:
    """How sentences of a talk follow each other, if the model finds where they end.

    InputError for a model that cannot forget, for a policy whose first word waits for more audio (`wait_ms`) than a
    sentence may hold, and for an option without effect: `patient` says whether the policy counts how often </s> comes.
    """
    if not args.long_form or _finder(args, system) != MODEL:
        return None
    patience = Bounds().patience if args.patience is None else args.patience
    pause_ms = PAUSE_MS[MODEL] if args.pause_ms is None else args.pause_ms
    if patience < 1:
        raise InputError("--patience", "once or more", str(patience), "Correct the option.")
    if args.patience is not None and not patient:
        raise InputError("--patience", "a policy that counts </s>: wait-segment, wait-k",
                         "one that ends a sentence where </s> is sure", "Leave it out.")
    if pause_ms < 0:
        raise InputError("--pause-ms", "0 ms or more", str(pause_ms), "Correct the option.")
    if not system.forgets:
        raise InputError(f"{SENTENCES} {MODEL}", "a model trained with --segmentation-variant and --front-end-block",
                         "one that encodes all of the speech again at each step", f"Take {SENTENCES} {PAUSES}.")
    bounds = Bounds(patience=patience, pause_ms=pause_ms)
    if wait_ms >= bounds.memory_ms:
        raise InputError(LONG_FORM, f"waits of less than the {bounds.memory_ms} ms that a sentence may hold",
                         f"{wait_ms} ms", "Lower --step-ms, or --wait-k where there is one.")
    found = Rollover(system, bounds)
    if args.pause_ms and found.ear() is None:
        raise InputError("--pause-ms", "a model trained with CTC, which hears pauses", "one without",
                         f"Leave it out, or take {SENTENCES} {PAUSES}.")
    return found


def _finder(args: Namespace, system: System) -> str:
    """Who finds where a sentence ends."""
    return str(args.sentences or (MODEL if system.ends_sentences else PAUSES))
