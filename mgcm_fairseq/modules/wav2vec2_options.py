"""The options of wav2vec 2.0: the front end that they describe, and the checkpoint that it starts from."""

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, open_dict
from torch import Tensor

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import parse_json
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.modules.front_end import Wav2Vec2FrontEnd
from mgcm_fairseq.modules.wav2vec2_checkpoint import read_wav2vec2


def make(options: Any) -> Wav2Vec2FrontEnd:
    """The front end of the model's options, with random weights; InputError if they describe none."""
    overrides = front_end_overrides(options)
    try:
        return Wav2Vec2FrontEnd(overrides, options.w2v_normalize, options.front_end_block * SAMPLE_RATE // 1000,
                                options.front_end_history * SAMPLE_RATE // 1000)
    except InputError:
        raise
    except Exception as error:  # in fairseq, of values that it does not check
        raise InputError("--w2v-config", "values that with those of --w2v-path make a wav2vec 2.0",
                         " ".join(f"{type(error).__name__}: {error}".split()), "Correct them, or pass another file."
                         ) from error


def front_end_overrides(options: Any) -> dict[str, Any]:
    """The JSON of --w2v-config as a dictionary; raises InputError if it is none."""
    try:
        values = parse_json(options.w2v_config)
    except ValueError as error:
        raise InputError("--w2v-config", "a JSON object", f"{options.w2v_config!r} ({error})",
                         "Quote it once more.") from error
    if not isinstance(values, dict):
        raise InputError("--w2v-config", "a JSON object", repr(options.w2v_config), "Write {\"name\": value}.")
    return values


def start_from_wav2vec2(cfg: DictConfig) -> dict[str, Tensor] | None:
    """Copies the configuration of cfg.w2v_path into cfg, which the checkpoint will carry; returns the weights."""
    if cfg.w2v_path is None:
        return None
    overrides = front_end_overrides(cfg)
    pretrained = read_wav2vec2(Path(cfg.w2v_path), cfg.w2v_trust, overrides)
    if cfg.w2v_normalize and not pretrained.normalize:
        raise InputError("--w2v-normalize", "a --w2v-path that was trained on scaled waveforms",
                         f"{cfg.w2v_path}, which was not", "Leave it out: that file decides.")
    try:
        described = json.dumps({**pretrained.config, **overrides})
    except TypeError as error:
        raise InputError(cfg.w2v_path, "a configuration of numbers and texts", str(error), "Pass another file."
                         ) from error
    with open_dict(cfg):
        cfg.w2v_config = described
        cfg.w2v_normalize = pretrained.normalize
    return pretrained.weights
