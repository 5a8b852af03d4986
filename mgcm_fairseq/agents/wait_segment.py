"""SimulEval agent: wait-segment, the policy that differentiable segmentation learns (DiSeg, arXiv 2305.16093).

Word t begins with a piece that sees k + t - 1 segments of speech, which end where the segmenter says so, and is written
once the piece after it, which sees k + t, begins another word. With a front end that hears in blocks the text does not
depend on --source-segment-size.
"""

from argparse import ArgumentParser, Namespace

import torch
from simuleval.agents.states import AgentStates
from simuleval.utils import entrypoint

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.agents.segment_writer import SegmentWriter
from mgcm_fairseq.agents.system import System
from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.modules.streaming import SpeechStream, speech_stream


class WaitSegmentStates(AgentStates):
    """SimulEval's states, the encoder's and the decoder's."""

    def reset(self) -> None:
        super().reset()
        self.heard = self.sent = 0  # samples and pieces
        self.stream: SpeechStream | None = None
        self.writer: SegmentWriter | None = None


@entrypoint
class WaitSegmentAgent(SystemAgent):
    """Decides word t from k + t - 1 segments on, and the rest at the end of the source."""

    def __init__(self, args: Namespace, system: System | None = None) -> None:
        if args.lag < 1:
            raise InputError("--lag", "k of at least 1", str(args.lag), "Correct the option.")
        super().__init__(args, system)
        self.lag = args.lag
        if not self.system.network.encoder.simultaneous:
            raise InputError(args.checkpoint, "a model trained with --segmentation-variant, past --segment-from",
                             "one that does not segment", "Take a policy for any checkpoint: alignatt, wait-k, ...")

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        SystemAgent.add_args(parser)
        parser.add_argument("--lag", type=int, required=True, metavar="K",
                            help="segments to hear before the first word")

    def build_states(self) -> WaitSegmentStates:
        return WaitSegmentStates()

    @torch.inference_mode()
    def write(self, states: WaitSegmentStates) -> str:
        if states.stream is None or states.writer is None:
            states.stream = speech_stream(self.system.network.encoder)
            states.writer = SegmentWriter(self.system, self.lag)
        states.stream.extend(torch.tensor(states.source[states.heard:]), states.source_finished)
        states.heard = len(states.source)
        states.writer.write(states.stream, states.source_finished)
        due = states.writer.complete()
        pieces = states.writer.pieces
        text = self.system.writing.text(pieces[states.sent:due], pieces[:states.sent])
        states.sent = due
        return text
