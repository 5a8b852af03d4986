"""Tensors that grow as speech and text do, without a copy of what is there at every step. S steps, D width."""

from collections.abc import Mapping

import torch
from torch import Tensor

LEAST = 64  # steps in a buffer


class Growing:
    """One tensor (..., S, D) to whose end steps are added.

    From its second growth on it stands in a buffer of up to 2.5 times as many steps, and moves to another when that
    is full. A part of it that somebody else holds stays as it is. Where gradients are taken it has no buffer, and is
    copied.
    """

    def __init__(self, value: Tensor, buffered: bool = True) -> None:
        """`buffered`: whether it may have a buffer, which does not pay for one that grows once or twice."""
        self.value = value
        self.dropped = 0  # steps at its beginning
        self._buffered = buffered
        self._grown = False
        self._buffer: Tensor | None = None
        self._end = 0  # steps of the buffer that are taken

    def fork(self) -> "Growing":
        """Another one, for a few steps, of the same tensor."""
        other = Growing(self.value, buffered=False)
        other.dropped = self.dropped
        return other

    def append(self, new: Tensor) -> Tensor:
        """All with the new steps (..., N, D) behind."""
        count, added = self.value.size(-2), new.size(-2)
        if not self._buffered or not self._grown or torch.is_grad_enabled():
            self.value, self._buffer, self._grown = torch.cat([self.value, new], -2), None, True
            return self.value
        if self._buffer is None or self._end + added > self._buffer.size(-2):
            self._buffer = _buffer_for(self.value, count + added)
            self._buffer[..., :count, :] = self.value
            self._end = count
        self._buffer[..., self._end:self._end + added, :] = new
        self._end += added
        self.value = self._buffer[..., self._end - count - added:self._end, :]
        return self.value

    def keep_last(self, steps: int) -> None:
        """Drops what is before the last so many steps."""
        dropped = max(0, self.value.size(-2) - steps)
        self.dropped += dropped
        self.value = self.value[..., dropped:, :]


class Cache(dict[str, Tensor]):
    """Keys and values of earlier steps, and cross-attention's last queries, (B, H, S, D/H) each, and last inputs of
    local convolutions, (B, D, S), under names that the layers choose."""

    def __init__(self, values: Mapping[str, Tensor] | None = None) -> None:
        super().__init__(values or {})
        self._growing: dict[str, Growing] = {}

    def fork(self) -> "Cache":
        """Another one, for a few steps, that holds the same."""
        other = Cache(self)
        other._growing = {name: one.fork() for name, one in self._growing.items()}
        return other

    def append(self, name: str, new: Tensor) -> Tensor:
        """All that is under a name, with new steps behind."""
        found = self._growing.get(name)
        if name not in self:
            found, self[name] = Growing(new), new
        elif found is None or found.value is not self[name]:  # somebody has put something else here
            found = Growing(self[name])
            self[name] = found.append(new)
        else:
            self[name] = found.append(new)
        self._growing[name] = found
        return self[name]

    def keep_last(self, name: str, steps: int) -> None:
        """Drops what is before the last so many steps under a name to which was appended."""
        self._growing[name].keep_last(steps)
        self[name] = self._growing[name].value

    def steps(self, name: str) -> int:
        """How many were appended under a name, those dropped too."""
        return self._growing[name].dropped + self[name].size(-2) if name in self else 0


def _buffer_for(value: Tensor, steps: int) -> Tensor:
    size = LEAST
    while 4 * size < 5 * steps:
        size *= 2
    return value.new_empty((*value.shape[:-2], size, value.size(-1)))
