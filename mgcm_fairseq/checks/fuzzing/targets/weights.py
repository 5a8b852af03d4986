"""Spoils what torch.save writes: configuration, names and tensors, and the bytes of the file."""

import io
from collections import OrderedDict
from random import Random
from typing import Any

import torch
from torch import Tensor

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes, text
from mgcm_fairseq.checks.fuzzing.spoiling_json import ODD, spoil_value


class Malicious:
    """What an unpickler that runs code would run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("code of a checkpoint has run",)


def saved(random: Random, state: dict[str, Any]) -> bytes:
    """The state with a few changes, as a file with a few more."""
    for _ in range(random.randint(0, 2)):
        state = spoil(random, state)
    file = io.BytesIO()
    torch.save(state, file, _use_new_zipfile_serialization=bool(random.randrange(4)))
    data = file.getvalue()
    return few(random, data, (spoil_bytes,), 2) if not random.randrange(4) else data


def spoil(random: Random, value: Any) -> Any:
    """One change somewhere inside."""
    if isinstance(value, Tensor):
        return _spoil_tensor(random, value)
    if isinstance(value, dict) and value and random.randrange(12):
        key, kind = random.choice(list(value)), random.randrange(10)
        if kind == 0:
            return {name: one for name, one in value.items() if name != key}
        if kind == 1:
            return {(text(random) if name == key else name): one for name, one in value.items()}
        return {**value, key: spoil(random, value[key])}
    if not random.randrange(20):
        return random.choice((Malicious(), OrderedDict(a=1), {1, 2}, b"bytes", torch.float16, complex(1, 2)))
    return spoil_value(random, value)


def _spoil_tensor(random: Random, tensor: Tensor) -> Any:
    kind = random.randrange(10)
    if kind == 0:
        return tensor.flatten()
    if kind == 1:
        return tensor[..., :-1].clone()
    if kind == 2:
        return tensor.to(random.choice((torch.float16, torch.float64, torch.int8, torch.bool, torch.complex64)))
    if kind == 3:
        return tensor.t().clone() if tensor.dim() == 2 else tensor[None]
    if kind == 4:
        return torch.zeros(0)
    if kind == 5:
        return tensor.to_sparse()
    if kind == 6:
        return torch.empty(tensor.shape, device="meta")
    if kind == 7:
        return torch.nn.Parameter(tensor.float())
    if kind == 8:
        return torch.cat([tensor, tensor])if tensor.dim() else tensor
    return random.choice(ODD)
