"""Reads a published wav2vec 2.0 or HuBERT: its configuration and the weights that a front end keeps.

HuBERT (arXiv 2106.07447) is trained for other targets than wav2vec 2.0. Once trained it is the same network.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor, nn

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.compat import load_checkpoint
from mgcm_fairseq.modules.wav2vec2_kinds import HUGGING_FACE, other_kind, strings_of

PRETRAINING_ONLY = ("mask_emb", "quantizer.", "project_q.", "final_proj.", "target_glu.",
                    "label_embs_concat")

_NAMES = ("wav2vec2", "hubert")
_WANTED = "a wav2vec 2.0 or HuBERT checkpoint of fairseq's from before fine-tuning"


@dataclass(frozen=True)
class PretrainedFrontEnd:
    """What a front end needs of the file."""

    config: dict[str, Any]  # values of Wav2Vec2Config
    normalize: bool  # whether pre-training scaled each waveform to zero mean and unit variance
    weights: dict[str, Tensor]  # of Wav2Vec2Model, without the pre-training heads


def read_wav2vec2(path: Path, trust: bool, overridden: Collection[str] = ()) -> PretrainedFrontEnd:
    """Reads old files (`args`, a namespace) and new ones (`cfg`); raises InputError for anything else.

    Args:
        path: a file that fairseq wrote after the pre-training of wav2vec 2.0 or HuBERT.
        trust: unpickle it without an allow-list, which runs whatever code the file holds.
        overridden: values of the configuration that are not read, since others replace them.
    """
    if path.is_dir():
        raise InputError(path, _WANTED, "a folder", HUGGING_FACE[1])
    if not path.is_file():
        raise InputError(path, "a wav2vec 2.0 or HuBERT checkpoint", "no such file", "Correct --w2v-path.")
    if path.suffix == ".safetensors":
        _refuse(path, HUGGING_FACE)
    try:
        state = load_checkpoint(path, trust=trust)
    except InputError:  # of classes that may run code; but trusting the file is no help if it is of another kind
        _refuse(path, other_kind(strings_of(path)))
        raise
    config = _config(path, state)
    weights = state.get("model")
    if not isinstance(weights, dict) or not all(map(is_weight, weights.values())):
        raise InputError(path, f"{_WANTED}, with weights in `model`", f"the keys {sorted(map(str, state))}",
                         "Download it again, or pass another.")
    sections: dict[str, Any] = OmegaConf.to_container(config)  # type: ignore[assignment]  # a dictionary, as a config is one
    sections = {name: section if isinstance(section, dict) else {} for name, section in sections.items()}
    model, task = sections.get("model", {}), sections.get("task", {})
    name = str(model.get("_name", "unnamed"))
    _refuse(path, other_kind(weights, name))
    if name not in _NAMES:
        raise InputError(path, _WANTED, f"a {name!r} model", "Pass another file.")
    values = {key: _value(path, config.model, key) for key in model
              if key in Wav2Vec2Config.__dataclass_fields__ and key not in overridden}
    normalize = "normalize" in task and bool(_value(path, config.task, "normalize"))
    return PretrainedFrontEnd(values, normalize,
                              {key: value for key, value in weights.items() if not key.startswith(PRETRAINING_ONLY)})


def is_weight(value: Any) -> bool:
    """Whether it is a tensor with all of its values, as checkpoints hold them."""
    return isinstance(value, Tensor) and value.layout is torch.strided and not value.is_meta


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Copies the file's weights into a Wav2Vec2Model; InputError unless each is a parameter's and has its shape."""
    own = module.state_dict()
    missing, extra = [name for name in own if name not in weights], [name for name in weights if name not in own]
    faults = [f"no {missing[0]} ({len(missing)} are missing)"] if missing else []
    faults += [f"{extra[0]}, which no parameter takes ({len(extra)} of them)"] if extra else []
    faults += [f"{name} of shape {tuple(weights[name].shape)} for {tuple(own[name].shape)}" for name in own
               if name in weights and weights[name].shape != own[name].shape][:2]
    if faults:
        raise InputError(path, "the weights of the wav2vec 2.0 that its configuration, with --w2v-config, describes",
                         "; ".join(faults), "Leave sizes out of --w2v-config; else the file is not whole: download it "
                         "again, or pass another.")
    module.load_state_dict(weights)


def _config(path: Path, state: dict[str, Any]) -> DictConfig:
    try:
        if state.get("cfg") is not None:
            config = OmegaConf.create(state["cfg"], flags={"allow_objects": True})
        elif state.get("args") is not None:
            config = convert_namespace_to_omegaconf(state["args"])
        else:
            weights = state.get("model", state)
            _refuse(path, other_kind(weights if isinstance(weights, dict) else ()))
            raise InputError(path, "a fairseq checkpoint with `cfg` or `args`", f"the keys {_some(state)}",
                             "Use the published fairseq file, not a converted one.")
    except InputError:
        raise
    except Exception as error:  # of a configuration that this fairseq cannot read, which fails in any way
        raise InputError(path, f"{_WANTED}, with its configuration", _line(error), "Pass another file.") from error
    if not isinstance(config, DictConfig):
        raise InputError(path, f"{_WANTED}, with its configuration in `cfg`", f"a {type(state['cfg']).__name__} there",
                         "Pass another file.")
    return config


def _value(path: Path, section: DictConfig, key: str) -> Any:
    try:
        value = section[key]
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except OmegaConfBaseException as error:
        raise InputError(path, f"a value for {key} in its configuration", _line(error),
                         f"Give the value with --w2v-config '{{\"{key}\": VALUE}}'.") from error


def _refuse(path: Path, found: tuple[str, str] | None) -> None:
    """InputError for a file that is known to be of another kind."""
    if found is not None:
        raise InputError(path, _WANTED, *found)


def _some(state: dict[str, Any]) -> str:
    names = sorted(map(str, state))
    return f"{names[:8]}{' and more' if len(names) > 8 else ''}"


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
