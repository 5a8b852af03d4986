"""Attention that would compile a kernel for every shape, and the repair that keeps it from that."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mgcm_fairseq.modules.schedule import Phase
from tests.compat.fresh import python
from tests.modules.networks import network, speech, tokens

CUDNN_ATTENTION = "import torch; print(torch.backends.cuda.cudnn_sdp_enabled())"


def test_attention_may_compile_for_every_shape() -> None:
    assert python(CUDNN_ATTENTION).stdout == "True\n"


@pytest.mark.parametrize("way_in", [
    "from mgcm_fairseq import compat; compat.install()", "import mgcm_fairseq.tasks",
    "import mgcm_fairseq.decoding.system",
    "from fairseq.utils import import_user_module; from argparse import Namespace; "
    "import_user_module(Namespace(user_dir='mgcm_fairseq'))"])
def test_attention_does_not_compile_once_repaired(way_in: str) -> None:
    found = python(f"{way_in}; {CUDNN_ATTENTION}")
    assert found.stdout == "False\n", found.stderr


class Operators(TorchDispatchMode):
    """Names of the operators that run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("changes", [{}, {"front_end_block": 320}, {"segmentation_variant": "repaired"}])
def test_all_attention_is_pytorchs_which_the_repair_is_for(changes: dict[str, Any]) -> None:
    """fairseq's own in wav2vec 2.0 (1 layer) too, beside the encoder's (2) and the decoder's (2, of two each)."""
    model, now = network(**changes), Phase(segmented="segmentation_variant" in changes)
    with Operators() as operators, torch.no_grad():
        model.decoder(tokens([5])[0], model.encoder.speech(*speech([8_000]), now))
    fused = [name for name in operators.names if "scaled_dot_product" in name]
    assert len(fused) == 7
    assert not any("softmax" in name for name in operators.names)
