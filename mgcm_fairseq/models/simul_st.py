"""Registers the simul_st model with fairseq, and builds its network from options."""

import logging
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from fairseq.models import BaseFairseqModel, register_model, register_model_architecture
from torch import Tensor, nn

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.plain_numbers import plain_whole
from mgcm_fairseq.core.conflict import PLAIN, Passing, Recomputing
from mgcm_fairseq.core.kinds import PieceKinds
from mgcm_fairseq.core.segmentation import VARIANTS
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.vocabulary import Vocabulary
from mgcm_fairseq.models.config import PRESETS, SimulSTModelConfig
from mgcm_fairseq.models.generation import GenerationDecoder, GenerationEncoder
from mgcm_fairseq.models.sharing import Division, plan_in, private_shapes
from mgcm_fairseq.modules.decoder import SharedDecoder
from mgcm_fairseq.modules.encoder import SharedEncoder
from mgcm_fairseq.modules.front_ends import DEFAULT, make_front_end, options_of_others
from mgcm_fairseq.modules.grouped import PrivateParts
from mgcm_fairseq.modules.layers import LayerShape
from mgcm_fairseq.modules.local import local_kernels
from mgcm_fairseq.modules.looking_back import Shrinker
from mgcm_fairseq.modules.schedule import NOTHING_LATER, OFFLINE, Phase, Schedule
from mgcm_fairseq.modules.segmenter import Segmenter
from mgcm_fairseq.modules.simul_st import SimulSTNetwork, TaskInputs, TaskOutputs
from mgcm_fairseq.modules.subsampler import STRIDE

logger = logging.getLogger(__name__)

MAX_TOKENS = 1024  # longest hypothesis in pieces
LARGEST_KERNEL = 999  # frames or tokens; more than any sentence has
SEGMENTER = "network.encoder.segmenter."
"""What the names of the segmenter's weights begin with."""
SHRINKER = "network.encoder.shrinker."
"""The same of what shrinks speech."""
LOCAL = ".local."
"""What the names of local convolutions' weights have in them."""
SAID = {"segmented": SEGMENTER, "shrunk": SHRINKER}
"""What a checkpoint says of its Phase, since that depends on its number of updates: under _extra_state of each."""


@register_model("simul_st", dataclass=SimulSTModelConfig)
class SimulSTModel(BaseFairseqModel):
    """One forward pass returns the logits of every task, so that any data-parallel wrapper can hold it."""

    def __init__(self, network: SimulSTNetwork, schedule: Schedule = NOTHING_LATER, recompute: bool = False,
                 test_lag: int | None = None, division: Division | None = None) -> None:
        """`test_lag`: k of wait-k in evaluation, None for the whole source; `division`: of a grouped model."""
        super().__init__()
        self.network = network
        self.schedule = schedule
        self.recompute = recompute
        self.test_lag = test_lag
        self.division = division
        self.trained_phase = OFFLINE  # the phase of the last update, or of the checkpoint
        self.encoder = GenerationEncoder(network, self.phase)
        self.decoder = GenerationDecoder(network, self.phase)
        self.register_state_dict_post_hook(_say_what_is_on)
        self.register_load_state_dict_pre_hook(_hear_what_is_on)

    @classmethod
    def build_model(cls, cfg: SimulSTModelConfig, task: Any) -> "SimulSTModel":
        """Random weights in the shape that cfg asks for."""
        network = build_network(cfg, task.vocabulary.piece_kinds(task.corpus), task.vocabulary.pad,
                                task.corpus.src_langs)
        plan = plan_in(cfg.sharing_plan)
        division = None if plan is None else Division(plan, cfg.ffn_dim, str(cfg.sharing_init))
        return cls(network, build_schedule(cfg, task.cfg.seed), cfg.checkpoint_activations, task.cfg.eval_lag or None,
                   division)

    def phase(self) -> Phase:
        """Of the next pass through the network."""
        return self.trained_phase if self.training else self.trained_phase.at_test(self.test_lag)

    def set_num_updates(self, num_updates: int) -> None:
        """Begins an update of training."""
        super().set_num_updates(num_updates)
        self.trained_phase = self.schedule.phase(num_updates)

    def upgrade_state_dict_named(self, state_dict: dict[str, Tensor], name: str) -> None:
        """A model without a segmenter, shrinker or local convolutions that is fine-tuned gets new ones; a shared one is
        divided.
        """
        super().upgrade_state_dict_named(state_dict, name)
        if self.division is not None:
            self.division.divide(state_dict, self.state_dict())
        for attribute, part in _parts(self):
            if not any(key.startswith(part) for key in state_dict):
                logger.info("the checkpoint has no %s: a new one begins with random weights", part.split(".")[-2])
                state_dict |= self.get_submodule(part.removesuffix(".")).state_dict(prefix=part)
                state_dict[f"{part}_extra_state"] = torch.tensor(getattr(self.trained_phase, attribute))
        local = {key: weight for key, weight in self.state_dict().items() if LOCAL in key}
        if local and not any(LOCAL in key for key in state_dict):
            logger.info("the checkpoint has no local convolutions: new ones begin as though there were none")
            state_dict |= {key: torch.zeros_like(weight) if f"{LOCAL}output." in key else weight
                           for key, weight in local.items()}

    def forward(self, inputs: TaskInputs, tasks: tuple[str, ...], ctc: bool,  # type: ignore[override]  # fairseq's models take the arguments of their own batches
                passing: Passing = PLAIN, paired: bool = False) -> TaskOutputs:
        if self.recompute and self.training:
            passing = Recomputing(passing)
        return self.network(inputs, tasks, ctc, self.phase(), passing, paired)

    def private_parameters(self) -> list[Tensor]:
        """Those that one group of languages has for itself."""
        return [parameter for part in self.network.encoder.modules() if isinstance(part, PrivateParts)
                for parameter in part.parameters()]

    def max_decoder_positions(self) -> int:
        """Longest hypothesis in pieces."""
        return MAX_TOKENS


