"""What all agents share: the checkpoint, where and in which precision it runs, and what may be fed to it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from simuleval.agents import SpeechToTextAgent
from simuleval.agents.actions import Action, ReadAction, WriteAction
from simuleval.agents.states import AgentStates
from simuleval.data.segments import Segment, SpeechSegment

from mgcm_fairseq.agents import long_form
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.samples import SOUND, first_fault
from mgcm_fairseq.data.simuleval_lists import read_list
from mgcm_fairseq.decoding.agent_options import SOURCE_LANG
from mgcm_fairseq.decoding.cut_talk import CutTalk
from mgcm_fairseq.decoding.heard import Heard
from mgcm_fairseq.decoding.int8 import with_int8_weights
from mgcm_fairseq.decoding.packed import pack
from mgcm_fairseq.decoding.rollover import Rollover
from mgcm_fairseq.decoding.system import System, load_system
from mgcm_fairseq.decoding.voice_activity import VoiceActivity
from mgcm_fairseq.measuring.held import held_bytes
from mgcm_fairseq.modules.streaming import SpeechStream


class SystemStates(AgentStates):
    """SimulEval's states, with a source that may be dropped as it is used, and without the text that was written."""

    source: Heard

    def reset(self) -> None:
        super().reset()
        self.source = Heard()
        self.talk: CutTalk | None = None  # if it is cut at its pauses
        self.sentence: SystemStates | None = None  # the one that goes on
        self.segment_ends: list[int] = []  # samples up to those of the sentences that the last call ended

    def speech(self) -> SpeechStream | None:
        """The stream that encodes what is heard, where the policy has one by now."""
        return None

    def update_target(self, segment: Segment) -> None:
        """Nobody reads what SimulEval would keep here for ever."""
        self.target_finished = segment.finished


