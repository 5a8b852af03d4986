"""Peak memory of tensors, counted storage by storage: on a CPU, and for fake tensors, which have no memory."""

import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class LiveBytes(TorchDispatchMode):
    """Inside, every storage that an operator returns counts until it is freed; views count once.

    What an operator takes and frees again by itself (a convolution's workspace) does not count. Holds for the thread
    that it was entered in, where a CPU's backward pass runs too.
    """

    def __init__(self, known: Sequence[Tensor] = ()) -> None:
        """`known`: tensors that are there from the start."""
        super().__init__()
        self.now = self.peak = 0
        self.made: Counter[tuple[int, tuple[int, ...]]] = Counter()  # (bytes, first shape) -> storages there have been
        self._storages: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        for tensor in known:
            self._add(tensor)

    def __torch_dispatch__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs the operator and counts what it returns."""
        answer = func(*args, **(kwargs or {}))
        for tensor in tree_iter(answer):
            if isinstance(tensor, Tensor):
                self._add(tensor)
        return answer

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = id(storage), storage.nbytes()
        if key in self._storages:
            return

        def freed(_: Any) -> None:
            del self._storages[key]
            self.now -= size

        self._storages[key] = weakref.ref(storage, freed)
        self.made[size, tuple(tensor.shape)] += 1
        self.now += size
        self.peak = max(self.peak, self.now)
