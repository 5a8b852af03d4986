"""Small networks for tests, built by the same code as real ones."""

from typing import Any

import torch

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.core.kinds import PieceKinds
from mgcm_fairseq.models.config import PRESETS, SimulSTModelConfig
from mgcm_fairseq.models.simul_st import build_network, build_schedule
from mgcm_fairseq.modules.schedule import OFFLINE, Phase
from mgcm_fairseq.modules.simul_st import SimulSTNetwork, TaskInputs

VOCABULARY = 50
WORD_STARTS = [index > 5 and index % 3 > 0 for index in range(VOCABULARY)]
KINDS = PieceKinds(WORD_STARTS, WORD_STARTS)  # a True is BEGINS
PAD = 1
LANGUAGES = ("qac", "qaa", "qab")  # by rank, where a network has grouped layers


def config(**changes: Any) -> SimulSTModelConfig:
    """The demo's shape with changes."""
    made = SimulSTModelConfig()
    for name, value in {**PRESETS["demo"], **changes}.items():
        setattr(made, name, value)
    return made


def network(seed: int = 0, **changes: Any) -> SimulSTNetwork:
    """A network with random weights, ready for evaluation."""
    torch.manual_seed(seed)
    return build_network(config(**changes), KINDS, PAD, LANGUAGES).eval()


def phase(update: int = 0, **changes: Any) -> Phase:
    """What is on in an update of training of a network with these changes."""
    return build_schedule(config(**changes), 0).phase(update)


def speech(lengths: list[int], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise in a right-padded batch: (B, N) and (B,)."""
    generator = torch.Generator().manual_seed(seed)
    waveform = 0.1 * torch.randn(len(lengths), max(lengths), generator=generator)
    for row, length in zip(waveform, lengths, strict=True):
        row[length:] = 0
    return waveform, torch.tensor(lengths)


def tokens(lengths: list[int], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random pieces in a right-padded batch: (B, U) and (B,)."""
    generator = torch.Generator().manual_seed(seed)
    batch = torch.randint(4, VOCABULARY, (len(lengths), max(lengths)), generator=generator)
    for row, length in zip(batch, lengths, strict=True):
        row[length:] = PAD
    return batch, torch.tensor(lengths)


def features(front_end, waveform, lengths):
    """Front-end features (B, T, C) and frames (B,)."""
    return front_end(waveform, lengths, PLAIN, ("st",)).value, front_end.frames(lengths)


def text_memory(encoder, tokens_BU, lengths, phase=OFFLINE):
    """Encoded text, as MT's decoder attends to it."""
    return encoder.text(tokens_BU, lengths, phase)


def task_inputs(samples: list[int], pieces: list[int], rows: slice = slice(None)) -> TaskInputs:
    """Rows of a batch of utterances with so many samples, and texts of so many pieces; in fp64."""
    waveform, lengths = speech(samples)
    transcript, sizes = tokens(pieces, 1)
    prefix, _ = tokens(pieces, 2)
    lengths, sizes = lengths[rows], sizes[rows]
    longest = int(sizes.max())
    return TaskInputs(waveform[rows, :int(lengths.max())].double(), lengths, transcript[rows, :longest], sizes,
                      prefix[rows, :longest], prefix[rows, :longest])
