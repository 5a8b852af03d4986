"""Networks of several sizes: the paper's, and others of its shape."""

import json
from typing import Any

from mgcm_fairseq.models.config import PRESETS, SimulSTModelConfig

VOCABULARY = 10_000  # pieces (paper)
PAD = 1

_NO_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0}
_FRONT_END_NO_DROPOUT = {**_NO_DROPOUT, "dropout_input": 0.0, "encoder_layerdrop": 0.0}


def _wav2vec2(dim: int, ffn_dim: int, heads: int, layers: int) -> dict[str, Any]:
    return {"w2v_config": json.dumps({"encoder_embed_dim": dim, "encoder_ffn_embed_dim": ffn_dim,
                                      "encoder_attention_heads": heads, "encoder_layers": layers})}


SIZES: dict[float, dict[str, Any]] = {
    0.003: {**PRESETS["demo"], "ctc": False},
    # half the paper's width
    0.05: {**_wav2vec2(384, 1536, 6, 12), "model_dim": 384, "ffn_dim": 1024},
    0.2: PRESETS["paper"],
    # wav2vec2 large in front of layers as wide
    0.5: {**_wav2vec2(1024, 4096, 16, 24), "model_dim": 1024, "ffn_dim": 4096, "attention_heads": 16},
    # layers as wide as those of XLS-R 1B, 36 of its 48 in the front end
    1.0: {**_wav2vec2(1280, 5120, 16, 36), "model_dim": 1280, "ffn_dim": 5120, "attention_heads": 16},
}
"""Billions of parameters, roughly -> what differs from the paper's preset."""


def config_of(size: float) -> SimulSTModelConfig:
    """The network of a size, without dropout: every method then does the same arithmetic."""
    config = SimulSTModelConfig()
    for name, value in {**SIZES[size], **_NO_DROPOUT}.items():
        setattr(config, name, value)
    config.w2v_config = json.dumps({**json.loads(config.w2v_config), **_FRONT_END_NO_DROPOUT})
    return config
