"""What a training takes over from a checkpoint: matched by name, or refused with what changed and what to do."""

import logging
from argparse import Namespace
from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any, NamedTuple

from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config
from omegaconf import DictConfig, OmegaConf
from torch import nn

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.models.config import DEFAULTS
from mgcm_fairseq.models.simul_st import LOCAL, SAID
from mgcm_fairseq.modules.front_ends import DEFAULT
from mgcm_fairseq.modules.wav2vec2_options import front_end_overrides
from mgcm_fairseq.training.resumed_options import tell, tell_changes
from mgcm_fairseq.training.resumed_plan import check_plan

logger = logging.getLogger(__name__)

ARCHITECTURE = ("front_end", "model_dim", "ffn_dim", "attention_heads", "encoder_layers", "decoder_layers",
                "subsample_kernels", "norm_first", "no_embedding_norm", "tie_output", "ctc", "w2v_normalize", "rotary",
                "local_kernels")
"""Options of the model that its weights mean nothing without, whether or not their shapes show it."""

BOUNDS = ("front_end_history", "encoder_history", "longest_segment", "shrink_pool", "shrink_blanks")
"""What a new training may change, and one that goes on may not."""

FRONT_END = ("extractor_mode", "conv_feature_layers", "conv_bias", "conv_pos", "conv_pos_groups", "pos_conv_depth",
             "encoder_layers", "encoder_embed_dim", "encoder_ffn_embed_dim", "encoder_attention_heads", "activation_fn",
             "layer_norm_first")
"""The same of wav2vec 2.0."""

_ANEW = "begin a new training from it with --finetune-from-model and another --save-dir"


class Taken(NamedTuple):
    """What a checkpoint gives beside its weights."""

    order: list[int | None] | None  # position of each parameter's state in the optimizer's; None for all: as it is
    best: bool  # whether its best score so far is of the metric and the data that this training goes by


def take_over(contents: dict[str, Any], cfg: DictConfig, model: nn.Module, criterion: Any, anew: bool,
              reset_lr_scheduler: bool) -> Taken:
    """Compares a training with the one that recorded a checkpoint, and logs what else changed.

    Args:
        contents: of the checkpoint, see compat.
        anew: a new training from its weights, not the same one that goes on.
        reset_lr_scheduler: its learning rate schedule begins anew.
    Raises:
        InputError: what changed leaves weights or state without a meaning.
    """
    path, before = contents["path"], _sections(contents["cfg"] or {})
    now = _sections(OmegaConf.to_container(cfg, resolve=True, enum_to_str=True))  # type: ignore[arg-type]  # a configuration is a dictionary
    _check_architecture(path, before.get("model") or {}, now["model"], anew)
    check_plan(path, before.get("model") or {}, now["model"], anew)
    _check_weights(path, contents["shapes"], model)
    if now["ema"]["store_ema"] and not contents["ema"]:
        raise InputError(path, "an average of the weights (--store-ema) to go on from", "none",
                         "Leave --store-ema out.")
    if anew:
        return Taken(None, best=False)
    _check_kind(path, before.get("model") or {}, now["model"])
    if not contents["optimized"]:
        raise InputError(path, "the state of an optimizer to go on from", "none, as in a mean of checkpoints",
                         f"To train on, {_ANEW}.")
    _check_state(contents, before, now, criterion, reset_lr_scheduler)
    tell_changes(path, before, now)
    then, goal = _goal(before), _goal(now)
    if before and then != goal:
        tell(path, "the metric for the best checkpoint", then, goal)
        _tell_of_best(path, before, now)
    return Taken(_order(contents, model), best=then == goal)


