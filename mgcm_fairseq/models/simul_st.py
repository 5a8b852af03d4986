"""Registers the simul_st model with fairseq and adapts the network to training and to beam search."""

import json
import logging
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
from fairseq.models import (
    BaseFairseqModel,
    FairseqEncoder,
    FairseqIncrementalDecoder,
    register_model,
    register_model_architecture,
)
from omegaconf import DictConfig, open_dict
from torch import Tensor, nn

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import parse_json
from mgcm_fairseq.core.conflict import PLAIN, Passing, Recomputing
from mgcm_fairseq.core.kinds import PieceKinds
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.models.config import PRESETS, SimulSTModelConfig
from mgcm_fairseq.modules.decoder import SharedDecoder
from mgcm_fairseq.modules.encoder import Memory, SharedEncoder
from mgcm_fairseq.modules.front_end import Wav2Vec2FrontEnd
from mgcm_fairseq.modules.layers import LayerShape
from mgcm_fairseq.modules.schedule import Schedule
from mgcm_fairseq.modules.segmenter import Segmenter
from mgcm_fairseq.modules.simul_st import SimulSTNetwork, TaskInputs, TaskOutputs
from mgcm_fairseq.modules.wav2vec2_checkpoint import read_wav2vec2

logger = logging.getLogger(__name__)

MAX_TOKENS = 1024  # longest hypothesis in pieces
SEGMENTER = "network.encoder.segmenter."
"""What the names of the segmenter's weights begin with."""


class GenerationEncoder(FairseqEncoder):
    """The encoder as fairseq's SequenceGenerator calls it; owns no weights."""

    def __init__(self, network: SimulSTNetwork) -> None:
        super().__init__(dictionary=None)
        self.speech, self.text = network.encoder.speech, network.encoder.text

    def forward(self, src_tokens: Tensor, src_lengths: Tensor) -> Memory:  # type: ignore[override]
        """(B, N) samples and (B,) lengths in samples; or, for MT, integer tokens and their lengths."""
        return (self.speech if src_tokens.is_floating_point() else self.text)(src_tokens, src_lengths)

    def reorder_encoder_out(self, encoder_out: Memory, new_order: Tensor) -> Memory:
        return Memory(*(part.index_select(0, new_order) for part in encoder_out))


class GenerationDecoder(FairseqIncrementalDecoder):
    """The decoder as fairseq's SequenceGenerator calls it, one token a call; owns no weights."""

    def __init__(self, network: SimulSTNetwork) -> None:
        super().__init__(dictionary=None)
        self.decode = network.decoder.forward
        self.visible = lambda tokens, memory: network.waiting(memory, tokens, network.lag)

    def forward(self, prev_output_tokens: Tensor, encoder_out: Memory,  # type: ignore[override]
                incremental_state: dict[str, dict[str, Tensor]] | None = None) -> tuple[Tensor, dict[str, Any]]:
        """(B, U) tokens; with an incremental state all but the last are already in its cache."""
        mask = self.visible(prev_output_tokens, encoder_out)
        if incremental_state is None:
            return self.decode(prev_output_tokens, encoder_out, None, mask), {"attn": None}
        cache = incremental_state.setdefault("cache", {})
        return self.decode(prev_output_tokens[:, -1:], encoder_out, cache, mask[:, :, -1:]), {"attn": None}

    def reorder_incremental_state_scripting(self, incremental_state: dict[str, dict[str, Tensor]],
                                            new_order: Tensor) -> None:
        cache = incremental_state.get("cache", {})
        for name, value in cache.items():
            cache[name] = value.index_select(0, new_order)


@register_model("simul_st", dataclass=SimulSTModelConfig)
class SimulSTModel(BaseFairseqModel):
    """One forward pass returns the logits of every task, so that any data-parallel wrapper can hold it."""

    def __init__(self, network: SimulSTNetwork, recompute: bool = False, freeze_front_end_updates: int = 0) -> None:
        super().__init__()
        self.network = network
        self.recompute = recompute
        self.freeze_front_end_updates = freeze_front_end_updates
        self.encoder = GenerationEncoder(network)
        self.decoder = GenerationDecoder(network)

    @classmethod
    def build_model(cls, cfg: SimulSTModelConfig, task: Any) -> "SimulSTModel":
        """Random weights in the shape that cfg asks for."""
        network = build_network(cfg, task.vocabulary.piece_kinds(task.corpus), task.vocabulary.pad, task.cfg.seed)
        return cls(network, cfg.checkpoint_activations, cfg.freeze_front_end_updates)

    def set_num_updates(self, num_updates: int) -> None:
        """Tells the parts whose time has come: the front end to train, attention to be segmented."""
        super().set_num_updates(num_updates)
        self.network.set_update(num_updates)
        self.network.front_end_frozen = num_updates < self.freeze_front_end_updates

    def upgrade_state_dict_named(self, state_dict: dict[str, Tensor], name: str) -> None:
        """An offline model that is fine-tuned gets a new segmenter."""
        super().upgrade_state_dict_named(state_dict, name)
        if self.network.encoder.segmenter is not None and not any(key.startswith(SEGMENTER) for key in state_dict):
            logger.info("the checkpoint has no segmenter: a new one begins with random weights")
            own = self.network.encoder.segmenter.state_dict(prefix=SEGMENTER)
            state_dict.update(own)

    def forward(self, inputs: TaskInputs, tasks: tuple[str, ...], ctc: bool,  # type: ignore[override]
                passing: Passing = PLAIN) -> TaskOutputs:
        if self.recompute and self.training:
            passing = Recomputing(passing)
        return self.network(inputs, tasks, ctc, passing)

    def max_decoder_positions(self) -> int:
        """Longest hypothesis in pieces."""
        return MAX_TOKENS


