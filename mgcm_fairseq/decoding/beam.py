"""Beam search from a prefix that cannot be taken back, over all audio heard; with a beam of 1, greedy decoding."""

from argparse import ArgumentParser
from typing import NamedTuple

import torch
from torch import Tensor

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.decoding.continuation import most_pieces
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.source import Memory


class Hypothesis(NamedTuple):
    """Pieces that follow the prefix, without </s>."""

    pieces: list[int]
    ended: bool  # by </s>, not by the limit


class BeamSearch:
    """fairseq-generate's search with its default options, for one utterance: sums of log-probabilities by length.

    B hypotheses, V pieces.
    """

    def __init__(self, system: System, beam: int) -> None:
        if beam < 1:
            raise InputError("--beam", "a beam of at least 1", str(beam), "Correct the option.")
        self.system = system
        self.beam = beam

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        parser.add_argument("--beam", type=int, default=1, metavar="N", help="hypotheses kept in search; 1 is greedy")

    @torch.inference_mode()
    def best(self, prefix: list[int], memory: Memory, limit: int | None = None,
             may_be_empty: bool = False) -> Hypothesis:
        """The hypothesis with the best mean log-probability a piece, the prefix's pieces and </s> counted.

        A word of the prefix is not lengthened, and no hypothesis is empty unless it `may_be_empty`. With its prefix it
        has at most `limit` pieces, of `most_pieces` unless it is given, or those of the prefix.
        """
        limit = most_pieces(memory) if limit is None else limit
        eos = self.system.vocabulary.eos
        cache = Cache()
        tokens_BU = torch.tensor([[self.system.tag, *prefix]])
        log_BUV = self._log_probabilities(tokens_BU, memory, cache)
        score_B = log_BUV[:, :-1].gather(2, tokens_BU[:, 1:, None]).sum((1, 2))
        log_BV = log_BUV[:, -1]
        if prefix:
            log_BV[:, self.system.writing.lengthening(prefix)] = -torch.inf
        elif not may_be_empty:
            log_BV[:, eos] = -torch.inf
        found: list[tuple[float, Hypothesis]] = []
        pieces: list[list[int]] = [[]]
        while True:
            length = len(prefix) + len(pieces[0]) + 1  # with the piece to come
            if length > limit:
                ends = score_B + log_BV[:, eos]
                found += sorted(((score / length, Hypothesis(one, False))
                                 for score, one in zip(ends.tolist(), pieces, strict=True)), reverse=True)
                break
            total_BV = score_B.unsqueeze(1) + log_BV
            scores, indices = total_BV.flatten().topk(min(2 * self.beam, total_BV.numel()))
            candidates = [(score, index // log_BV.size(1), index % log_BV.size(1))
                          for score, index in zip(scores.tolist(), indices.tolist(), strict=True) if score > -torch.inf]
            found += [(score / length, Hypothesis(pieces[row], True))
                      for score, row, piece in candidates[:self.beam] if piece == eos]
            if len(found) >= self.beam:
                break
            kept = [(score, row, piece) for score, row, piece in candidates if piece != eos][:self.beam]
            pieces = [[*pieces[row], piece] for _, row, piece in kept]
            score_B = torch.tensor([score for score, _, _ in kept])
            _reorder(cache, torch.tensor([row for _, row, _ in kept], device=self.system.device))
            log_BV = self._log_probabilities(torch.tensor([[piece] for _, _, piece in kept]), memory, cache)[:, -1]
        return max(found[:self.beam], key=lambda scored: scored[0])[1]

    def _log_probabilities(self, tokens_BU: Tensor, memory: Memory, cache: Cache) -> Tensor:
        """(B, U, V) on the CPU, without padding, in fp32."""
        states = memory.states.expand(tokens_BU.size(0), -1, -1)
        logits = self.system.network.decoder(tokens_BU.to(states.device), memory._replace(states=states), cache)
        log_BUV = logits.float().cpu().log_softmax(2)
        log_BUV[:, :, self.system.vocabulary.pad] = -torch.inf
        return log_BUV


def _reorder(cache: Cache, rows_B: Tensor) -> None:
    """Lets each hypothesis follow the one that it extends; what is known of the memory is the same for all."""
    for name, value in cache.items():
        cache[name] = value[:1].expand(len(rows_B), -1, -1, -1) if ".cross." in name else value[rows_B]
