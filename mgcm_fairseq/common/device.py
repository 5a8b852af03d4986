"""Whether this machine has the device that a user asks for."""

import re

import torch

from mgcm_fairseq.common.errors import InputError


def check_device(device: str, option: str = "--device") -> None:
    """InputError for anything but `cpu`, and `cuda` or `cuda:N` of a GPU that torch sees."""
    if device == "cpu":
        return
    if not re.fullmatch("cuda(:[0-9]{1,3})?", device):
        raise InputError(option, "cpu, cuda or cuda:N", repr(device), "Correct it.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2] or 0) >= count:
        raise InputError(option, "a GPU that torch can use",
                         f"{device}, and {count or 'no'} GPU{'s' * (count != 1)} that it sees",
                         f"Pass one from cuda:0 to cuda:{count - 1}." if count else "Pass cpu.")
