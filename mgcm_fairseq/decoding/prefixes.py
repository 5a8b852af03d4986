"""Encodes longer and longer prefixes of an utterance, each as if it were the whole, at the least cost for the model."""

import torch

from mgcm_fairseq.decoding.heard import Heard
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.ear import Ear
from mgcm_fairseq.modules.source import Memory
from mgcm_fairseq.modules.streaming import IncrementalStream, speech_stream


class Prefixes:
    """One utterance. A model that segments, with a front end in blocks, computes only what is new or still open."""

    def __init__(self, system: System, ear: Ear | None = None) -> None:
        """`ear`: says what CTC hears of a talk."""
        self.system = system
        encoder = system.network.encoder
        streams = system.phase.segmented and encoder.front_end.block
        stream = speech_stream(encoder, ear, system.language) if streams else None
        self.stream = stream if isinstance(stream, IncrementalStream) else None
        self.heard = 0
        self.frames = 0  # of a stream, those that it forgot too

    @staticmethod
    def stream_of(prefixes: "Prefixes | None") -> IncrementalStream:
        """Its stream; ValueError where none was begun."""
        if prefixes is None or prefixes.stream is None:
            raise ValueError("a talk: expected a stream of blocks that has heard something, found none.")
        return prefixes.stream

    @property
    def forgotten_samples(self) -> int:
        """Samples before the speech that the memory still holds."""
        return self.stream.forgotten_frames * self.system.network.encoder.frame_samples if self.stream else 0

    @torch.inference_mode()
    def encode(self, source: Heard, samples: int, ended: bool = False) -> Memory:
        """Encoder states of the first `samples` samples, no fewer than the last time; drops those needed no more.

        `ended`: nothing follows, and nothing is asked again.
        """
        if self.stream is None:
            return self.system.encode(torch.tensor(source.between(0, samples)))
        self.stream.extend(torch.tensor(source.between(self.heard, samples)), False)
        source.drop(samples)
        self.heard = samples
        if ended:
            self.stream.end()
        memory = self.stream.memory if ended else self.stream.whole()
        self.frames = self.stream.forgotten_frames + memory.states.size(1)
        return memory
