"""Devices that torch sees, and those that it does not."""

import pytest
import torch

from mgcm_fairseq.common.device import check_device
from mgcm_fairseq.common.errors import InputError


@pytest.fixture
def gpus(monkeypatch):
    """Sets how many torch sees."""
    def see(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return see


@pytest.mark.parametrize(("count", "device"), [(0, "cpu"), (1, "cuda"), (2, "cuda:1")])
def test_what_is_there(gpus, count, device):
    gpus(count)
    check_device(device)


@pytest.mark.parametrize(("count", "device", "message"), [
    (0, "cuda", r"--device: expected a GPU that torch can use, found cuda, and no GPUs that it sees. Pass cpu."),
    (2, "cuda:2", r"found cuda:2, and 2 GPUs that it sees. Pass one from cuda:0 to cuda:1."),
    (1, "cuda:1", r"found cuda:1, and 1 GPU that it sees. Pass one from cuda:0 to cuda:0.")])
def test_what_is_not_there_is_refused(gpus, count, device, message):
    gpus(count)
    with pytest.raises(InputError, match=message):
        check_device(device)


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:-1", "", "cuda0"])
def test_other_names_are_refused(gpus, device):
    gpus(1)
    with pytest.raises(InputError, match=f"device: expected cpu, cuda or cuda:N, found '{device}'"):
        check_device(device, "device")
