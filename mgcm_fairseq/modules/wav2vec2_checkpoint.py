"""Reads a published wav2vec 2.0 checkpoint: its configuration and the weights that a front end keeps."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config
from omegaconf import OmegaConf
from torch import Tensor

from mgcm_fairseq.compat import load_checkpoint
from mgcm_fairseq.data.errors import InputError

PRETRAINING_ONLY = ("mask_emb", "quantizer.", "project_q.", "final_proj.", "target_glu.")


@dataclass(frozen=True)
class PretrainedFrontEnd:
    """What a front end needs of the file."""

    config: dict[str, Any]  # values of Wav2Vec2Config
    normalize: bool  # whether pre-training scaled each waveform to zero mean and unit variance
    weights: dict[str, Tensor]  # of Wav2Vec2Model, without the pre-training heads


def read_wav2vec2(path: Path, trust: bool) -> PretrainedFrontEnd:
    """Reads old files (`args`, a namespace) and new ones (`cfg`); raises InputError for anything else.

    Args:
        path: a file that fairseq wrote after wav2vec 2.0 pre-training.
        trust: unpickle it without an allow-list, which runs whatever code the file holds.
    """
    if not path.is_file():
        raise InputError(path, "a wav2vec 2.0 checkpoint", "no such file", "Correct --w2v-path.")
    state = load_checkpoint(path, trust=trust)
    if state.get("cfg") is not None:
        config = OmegaConf.create(state["cfg"])
    elif state.get("args") is not None:
        config = convert_namespace_to_omegaconf(state["args"])
    else:
        raise InputError(path, "a fairseq checkpoint with `cfg` or `args`", f"the keys {sorted(state)}",
                         "Use the published fairseq file, not a converted one.")
    name = config.model.get("_name")
    if name != "wav2vec2":
        raise InputError(path, "a pre-trained wav2vec2 model", f"a {name!r} model",
                         "Use the checkpoint from before fine-tuning.")
    known = OmegaConf.structured(Wav2Vec2Config)
    given = cast(dict[str, Any], OmegaConf.to_container(config.model, resolve=True))
    values = {key: value for key, value in given.items() if key in known}
    weights = {key: value for key, value in state["model"].items() if not key.startswith(PRETRAINING_ONLY)}
    return PretrainedFrontEnd(values, bool(config.task.get("normalize", False)), weights)
