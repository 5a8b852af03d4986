"""Batches of one language each, drawn by a seed: L languages, K batches of each, those of the first language first."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.columns import Columns

Indices = NDArray[np.int64]


def drawn(utterances: Columns, fitting: Indices, languages: Sequence[str], batches: int, size: int,
          seed: int) -> list[list[int]]:
    """L x K lists of the indices of `size` utterances, none of them twice.

    Args:
        utterances: of a manifest.
        fitting: indices of those that may be drawn.
    Raises:
        InputError: if a language has too few utterances.
    """
    ranks = utterances.source_ranks(languages)[fitting]
    found: list[list[int]] = []
    for rank, language in enumerate(languages):
        own = fitting[ranks == rank]
        if len(own) < batches * size:
            raise InputError(utterances.path, f"{batches} batches of {size} utterances of each language, "
                             f"{batches * size} in all", f"{len(own)} in {language}",
                             "Ask for fewer --batches or --utterances.")
        found += np.sort(_shuffled(own, seed, language)[:batches * size].reshape(batches, size)).tolist()
    return found


def paired(utterances: Columns, fitting: Indices, languages: Sequence[str], batches: int, most: int,
           seed: int) -> list[list[int]]:
    """L x K lists of indices: batch k holds the same sentences in every language, up to `most` of them.

    Sentences are the same if their translations are; of several in one language the first counts.

    Raises:
        InputError: if there are fewer than K such sentences.
    """
    ranks = utterances.source_ranks(languages)
    index: list[dict[str, int]] = [{} for _ in languages]
    for one in fitting.tolist():
        index[ranks[one]].setdefault(utterances.tgt_texts[one], one)
    common = np.array([text for text in index[0] if all(text in of_language for of_language in index)])
    size = min(most, len(common) // batches)
    if size < 1:
        raise InputError(utterances.path, f"at least {batches} sentences that are there in every language, one for "
                         "each batch", str(len(common)),
                         "Ask for fewer --batches, or name another split with --paired.")
    chosen = _shuffled(common, seed, "pairs")[:batches * size].reshape(batches, size).tolist()
    return [[of_language[text] for text in texts] for of_language in index for texts in chosen]


def _shuffled(values: NDArray[np.generic], seed: int, name: str) -> NDArray[np.generic]:
    """By a generator whose numbers NumPy has promised never to change."""
    return values[np.random.RandomState(zlib.crc32(f"{seed} {name}".encode())).permutation(len(values))]
