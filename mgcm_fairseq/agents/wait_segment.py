"""SimulEval agent: wait-segment, the policy that differentiable segmentation learns (DiSeg, arXiv 2305.16093).

Word t begins with a piece that sees k + t - 1 segments of speech, which end where the segmenter says so, and is written
once the piece after it, which sees k + t, begins another word. The agent hears block by block, or in steps of 320 ms
where the front end hears all at once, so the text does not depend on --source-segment-size.
"""

from argparse import ArgumentParser, Namespace

import torch
from simuleval.utils import entrypoint

from mgcm_fairseq.agents import long_form
from mgcm_fairseq.agents.base import SystemAgent, SystemStates, complete_steps
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.decoding.segment_writer import SegmentWriter
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.streaming import SpeechStream, speech_stream

STEP = 320 * SAMPLE_RATE // 1000  # samples between two encodings by a front end that hears all at once


class WaitSegmentStates(SystemStates):
    """What the encoder and the decoder hold."""

    def reset(self) -> None:
        super().reset()
        self.heard = 0  # samples
        self.stream: SpeechStream | None = None
        self.writer: SegmentWriter | None = None

    def speech(self) -> SpeechStream | None:
        return self.stream


@entrypoint
class WaitSegmentAgent(SystemAgent):
    """Decides word t from k + t - 1 segments on, and the rest at the end of the source."""

    def __init__(self, args: Namespace, system: System | None = None) -> None:
        if args.lag < 1:
            raise InputError("--lag", "k of at least 1", str(args.lag), "Correct the option.")
        super().__init__(args, system)
        self.lag = args.lag
        self.step = self.system.network.encoder.front_end.block or STEP
        if self.system.phase.shrunk:
            raise InputError(args.checkpoint, "for wait-segment, whose states are final as their segments close, a "
                             "model without --shrink", "one whose states look back at all of the speech",
                             "Take a policy that encodes again: alignatt, edatt, local-agreement, wait-k.")
        if not self.system.phase.segmented:
            raise InputError(args.checkpoint, "a model trained with --segmentation-variant, past --segment-from",
                             "one that does not segment", "Take a policy for any checkpoint: alignatt, wait-k, ...")
        self.rollover = long_form.rollover(args, self.system)

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
            states.stream = speech_stream(self.system.network.encoder,
                                          self.rollover.ear() if self.rollover else None, self.system.language)
            states.writer = SegmentWriter(self.system, self.lag, self.rollover)
        texts = [self._hear(states, states.stream, states.writer, end, False)
                 for end in complete_steps(states, states.heard, self.step)]
        if states.source_finished:
            texts.append(self._hear(states, states.stream, states.writer, len(states.source), True))
        return self.system.writing.joined(texts)

    def _hear(self, states: WaitSegmentStates, stream: SpeechStream, writer: SegmentWriter, end: int,
              source_ended: bool) -> str:
        """The words that are due once the first `end` samples have been heard."""
        stream.extend(torch.tensor(states.source.between(states.heard, end)), source_ended)
        states.heard = end
        states.source.drop(end)
        return writer.write(stream, source_ended)