class SystemAgent(SpeechToTextAgent):
    """An agent of SimulEval's over a simul_st checkpoint. B batch, N samples."""

    rollover: Rollover | None = None  # where the model finds the sentences of a talk

    def __init__(self, args: Namespace, system: System | None = None) -> None:
        """`system`: a checkpoint that is loaded already, instead of args.checkpoint."""
        super().__init__(args)
        self.system = (system or load_system(args.checkpoint, args.corpus)).hearing(args.source_lang)
        _check_unit(args, self.system)
        self.int8 = args.int8
        if self.int8:
            self.system = with_int8_weights(self.system)
        else:
            pack(self.system.network)
        self.bf16 = args.bf16
        self.new_talk = long_form.new_talk(args, self.system)

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        parser.allow_abbrev = False  # SimulEval's own --source would be taken for a short --source-lang
        parser.add_argument("--checkpoint", type=Path, required=True, help="trained simul_st checkpoint")
        parser.add_argument("--corpus", type=Path, metavar="DIR",
                            help="only for an older checkpoint, without its vocabulary inside: the corpus trained on")
        parser.add_argument(SOURCE_LANG, metavar="LANG",
                            help="language that is spoken, for a model that knows several (default: the only one)")
        parser.add_argument("--bf16", action="store_true",
                            help="run in bfloat16, which SimulEval's --dtype does not offer")
        parser.add_argument("--int8", action="store_true",
                            help="on a CPU: round the weights of linear layers to 8 bits, which is faster")
        long_form.add_args(parser)

    def to(self, device: str, *args: Any, fp16: bool = False, **kwargs: Any) -> None:
        """Moves the network; `fp16`, SimulEval's --dtype fp16, halves it."""
        if fp16 and self.bf16:
            raise InputError("--bf16", "one precision", "--dtype fp16 too", "Drop one of the two.")
        if self.int8 and (fp16 or self.bf16 or torch.device(device).type != "cpu"):
            raise InputError("--int8", "fp32 on a CPU", f"another precision, or {device}", "Leave it out.")
        dtype = torch.float16 if fp16 else torch.bfloat16 if self.bf16 else None
        self.system.network.to(device=device, dtype=dtype)

    def build_states(self) -> SystemStates:
        return SystemStates()

    def push(self, source_segment: Segment, states: SystemStates | None = None,
             upstream_states: list[AgentStates] | None = None) -> None:
        """Takes what was read; InputError for samples that are no sound, with the wav's name where simuleval has it."""
        if isinstance(source_segment, SpeechSegment):
            heard = len((states or self.states).source)
            fault = first_fault(np.asarray(source_segment.content), source_segment.sample_rate, heard)
            if fault:
                wav = _first_faulty(getattr(self.args, "source", None)) or "--source"
                raise InputError(wav, SOUND, fault, "Repair the file or record it again.")
        super().push(source_segment, states, upstream_states)

    def state_bytes(self) -> int:
        """What it keeps of what it heard and wrote, in bytes: tensors whole, other numbers eight each."""
        return held_bytes(self.states, (System, VoiceActivity))

    def policy(self, states: SystemStates | None = None) -> Action:
        """One WriteAction with all words that are due, or a ReadAction."""
        states = states or self.states
        check_source(states)
        text = self._write_sentences(states, self.new_talk) if self.new_talk else self.write(states)
        return WriteAction(text, finished=states.source_finished) if text or states.source_finished else ReadAction()

    def warm_up(self) -> None:
        """Translates a second of silence as one sentence, so that PyTorch's first pass is over.

        Silence in a talk would not reach the decoder.
        """
        rollover, self.rollover = self.rollover, None
        states = self.build_states()
        states.source_sample_rate = SAMPLE_RATE
        for ended in (False, True):
            states.source += [0.0] * (SAMPLE_RATE // 2)
            states.source_finished = ended
            self.write(states)
        self.rollover = rollover

    def write(self, states: SystemStates) -> str:
        """The words that are due; at the end of the source, all that are left."""
        raise NotImplementedError  # each policy has its own

    def _write_sentences(self, states: SystemStates, new_talk: Callable[[], CutTalk]) -> str:
        """The words that are due of a talk, each sentence of which is a source by itself."""
        talk = states.talk = states.talk or new_talk()
        sentence = states.sentence = states.sentence or self.build_states()
        states.segment_ends = []
        texts = []
        for samples, over in talk.cut(states.source.take(), states.source_finished):
            sentence.source += samples
            sentence.source_sample_rate, sentence.source_finished = states.source_sample_rate, over
            texts.append(self.write(sentence))
            if over:
                states.segment_ends += segment_ends(sentence, talk.start, self.system)
                sentence.reset()
        return self.system.writing.joined(texts)


def segment_ends(sentence: SystemStates, start: int, system: System) -> list[int]:
    """Samples of a talk up to the end of each segment of a sentence that begins at `start`, if it has ended."""
    speech = sentence.speech()
    return [start + frames * system.network.encoder.frame_samples for frames in speech.decided.ends] if speech else []


def _check_unit(args: Namespace, system: System) -> None:
    """InputError if simuleval, whose options these are, would join and count the text in units that it has not."""
    given, expected = getattr(args, "eval_latency_unit", None), system.writing.language
    if given not in (None, expected.unit):
        raise InputError("--eval-latency-unit", f"{expected.unit}, for text in {system.corpus.tgt_lang}", given,
                         f"Pass --eval-latency-unit {expected.unit} --sacrebleu-tokenizer {expected.tokenizer}.")


def _first_faulty(listed: str | None) -> str | None:
    """The first wav in the list that simuleval was given whose samples are no sound."""
    for wav in filter(None, read_list(Path(listed)) if listed else []):
        samples, rate = soundfile.read(wav.strip(), dtype="float32")
        if first_fault(samples, rate):
            return wav.strip()
    return None


def check_source(states: SystemStates) -> None:
    """InputError unless the source is mono at the sample rate of training."""
    latest = states.source.latest
    if isinstance(latest, (list, tuple)):
        raise InputError("--source", "mono audio", f"{len(latest)} channels", "Mix it down to one channel.")
    if len(states.source) and states.source_sample_rate != SAMPLE_RATE:
        raise InputError("--source", f"audio at {SAMPLE_RATE} Hz", f"{states.source_sample_rate} Hz", "Resample it.")


def complete_steps(states: SystemStates, heard: int, step: int) -> range:
    """Ends, in samples, of the steps that are complete since `heard` samples, however reads cut the audio.

    A step that the end of the source completes is not among them: what is decided then is decided at the end.
    """
    return range(heard + step, len(states.source) + (not states.source_finished), step)


def samples_of_step(step_ms: int, shortest: int) -> int:
    """--step-ms in samples; InputError for a step that gives the front end, which needs `shortest`, no frame."""
    step = step_ms * SAMPLE_RATE // 1000
    if step < shortest:
        raise InputError("--step-ms", f"a step of at least the front end's {shortest} samples", f"{step} samples",
                         "Pass a longer step.")
    return step
