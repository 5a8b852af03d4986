"""SimulEval agent: AlignAtt, which writes what is not aligned with the latest audio (arXiv 2305.11408).

Works with any checkpoint. The more frames count as latest, the later it writes.
"""

from argparse import ArgumentParser, Namespace

from simuleval.utils import entrypoint
from torch import Tensor

from mgcm_fairseq.agents.attention_policy import AttentionAgent
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.policy import alignatt
from mgcm_fairseq.decoding.system import System


@entrypoint
class AlignAttAgent(AttentionAgent):
    """Stops at the first piece that attends most to one of the last f frames."""

    def __init__(self, args: Namespace, system: System | None = None) -> None:
        if args.frames < 0:
            raise InputError("--frames", "0 frames or more", str(args.frames), "Correct the option.")
        super().__init__(args, system)
        self.frames = args.frames

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        AttentionAgent.add_args(parser)
        parser.add_argument("--frames", type=int, required=True, metavar="F",
                            help="encoder frames that count as latest; each is 20 ms, or 80 ms with "
                            "--subsample-kernels 5,5")

    def accept(self, attention_UT: Tensor) -> int:
        return alignatt(attention_UT, self.frames)
