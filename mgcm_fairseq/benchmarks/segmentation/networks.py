"""Networks of the presets' shapes with random weights, which have a segmenter."""

from collections.abc import Mapping
from typing import Any

from mgcm_fairseq.core.kinds import PieceKinds
from mgcm_fairseq.models.config import PRESETS, SimulSTModelConfig
from mgcm_fairseq.models.simul_st import build_network
from mgcm_fairseq.modules.encoder import SharedEncoder

SIZES = list(PRESETS)
PIECES, PAD = 8, 1  # a vocabulary that nothing is made of: only the encoder is measured


def encoder_of(size: str, changes: Mapping[str, Any]) -> SharedEncoder:
    """The encoder of a preset with changes, which can segment as `repaired`."""
    config = SimulSTModelConfig()
    values = {**PRESETS[size], "decoder_layers": 1, "ctc": False, "segmentation_variant": "repaired", **changes}
    for name, value in values.items():
        setattr(config, name, value)
    return build_network(config, PieceKinds(*[[0] * PIECES] * 2), PAD).encoder
