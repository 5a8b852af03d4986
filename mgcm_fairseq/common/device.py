"""Whether this machine has the device that a user asks for."""

import torch

from mgcm_fairseq.common.errors import InputError


def check_device(device: str) -> None:
    """InputError for `cuda`, or `cuda:N`, where torch sees no such GPU."""
    if device == "cpu":
        return
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2] or 0) >= count:
        raise InputError("--device", "a GPU that torch can use",
                         f"{device}, and {count or 'no'} GPU{'s' * (count != 1)} that it sees",
                         f"Pass one from cuda:0 to cuda:{count - 1}." if count else "Pass cpu.")
