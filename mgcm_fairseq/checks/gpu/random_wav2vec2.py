"""A checkpoint as fairseq writes it after pre-training wav2vec 2.0, with random weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config, Wav2Vec2Model
from omegaconf import OmegaConf

PUBLISHED = {"quantize_targets": True, "final_dim": 256, "encoder_layerdrop": 0.05, "dropout_input": 0.1,
             "dropout_features": 0.1, "feature_grad_mult": 0.1}  # as in wav2vec_small.pt
SMALL = {"conv_feature_layers": "[(8,10,5)] + [(8,3,2)] * 4 + [(8,2,2)] * 2", "encoder_layers": 1,
         "encoder_embed_dim": 16, "encoder_ffn_embed_dim": 24, "encoder_attention_heads": 2, "conv_pos": 8,
         "conv_pos_groups": 2}  # next to nothing


def save_random(path: Path, differs: Mapping[str, Any]) -> None:
    """Writes one of the base model's shape, or of what `differs` makes of it."""
    torch.manual_seed(0)
    values = {**PUBLISHED, **differs}
    model = Wav2Vec2Model(OmegaConf.merge(OmegaConf.structured(Wav2Vec2Config), values))
    config = {"model": {"_name": "wav2vec2", **values}, "task": {"_name": "audio_pretraining", "normalize": False}}
    torch.save({"model": model.state_dict(), "args": None, "cfg": config}, path)
