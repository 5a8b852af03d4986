"""Bytes that a state keeps: every tensor, array and number that can be reached from it."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

NUMBER = 8  # bytes, whatever Python takes for it


def held_bytes(state: object, without: tuple[type, ...] = ()) -> int:
    """Whole storages, of which a tensor may be a part, count once; numbers and texts NUMBER each.

    Args:
        state: an object, or a collection; its attributes and items are followed.
        without: kinds of object that are not looked into, as networks are not.
    """
    total, seen, waiting = 0, set(), [state]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Tensor):
            one = one.untyped_storage()
        key = one.data_ptr() if isinstance(one, torch.UntypedStorage) else id(one)
        if isinstance(one, int | float | str | bytes):
            total += NUMBER
            continue
        if key in seen or one is None or isinstance(one, (nn.Module, type, *without)):
            continue
        seen.add(key)
        if isinstance(one, torch.UntypedStorage | np.ndarray):
            total += one.nbytes if isinstance(one, np.ndarray) else one.nbytes()
        else:
            waiting += _inside(one)
    return total


def _inside(one: object) -> list[Any]:
    if isinstance(one, Mapping):
        return [*one.values()]
    if isinstance(one, Collection) and not hasattr(one, "__dict__"):
        return [*one]
    return [*getattr(one, "__dict__", {}).values()]