def _sections(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Of a checkpoint's configuration; those of models and tasks that know no Hydra are namespaces."""
    return {name: vars(section) if isinstance(section, Namespace) else section for name, section in cfg.items()}


def _check_architecture(path: str, before: dict[str, Any], now: dict[str, Any], anew: bool) -> None:
    """Local convolutions may join a new training."""
    before = {"front_end": DEFAULT, "rotary": False, "local_kernels": "", **before} if before else {}
    changed = [name for name in ARCHITECTURE if name in before and before[name] != now[name]
               and not (anew and name == "local_kernels" and not before[name])]
    if changed:
        raise InputError(path, f"a model with {_values(now, changed)}", f"one with {_values(before, changed)}",
                         "Give the options that it was trained with.")
    if "w2v_config" in before:
        then, here = (_front_end(one) for one in (before, now))
        changed = [name for name in FRONT_END if then[name] != here[name]]
        if changed:
            raise InputError(path, f"a wav2vec 2.0 with {_values(here, changed)}", f"one with {_values(then, changed)}",
                             "Give the --w2v-path and --w2v-config that it was trained with.")


def _check_kind(path: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    """What a new training may change, and one that goes on may not; a segmenter or shrinker may join."""
    changed = [name for name in ("front_end_block", "segmentation_variant", "shrink")
               if before.get(name, now[name]) not in (now[name], "none")]
    changed += [name for name in BOUNDS if before.get(name, DEFAULTS[name]) != now[name]]
    if changed:
        raise InputError(path, f"a training with {_values(now, changed)}", f"one with {_values(before, changed)}",
                         f"Give the option that it was trained with, or {_ANEW}.")


def _front_end(options: dict[str, Any]) -> dict[str, Any]:
    """All values of wav2vec 2.0's configuration, spelt alike."""
    known = OmegaConf.to_container(OmegaConf.structured(Wav2Vec2Config), enum_to_str=True)
    values = {**known, **front_end_overrides(OmegaConf.create(options))}  # type: ignore[dict-item]  # a configuration is a dictionary
    return {**values, "conv_feature_layers": "".join(str(values["conv_feature_layers"]).split())}


def _check_weights(path: str, shapes: dict[str, tuple[int, ...]], model: nn.Module) -> None:
    own = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    division = getattr(model, "division", None)
    shapes = shapes if division is None else division.shapes(shapes, own)
    local = any(LOCAL in name for name in shapes)
    begin = tuple(part for part in SAID.values() if not any(map(str.startswith, shapes, repeat(part))))  # new parts
    missing = [name for name in own if name not in shapes and not name.startswith(begin)
               and (local or LOCAL not in name)]
    faults = [f"no {_some(missing)}"] if missing else []
    extra = [name for name in shapes if name not in own]
    faults += [f"{_some(extra)}, for which the model has no place"] if extra else []
    other = [f"{name} of shape {shapes[name]} for {own[name]}" for name in own
             if name in shapes and shapes[name] != own[name]]
    faults += [_some(other)] if other else []
    if faults:
        raise InputError(path, "the weights of the model that the options describe", "; ".join(faults),
                         "Give the options and the corpus that it was trained with.")


def _check_state(contents: dict[str, Any], before: dict[str, Any], now: dict[str, Any], criterion: Any,
                 reset_lr_scheduler: bool) -> None:
    """What would take up the state must be what recorded it."""
    path, recorded = contents["path"], contents["optimizer"]
    kinds = [("--criterion", recorded.get("criterion_name"), type(criterion).__name__)]
    if before:
        kinds.append(("optimizer", _optimizer(before), _optimizer(now)))
    for option, then, here in kinds:
        if then not in (None, here):
            raise InputError(path, f"{option} {here}", f"{option} {then}", f"Keep it, or {_ANEW}.")
    if not before or reset_lr_scheduler:
        return
    schedule = _name(now, "lr_scheduler")
    if _name(before, "lr_scheduler") != schedule:
        raise InputError(path, f"--lr-scheduler {schedule}", f"--lr-scheduler {_name(before, 'lr_scheduler')}",
                         "Keep it, or add --reset-lr-scheduler.")
    if schedule == "reduce_lr_on_plateau" and _goal(before) != _goal(now):
        raise InputError(path, f"--lr-scheduler {schedule} by {_goal(now)}", f"one by {_goal(before)}",
                         "Keep the metric, or add --reset-lr-scheduler.")


def _optimizer(cfg: dict[str, Any]) -> str:
    """The kind of optimizer, by what its state looks like."""
    common = cfg["common"]
    if common["memory_efficient_fp16"] or common["memory_efficient_bf16"]:
        precision = "memory-efficient half precision"
    elif common["amp"]:
        precision = "--amp"
    elif common["fp16"] and not common["fp16_no_flatten_grads"]:
        precision = "--fp16 with flat gradients"
    else:
        precision = "half precision" if common["fp16"] or common["bf16"] else "fp32"
    return f"{_name(cfg, 'optimizer')} in {precision}"


def _name(cfg: dict[str, Any], part: str) -> str | None:
    """Of the optimizer or the schedule, which fairseq describes in either of two ways."""
    described = cfg.get(part) or {}
    name: str | None = described.get(part) or described.get("_name")
    return name


def _order(contents: dict[str, Any], model: nn.Module) -> list[int | None] | None:
    """The optimizer numbers parameters as the model names them, and so do the weights of the checkpoint."""
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    known = set(names)
    then = [name for name in contents["shapes"] if name in known]
    flat = contents["optimized"] == [1]
    if then == names and (flat or sum(contents["optimized"]) == len(names)):
        return None
    if contents["optimized"] != [len(then)]:
        found = f"one of {sum(contents['optimized'])} tensors for {len(then)} parameters, which have no names"
        raise InputError(contents["path"], f"an optimizer's state for {len(names)} parameters by name", found,
                         f"Give the options that it was trained with, or {_ANEW}.")
    new = [name for name in names if name not in then]
    if new:
        logger.info("%s has no optimizer's state for %s, which begin without", contents["path"], _some(new))
    positions = {name: position for position, name in enumerate(then)}
    return [positions.get(name) for name in names]


def _goal(cfg: dict[str, Any]) -> str:
    """What decides which checkpoint is best."""
    if not cfg:
        return "unknown"
    most = "highest" if cfg["checkpoint"]["maximize_best_checkpoint_metric"] else "lowest"
    return f"the {most} {cfg['checkpoint']['best_checkpoint_metric']} on {cfg['dataset']['valid_subset'].split(',')[0]}"


def _tell_of_best(path: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Files that fairseq would take for the best of another validation set."""
    metric, of = before["checkpoint"]["best_checkpoint_metric"], now["checkpoint"]
    if metric == of["best_checkpoint_metric"] and of["keep_best_checkpoints"] > 0:
        logger.warning("%s: checkpoint.best_%s_*.pt of before count among the best from here on: move them elsewhere "
                       "to keep the best on %s alone", path, metric, now["dataset"]["valid_subset"].split(",")[0])


def _values(options: dict[str, Any], names: Iterable[str]) -> str:
    return ", ".join(f"{name} {options[name]!r}" for name in names)


def _some(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
