"""The option that makes an agent translate a talk without end, sentence after sentence."""

from argparse import ArgumentParser, Namespace

from mgcm_fairseq.agents.base import refuse_shrunk
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.bounds import Bounds
from mgcm_fairseq.decoding.rollover import Rollover
from mgcm_fairseq.decoding.system import System

DEFAULT = Bounds()


def add_args(parser: ArgumentParser) -> None:
    """Adds --long-form, and --patience and --pause-ms that belong to it."""
    parser.add_argument("--long-form", action="store_true",
                        help="take the source for a talk of any length: where a sentence ends, begin the next one")
    parser.add_argument("--patience", type=int, default=DEFAULT.patience, metavar="N",
                        help="with --long-form: how often in a row </s> must be the best next piece before a sentence "
                        "counts as over")
    parser.add_argument("--pause-ms", type=int, default=DEFAULT.pause_ms, metavar="MS",
                        help="with --long-form: a sentence is over, too, where CTC hears nothing in segments of so "
                        "many ms, and what it hears nothing in is not translated; 0: CTC is not asked")


def rollover(args: Namespace, system: System, wait_ms: int = 0) -> Rollover | None:
    """How sentences of a talk follow each other, None without --long-form.

    InputError for a model that cannot forget, and for a policy whose first word waits for more audio (`wait_ms`) than a
    sentence may hold.
    """
    if not args.long_form:
        return None
    if args.patience < 1:
        raise InputError("--patience", "once or more", str(args.patience), "Correct the option.")
    if args.pause_ms < 0:
        raise InputError("--pause-ms", "0 ms or more", str(args.pause_ms), "Correct the option.")
    refuse_shrunk(system, "--long-form, which forgets speech,")
    if not (system.phase.segmented and system.network.encoder.front_end.block):
        raise InputError("--long-form", "a model trained with --segmentation-variant and --front-end-block",
                         "one that encodes all of the speech again at each step", "Cut the recording at pauses.")
    bounds = Bounds(patience=args.patience, pause_ms=args.pause_ms)
    if wait_ms >= bounds.memory_ms:
        raise InputError("--long-form", f"waits of less than the {bounds.memory_ms} ms that a sentence may hold",
                         f"{wait_ms} ms", "Lower --step-ms, or --wait-k where there is one.")
    return Rollover(system, bounds)
