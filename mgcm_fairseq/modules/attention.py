"""Multi-head attention over an explicit mask, with an optional key-value cache for step-by-step decoding."""

import torch
from torch import Tensor, nn

from mgcm_fairseq.modules.biased_attention import attend
from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.positions import RotaryPositions


class MultiheadAttention(nn.Module):
    """Scaled dot-product attention with H heads (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, dim: int, heads: int, dropout: float, rotary: RotaryPositions | None = None) -> None:
        """`rotary`: of self-attention whose queries and keys are turned; cached keys are, since the first step of all.
        """
        super().__init__()
        if dim % heads:
            raise ValueError(f"attention: expected a dimension divisible by {heads} heads, found {dim}.")
        self.heads = heads
        self.dropout = dropout
        self.rotary = rotary
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(dim, dim) for _ in range(3))
        self.out_proj = nn.Linear(dim, dim)
        for projection in (self.q_proj, self.k_proj, self.v_proj):
            nn.init.xavier_uniform_(projection.weight, gain=2**-0.5)
        nn.init.xavier_uniform_(self.out_proj.weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query_BTD: Tensor, key_BSD: Tensor, mask: Tensor | None) -> Tensor:
        """Attends from T queries to S keys.

        Args:
            query_BTD: queries.
            key_BSD: keys and values.
            mask: broadcastable to (B, H, T, S); bool, True where attention is allowed, or a float bias; None for all.
        """
        (key, value), query = self.project(key_BSD), self._split(self.q_proj(query_BTD))
        if self.rotary is not None:
            query, key = self.rotary(query), self.rotary(key)
        return self._mix(query, key, value, mask)

    def step(self, query_BTD: Tensor, cache: Cache, name: str, mask: Tensor | None) -> Tensor:
        """Self-attention of new positions to the cached and the new ones; extends the cache under `name`."""
        query, (key, value) = self._split(self.q_proj(query_BTD)), self.project(query_BTD)
        if self.rotary is not None:
            start = cache.steps(f"{name}.k")
            query, key = self.rotary(query, start), self.rotary(key, start)
        return self._mix(query, cache.append(f"{name}.k", key), cache.append(f"{name}.v", value), mask)

    def cached_memory(self, query_BTD: Tensor, memory_BSD: Tensor, cache: Cache, name: str,
                      mask: Tensor | None) -> Tensor:
        """Cross-attention whose keys and values are projected once and kept in the cache under `name`.

        A memory that has grown since then keeps its first states.
        """
        known = cache[f"{name}.k"].size(2) if f"{name}.k" in cache else 0
        if memory_BSD.size(1) > known:
            for part, new in zip("kv", self.project(memory_BSD[:, known:]), strict=True):
                cache.append(f"{name}.{part}", new)
        cache[f"{name}.q"] = self._split(self.q_proj(query_BTD))
        return self._mix(cache[f"{name}.q"], cache[f"{name}.k"], cache[f"{name}.v"], mask)

    def project(self, key_BSD: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values, (B, H, S, D/H) each."""
        return self._split(self.k_proj(key_BSD)), self._split(self.v_proj(key_BSD))

    def _mix(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        mixed = attend(query, key, value, mask, dropout)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))

    def _split(self, x_BTD: Tensor) -> Tensor:
        return x_BTD.unflatten(2, (self.heads, -1)).transpose(1, 2)


def last_weights(cache: Cache, name: str) -> Tensor:
    """(B, T, S): how the last T queries of `cached_memory` under `name` attended to all S states, mean over heads."""
    query, key = cache[f"{name}.q"].float(), cache[f"{name}.k"].float()
    return torch.softmax(query @ key.mT * query.size(3) ** -0.5, 3).mean(1)
