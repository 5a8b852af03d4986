"""The share of padding against a count of zeros and pads in the batches themselves."""

import numpy as np
import pytest

from mgcm_fairseq.data.length_grid import LengthGrid
from mgcm_fairseq.data.padding import Amount, Padding, padding
from tests.data.test_dataset import load


@pytest.mark.parametrize("grid", [None, LengthGrid(), LengthGrid(40_000)])
def test_counts_are_those_of_the_batches(tiny_corpus, grid):
    dataset = load(tiny_corpus, grid=grid)
    batches = dataset.batch_by_size(dataset.ordered_indices(), 128_000)
    found = padding(dataset, batches)
    lengths = dataset.audio_lengths
    made = [dataset.collater([dataset[index] for index in batch]) for batch in batches]
    shapes = [tuple(batch["net_input"]["src_tokens"].shape) for batch in made]
    texts = [batch[name] for batch in made for name in ("transcript", "target")]
    text_lengths = [row.ne(dataset.vocabulary.pad).sum().item() for text in texts for row in text]
    longest = [max(row.ne(dataset.vocabulary.pad).sum().item() for row in text) for text in texts]
    assert found == Padding(
        len(batches), len({size for _, size in shapes}), len(set(shapes)),
        Amount(int(lengths.sum()),
               sum(rows * int(lengths[batch].max()) for (rows, _), batch in zip(shapes, batches, strict=True)),
               sum(rows * size for rows, size in shapes)),
        Amount(sum(text_lengths), sum(len(text) * most for text, most in zip(texts, longest, strict=True)),
               sum(text.numel() for text in texts)))
    assert (found.audio.of_grid > 0) == (found.tokens.of_grid > 0) == (grid is not None)


def test_an_epoch_of_another_speed_has_lengths_of_its_own(tiny_corpus):
    dataset = load(tiny_corpus)
    batches = [np.array([0, 1])]
    before = padding(dataset, batches).audio
    dataset.audio_lengths = 2 * dataset.audio_lengths
    assert padding(dataset, batches).audio == Amount(*(2 * part for part in before))


def test_the_line_of_a_log():
    made = Padding(1_200, 20, 21, Amount(900, 950, 1000), Amount(600, 750, 800))
    assert str(made) == ("1,200 batches of 20 lengths of audio; padding is 10.0 % of the audio (5.0 % by --length-grid)"
                         " and 25.0 % of the tokens (6.2 % by --length-grid)")
