"""What the two policies that look at cross-attention share: which layer they look at, and the look itself."""

from argparse import ArgumentParser, Namespace

from torch import Tensor

from mgcm_fairseq.agents.redecoding import RedecodingAgent, RedecodingStates
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.beam import Hypothesis
from mgcm_fairseq.decoding.looking import attention, default_attention_layer
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.source import Memory


class AttentionAgent(RedecodingAgent):
    """Leaves to its heirs what attention U x T, of U new pieces to T frames, says about the pieces."""

    def __init__(self, args: Namespace, system: System | None = None) -> None:
        super().__init__(args, system)
        layers = len(self.system.network.decoder.layers)
        chosen = default_attention_layer(layers) + 1 if args.attention_layer is None else args.attention_layer
        if not 1 <= chosen <= layers:
            raise InputError("--attention-layer", f"a decoder layer from 1 to {layers}", str(chosen),
                             "Correct the option.")
        self.layer = chosen - 1

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        RedecodingAgent.add_args(parser)
        parser.add_argument("--attention-layer", type=int, metavar="N",
                            help="decoder layer to look at, from 1 (default: at two thirds, the fourth of six as in "
                            "arXiv 2212.07850)")

    def stable(self, states: RedecodingStates, hypothesis: Hypothesis, memory: Memory) -> int:
        if not hypothesis.pieces:
            return 0
        return self.accept(attention(self.system, states.pieces, hypothesis.pieces, memory, self.layer))

    def accept(self, attention_UT: Tensor) -> int:
        """How many of U new pieces may be written."""
        raise NotImplementedError  # each policy has its own
