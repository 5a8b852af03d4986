"""Checkpoints of wav2vec 2.0, from the file to a front end that has its weights."""

from pathlib import Path
from random import Random
from typing import Any

import torch
from omegaconf import OmegaConf

from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.checks.fuzzing.targets.weights import saved
from mgcm_fairseq.checks.gpu.random_wav2vec2 import SMALL, save_random
from mgcm_fairseq.core.kinds import PieceKinds
from mgcm_fairseq.models.config import SimulSTModelConfig
from mgcm_fairseq.models.simul_st import build_network
from mgcm_fairseq.modules.wav2vec2_checkpoint import load_weights
from mgcm_fairseq.modules.wav2vec2_options import start_from_wav2vec2


class Wav2Vec2:
    """A front end has every weight of the file, or the file is refused."""

    def __init__(self, shared: Path) -> None:
        save_random(shared / "w2v.pt", SMALL)
        self._state = torch.load(shared / "w2v.pt", weights_only=True)

    def draw(self, random: Random) -> Files:
        return {"w2v.pt": saved(random, self._state)}

    def read(self, folder: Path) -> None:
        cfg = OmegaConf.structured(SimulSTModelConfig(w2v_path=str(folder / "w2v.pt"), model_dim=16, ffn_dim=16,
                                                      attention_heads=2, encoder_layers=1, decoder_layers=1))
        weights = start_from_wav2vec2(cfg)
        assert weights is not None
        front_end: Any = build_network(cfg, PieceKinds([0] * 8, [0] * 8), pad=1).encoder.front_end
        load_weights(front_end.wav2vec2, weights, folder / "w2v.pt")
        state = torch.load(folder / "w2v.pt", weights_only=True)["model"]
        for name, tensor in front_end.wav2vec2.state_dict().items():
            same(f"weight {name}", torch.equal(tensor, state[name].to(tensor)), True)
