"""A checkpoint that is ready to translate, on a device and in a precision."""

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.system import load_system


def test_the_network_is_put_there_in_its_precision(tiny_checkpoint, tiny_corpus):
    system = load_system(tiny_checkpoint, tiny_corpus)
    assert system.on("cpu", torch.float64) is system
    assert {weight.dtype for weight in system.network.parameters()} == {torch.float64}
    with pytest.raises(InputError, match="--device: expected a GPU that torch can use, found cuda:99"):
        system.on("cuda:99")