def build_network(cfg: SimulSTModelConfig, kinds: PieceKinds, pad: int,
                  languages: Sequence[str] = ()) -> SimulSTNetwork:
    """The network that cfg describes, with random weights.

    Args:
        cfg: sizes and variants.
        kinds: for each piece of the vocabulary what it does to the units of either language.
        pad: id of the padding.
        languages: source languages in the order of their ranks, for grouped layers.
    """
    _check_sizes(cfg)
    shape = LayerShape(cfg.model_dim, cfg.ffn_dim, cfg.attention_heads, cfg.dropout, cfg.attention_dropout,
                       cfg.activation_dropout, cfg.norm_first)
    embedding = nn.Embedding(len(kinds.target), cfg.model_dim, padding_idx=pad)
    nn.init.normal_(embedding.weight, std=cfg.model_dim**-0.5)
    with torch.no_grad():
        embedding.weight[pad].zero_()
    front_end = make_front_end(cfg)
    kernels = _subsample_kernels(cfg)
    variant = str(cfg.segmentation_variant)
    bounds = _bounds(cfg, front_end.frame_samples * STRIDE ** len(kernels) * 1000 / SAMPLE_RATE)
    segmenter = Segmenter(cfg.model_dim, VARIANTS[variant], *bounds) if variant in VARIANTS else None
    private = private_shapes(plan_in(cfg.sharing_plan), languages, cfg.encoder_layers, str(cfg.sharing_init))
    encoder = SharedEncoder(front_end, kernels, embedding, shape, cfg.encoder_layers, not cfg.no_embedding_norm,
                            segmenter, torch.tensor(kinds.source), cfg.rotary, _local_kernels(cfg),
                            _shrinker(cfg, shape), private)
    decoder = SharedDecoder(embedding, shape, cfg.decoder_layers, not cfg.no_embedding_norm, cfg.tie_output)
    if cfg.differentiable_waiting and (segmenter is None or not segmenter.variant.waits_in_expectation):
        raise InputError("--differentiable-waiting", "--segmentation-variant repaired", variant, "Leave it out.")
    return SimulSTNetwork(encoder, decoder, torch.tensor(kinds.target), cfg.ctc, cfg.differentiable_waiting)


def _check_sizes(cfg: SimulSTModelConfig) -> None:
    """InputError for widths that positions or heads cannot have."""
    dim, heads = cfg.model_dim, cfg.attention_heads
    if dim < 4 or dim % 2:
        raise InputError("--model-dim", "an even number from 4 on", str(dim), "Correct the option.")
    if heads < 1 or dim % heads:
        raise InputError("--attention-heads", f"a number that divides --model-dim {dim}", str(heads),
                         "Correct one of the two.")
    if cfg.rotary and dim // heads % 2:
        raise InputError("--rotary", "heads of even size", f"{dim // heads}, which is {dim} / {heads}",
                         "Correct --model-dim or --attention-heads, or leave it out.")


def _subsample_kernels(cfg: SimulSTModelConfig) -> list[int]:
    if not cfg.subsample_kernels:
        return []
    kernels = [plain_whole(part.strip()) or 0 for part in cfg.subsample_kernels.split(",")]
    if not all(STRIDE <= kernel <= LARGEST_KERNEL for kernel in kernels):
        raise InputError("--subsample-kernels", f"whole numbers from {STRIDE} to {LARGEST_KERNEL}, with commas",
                         repr(cfg.subsample_kernels), "Write e.g. 5,5.")
    return kernels


