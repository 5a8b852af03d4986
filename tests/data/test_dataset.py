"""Batches of the dataset: padding, prefixes and order."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mgcm_fairseq.data.batch import Batch, Item
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.dataset import SpeechTranslationDataset
from mgcm_fairseq.data.length_grid import LengthGrid
from mgcm_fairseq.data.vocabulary import Vocabulary


def load(folder: Path, split: str = "train", seed: int | None = None,
         grid: LengthGrid | None = None) -> SpeechTranslationDataset:
    vocabulary = Vocabulary.load(folder, CorpusConfig.read(folder))
    return SpeechTranslationDataset(Columns(folder / f"{split}.tsv"), vocabulary, seed, grid=grid)


@pytest.mark.parametrize("grid", [None, LengthGrid(), LengthGrid(20_000)])
def test_a_batch_holds_every_item_padded_on_the_right(tiny_corpus, grid):
    dataset = load(tiny_corpus, grid=grid)
    vocabulary = dataset.vocabulary
    batch = dataset.collater([dataset[index] for index in (3, 8, 5)])
    assert batch.keys() == Batch.__annotations__.keys()
    assert dataset[3].keys() == Item.__annotations__.keys()
    lengths = batch["net_input"]["src_lengths"].tolist()
    assert lengths == sorted(lengths, reverse=True)
    for row, index in enumerate(batch["id"].tolist()):
        utterance, item = dataset.utterances[index], dataset[index]
        waveform = batch["net_input"]["src_tokens"][row]
        assert torch.equal(waveform[:lengths[row]], item["waveform"])
        assert not waveform[lengths[row]:].any()
        assert batch["references"][row] == utterance.tgt_text
        for name, text, language in (("transcript", utterance.src_text, "en"), ("target", utterance.tgt_text, "de")):
            expected = [*vocabulary.encode(text), vocabulary.eos]
            ids, prefix = batch[name][row].tolist(), batch[f"{name}_prefix"][row].tolist()
            assert ids[:len(expected)] == expected
            assert set(ids[len(expected):]) <= {vocabulary.pad}
            assert prefix[:len(expected)] == [vocabulary.tag(language), *expected[:-1]]
            assert set(prefix[len(expected):]) <= {vocabulary.pad}
        assert batch["transcript_lengths"][row] == len(item["transcript"])
    longest = max(lengths)
    assert batch["net_input"]["src_tokens"].size(1) == (longest if grid is None else int(grid.samples(longest)))
    for name in ("transcript", "target", "spelling"):
        longest = int(batch[name].ne(vocabulary.pad).sum(1).max())
        assert batch[name].size(1) == (longest if grid is None else -(-longest // 8) * 8)
    assert batch["ntokens"] == batch["target"].ne(vocabulary.pad).sum()


def test_spelling_is_what_can_be_heard(tiny_corpus):
    dataset = load(tiny_corpus)
    vocabulary, utterance = dataset.vocabulary, dataset.utterances[0]
    spelled = "".join(vocabulary.pieces[index] for index in dataset[0]["spelling"])
    letters = "".join(char for char in utterance.src_text.lower() if char.isalnum() or char == " ")
    assert spelled.replace("▁", " ") == letters


def test_order_is_by_length_and_ties_depend_on_the_seed(tiny_corpus):
    orders = []
    for seed, numpys in ((1, 1), (1, 7), (2, 1)):
        dataset = load(tiny_corpus, seed=seed)
        dataset.audio_lengths = np.array([5, 3, 5, 3] * (len(dataset) // 4))
        np.random.seed(numpys)  # fairseq's, which differs in a resumed training
        orders.append(dataset.ordered_indices())
    assert sorted(orders[0]) == list(range(len(dataset)))
    assert (np.diff(dataset.audio_lengths[orders[0]]) >= 0).all()
    assert (orders[0] == orders[1]).all()
    assert (orders[0] != orders[2]).any()


def test_sizes_are_samples_and_target_tokens(tiny_corpus):
    dataset = load(tiny_corpus, "dev")
    assert dataset.size(2) == (dataset.utterances[2].n_frames, len(dataset[2]["translation"]))
    assert dataset.sizes[2].tolist() == list(dataset.size(2))
    assert dataset.num_tokens_vec(np.array([1, 2])).tolist() == [dataset.num_tokens(1), dataset.num_tokens(2)]


def test_a_grid_changes_what_a_batch_takes_and_not_what_is_too_long(tiny_corpus):
    plain, dataset = load(tiny_corpus), load(tiny_corpus, grid=LengthGrid())
    assert dataset.num_tokens(2) == LengthGrid().samples(plain.num_tokens(2)) > plain.num_tokens(2)
    assert dataset.num_tokens_vec(np.array([2])).tolist() == [dataset.num_tokens(2)]
    assert (dataset.sizes == plain.sizes).all()
    assert dataset.size(2) == plain.size(2)
    assert dataset.filter_indices_by_size(np.array([2]), (plain.num_tokens(2), 512))[1] == []


def test_on_a_grid_a_length_has_one_number_of_rows(tiny_corpus):
    dataset = load(tiny_corpus, grid=LengthGrid())
    [_, *batches] = dataset.batch_by_size(dataset.ordered_indices(), 128_000)  # the first holds what is left
    longest = [max(dataset.num_tokens_vec(batch)) for batch in batches]
    assert len(set(longest)) > 3
    assert [len(batch) for batch in batches] == [128_000 // length for length in longest]


def test_an_empty_batch_is_fairseqs_dummy(tiny_corpus):
    assert load(tiny_corpus).collater([]) == {}
