"""Networks of several sizes: the paper's, and others of its shape."""

import json
from typing import Any, NamedTuple

from mgcm_fairseq.models.config import PRESETS, SimulSTModelConfig

VOCABULARY = 10_000  # pieces (paper)
PAD = 1

_NO_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0}
_FRONT_END_NO_DROPOUT = {**_NO_DROPOUT, "dropout_input": 0.0, "encoder_layerdrop": 0.0}


class Size(NamedTuple):
    """A network, and how it is measured unless the user says otherwise."""

    differs: dict[str, Any]  # from the paper's preset
    seconds: float = 8.0  # of audio in an utterance
    rounds: int = 5  # timed steps of each method


def _wav2vec2(dim: int, ffn_dim: int, heads: int, layers: int, **more: Any) -> dict[str, Any]:
    return {"w2v_config": json.dumps({"encoder_embed_dim": dim, "encoder_ffn_embed_dim": ffn_dim,
                                      "encoder_attention_heads": heads, "encoder_layers": layers, **more})}


SIZES: dict[str, Size] = {
    # the paper's depth, and so its operators, with next to no arithmetic in them: what is left is calling them
    "thin": Size({**_wav2vec2(32, 32, 4, 12, conv_feature_layers="[(8,10,5)] + [(8,3,2)] * 4 + [(8,2,2)] * 2"),
                  "model_dim": 32, "ffn_dim": 32, "attention_heads": 4}, seconds=0.5, rounds=15),
    "0.003": Size({**PRESETS["demo"], "ctc": False}),
    # half the paper's width
    "0.05": Size({**_wav2vec2(384, 1536, 6, 12), "model_dim": 384, "ffn_dim": 1024}),
    "0.2": Size(PRESETS["paper"]),
    # wav2vec2 large in front of layers as wide
    "0.5": Size({**_wav2vec2(1024, 4096, 16, 24), "model_dim": 1024, "ffn_dim": 4096, "attention_heads": 16}),
    # layers as wide as those of XLS-R 1B, 36 of its 48 in the front end
    "1.0": Size({**_wav2vec2(1280, 5120, 16, 36), "model_dim": 1280, "ffn_dim": 5120, "attention_heads": 16}),
}
"""Name -> network; a number is roughly its billions of parameters."""


def config_of(size: str) -> SimulSTModelConfig:
    """The network of a size, without dropout: every method then does the same arithmetic."""
    config = SimulSTModelConfig()
    for name, value in {**SIZES[size].differs, **_NO_DROPOUT}.items():
        setattr(config, name, value)
    config.w2v_config = json.dumps({**json.loads(config.w2v_config), **_FRONT_END_NO_DROPOUT})
    return config