def build_network(cfg: SimulSTModelConfig, kinds: PieceKinds, pad: int, seed: int) -> SimulSTNetwork:
    """The network that cfg describes, with random weights.

    Args:
        cfg: sizes and schedules.
        kinds: for each piece of the vocabulary what it does to the units of either language.
        pad: id of the padding.
        seed: of the lags of training.
    """
    shape = LayerShape(cfg.model_dim, cfg.ffn_dim, cfg.attention_heads, cfg.dropout, cfg.attention_dropout,
                       cfg.activation_dropout, cfg.norm_first)
    embedding = nn.Embedding(len(kinds.target), cfg.model_dim, padding_idx=pad)
    nn.init.normal_(embedding.weight, std=cfg.model_dim**-0.5)
    with torch.no_grad():
        embedding.weight[pad].zero_()
    overrides = front_end_overrides(cfg)
    try:
        front_end = Wav2Vec2FrontEnd(overrides, cfg.w2v_normalize, cfg.front_end_block * SAMPLE_RATE // 1000)
    except InputError:
        raise
    except Exception as error:  # in fairseq, of values that it does not check
        raise InputError("--w2v-config", "values that with those of --w2v-path make a wav2vec 2.0",
                         " ".join(f"{type(error).__name__}: {error}".split()), "Correct them, or pass another file."
                         ) from error
    kernels = [int(kernel) for kernel in cfg.subsample_kernels.split(",") if kernel]
    variant = str(cfg.segmentation_variant)
    encoder = SharedEncoder(front_end, kernels, embedding, shape, cfg.encoder_layers, not cfg.no_embedding_norm,
                            None if variant == "none" else Segmenter(cfg.model_dim, variant),
                            torch.tensor(kinds.source))
    decoder = SharedDecoder(embedding, shape, cfg.decoder_layers, not cfg.no_embedding_norm, cfg.tie_output)
    schedule = Schedule(cfg.segment_from, cfg.noise_from, cfg.segment_noise, cfg.multipath_from, _lag_range(cfg.lags),
                        seed)
    if cfg.differentiable_waiting and variant != "repaired":
        raise InputError("--differentiable-waiting", "--segmentation-variant repaired", variant, "Leave it out.")
    return SimulSTNetwork(encoder, decoder, torch.tensor(kinds.target), cfg.ctc, schedule, cfg.differentiable_waiting)


def _lag_range(text: str) -> tuple[int, int]:
    numbers = [int(part) if part.strip().isdecimal() and len(part) < 10 else 0 for part in text.split(",")]
    if len(numbers) != 2 or not 1 <= numbers[0] <= numbers[1]:
        raise InputError("--lags", "two whole numbers, 1 <= LOWEST <= HIGHEST", repr(text), "Write e.g. 1,15.")
    return numbers[0], numbers[1]


def front_end_overrides(cfg: SimulSTModelConfig | DictConfig) -> dict[str, Any]:
    """The JSON of --w2v-config as a dictionary; raises InputError if it is none."""
    try:
        values = parse_json(cfg.w2v_config)
    except ValueError as error:
        raise InputError("--w2v-config", "a JSON object", f"{cfg.w2v_config!r} ({error})",
                         "Quote it once more.") from error
    if not isinstance(values, dict):
        raise InputError("--w2v-config", "a JSON object", repr(cfg.w2v_config), "Write {\"name\": value}.")
    return values


def start_from_wav2vec2(cfg: DictConfig) -> dict[str, Tensor] | None:
    """Copies the configuration of cfg.w2v_path into cfg, which the checkpoint will carry; returns the weights."""
    if cfg.w2v_path is None:
        return None
    overrides = front_end_overrides(cfg)
    pretrained = read_wav2vec2(Path(cfg.w2v_path), cfg.w2v_trust, overrides)
    try:
        described = json.dumps({**pretrained.config, **overrides})
    except TypeError as error:
        raise InputError(cfg.w2v_path, "a configuration of numbers and texts", str(error), "Pass another file."
                         ) from error
    with open_dict(cfg):
        cfg.w2v_config = described
        cfg.w2v_normalize = pretrained.normalize
    return pretrained.weights


def _register_preset(name: str) -> None:
    def fill_in(args: Namespace) -> None:
        for key, value in PRESETS[name].items():
            if getattr(args, key, None) is None:
                setattr(args, key, value)

    register_model_architecture("simul_st", f"simul_st_{name}")(fill_in)


for _name in PRESETS:
    _register_preset(_name)
