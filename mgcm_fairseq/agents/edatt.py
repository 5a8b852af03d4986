"""SimulEval agent: EDAtt, which writes what does not attend much to the latest audio (arXiv 2212.07850).

Works with any checkpoint. The lower the threshold, the later it writes.
"""

from argparse import ArgumentParser, Namespace

from simuleval.utils import entrypoint
from torch import Tensor

from mgcm_fairseq.agents.attention_policy import AttentionAgent
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.policy import edatt
from mgcm_fairseq.decoding.system import System


@entrypoint
class EDAttAgent(AttentionAgent):
    """Stops at the first piece that spends `threshold` or more of its attention on the last frames."""

    def __init__(self, args: Namespace, system: System | None = None) -> None:
        if args.frames < 1 or not args.threshold >= 0:
            raise InputError("--frames and --threshold", "1 frame or more, a share of 0 or more",
                             f"{args.frames} and {args.threshold}", "Correct the options.")
        super().__init__(args, system)
        self.frames, self.threshold = args.frames, args.threshold

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        AttentionAgent.add_args(parser)
        parser.add_argument("--threshold", type=float, required=True, metavar="ALPHA",
                            help="share of the attention, from 0 to 1, that stops writing")
        parser.add_argument("--frames", type=int, default=2, metavar="LAMBDA",
                            help="encoder frames that count as latest; 2 is as published, for frames of 40 ms")

    def accept(self, attention_UT: Tensor) -> int:
        return edatt(attention_UT, self.frames, self.threshold)