def _bounds(cfg: SimulSTModelConfig, frame_ms: float) -> tuple[int, int]:
    """In frames of so many ms: the longest segment, and what is seen before one."""
    given = {"--longest-segment": cfg.longest_segment, "--encoder-history": cfg.encoder_history}
    for option, ms in given.items():
        if ms and str(cfg.segmentation_variant) not in VARIANTS:
            raise InputError(option, "a model with --segmentation-variant", f"{ms} ms without one", "Leave it out.")
        if ms < 0 or ms % frame_ms:
            raise InputError(option, f"a multiple of {frame_ms:g} ms, which is a frame", f"{ms} ms", "Correct it.")
    return int(cfg.longest_segment / frame_ms), int(cfg.encoder_history / frame_ms)


def _shrinker(cfg: SimulSTModelConfig, shape: LayerShape) -> Shrinker | None:
    if str(cfg.shrink) == "none":
        return None
    if not cfg.ctc:
        raise InputError("--shrink", "a model with --ctc, whose pieces head says what each frame is", "one without",
                         "Add --ctc and --ctc-weight 1.")
    if str(cfg.segmentation_variant) in VARIANTS:
        raise InputError("--shrink", "a model without --segmentation-variant: both make about a word of frames one, "
                         "and segments are of frames", str(cfg.segmentation_variant), "Leave one of the two out.")
    return Shrinker(shape, str(cfg.shrink_pool), not cfg.no_looking_back,
                    Vocabulary.bos if str(cfg.shrink_blanks) == "join" else None)


def _local_kernels(cfg: SimulSTModelConfig) -> list[int]:
    if not cfg.local_kernels:
        return []
    numbers = [plain_whole(part.strip()) for part in cfg.local_kernels.split(",")]
    first, step = numbers if len(numbers) == 2 else (None, None)
    kernels = [] if first is None or step is None else local_kernels(first, step, cfg.encoder_layers)
    if not first or not kernels or kernels[-1] > LARGEST_KERNEL:
        raise InputError("--local-kernels", "the first kernel, from 1 on, and by how much each layer's is larger, up "
                         f"to {LARGEST_KERNEL}", repr(cfg.local_kernels), "Write e.g. 5,3.")
    return kernels


def build_schedule(cfg: SimulSTModelConfig, seed: int) -> Schedule:
    """When each part of the network that cfg describes is on; `seed` is that of the lags of training."""
    segment_from = cfg.segment_from if str(cfg.segmentation_variant) in VARIANTS else None
    shrink_from = None if str(cfg.shrink) == "none" else cfg.shrink_from
    return Schedule(cfg.freeze_front_end_updates, segment_from, cfg.noise_from, cfg.segment_noise, cfg.multipath_from,
                    _lag_range(cfg.lags), seed, shrink_from)


def _lag_range(text: str) -> tuple[int, int]:
    numbers = [plain_whole(part.strip()) or 0 for part in text.split(",")]
    if len(numbers) != 2 or not 1 <= numbers[0] <= numbers[1]:
        raise InputError("--lags", "two whole numbers, 1 <= LOWEST <= HIGHEST", repr(text), "Write e.g. 1,15.")
    return numbers[0], numbers[1]


def _parts(model: Any) -> list[tuple[str, str]]:
    """Of SAID, the parts that the model has."""
    encoder = model.network.encoder
    return [(attribute, part) for attribute, part in SAID.items() if getattr(encoder, part.split(".")[-2]) is not None]


def _say_what_is_on(model: Any, state_dict: dict[str, Tensor], prefix: str, metadata: Any) -> None:
    """Adds to a checkpoint what no module keeps."""
    for attribute, part in _parts(model):
        state_dict[f"{prefix}{part}_extra_state"] = torch.tensor(getattr(model.trained_phase, attribute))


def _hear_what_is_on(model: Any, state_dict: dict[str, Tensor], prefix: str, metadata: Any, strict: bool,
                     missing_keys: list[str], *others: Any) -> None:
    """Takes that from a checkpoint."""
    for attribute, part in _parts(model):
        name = f"{prefix}{part}_extra_state"
        if name in state_dict:
            model.trained_phase = replace(model.trained_phase, **{attribute: bool(state_dict.pop(name))})
        else:
            missing_keys.append(name)


def _register_preset(name: str) -> None:
    def fill_in(args: Namespace) -> None:
        others = options_of_others(str(getattr(args, "front_end", None) or DEFAULT))
        for key, value in PRESETS[name].items():
            if getattr(args, key, None) is None and key not in others:
                setattr(args, key, value)

    register_model_architecture("simul_st", f"simul_st_{name}")(fill_in)


for _name in PRESETS:
    _register_preset(_name)
