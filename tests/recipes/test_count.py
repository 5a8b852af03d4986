"""A plan counts the batches that the training will see: on the grid of lengths for a GPU, of any length for a CPU."""

import shutil

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.recipes.cluster import Cluster
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.count import Count
from mgcm_fairseq.recipes.micro_batches import Cut, cut_of
from mgcm_fairseq.recipes.plan import updates_of
from tests.recipes.test_step_cost import SMALL

WHOLE = Cut(480_000, 32, 1)


def count(corpus, cpu, *more):
    cluster = Cluster(1, 1, cpu)
    return Count(resolve("multi_task", [f"task.data={corpus}", *cluster.overrides([]), *SMALL, *more]), 1)


def lengths(counted, cut):
    """Distinct lengths of audio among the collated batches, and the share of the padding in all of them."""
    dataset = counted.dataset
    waveforms = [dataset.collater([dataset[index] for index in batch])["net_input"] for batch in counted._of_cut(cut)]
    padded = sum(one["src_tokens"].numel() for one in waveforms)
    audio = sum(int(one["src_lengths"].sum()) for one in waveforms)
    return {one["src_tokens"].size(1) for one in waveforms}, 1 - audio / padded, padded


@pytest.mark.parametrize(("cpu", "option", "on_grid"), [
    (False, "auto", True), (True, "auto", False), (True, "always", True), (False, "never", False)])
def test_batches_are_those_of_the_processor_that_will_train(tiny_corpus, cpu, option, on_grid):
    counted = count(tiny_corpus, cpu, f"task.length_grid={option}")
    found = counted.batches(WHOLE)
    sizes, padding, padded = lengths(counted, WHOLE)
    assert all((size - 80) % 2560 == 0 for size in sizes) == on_grid
    assert (found.padding, found.samples) == (pytest.approx(padding, abs=1e-12), padded)


def test_the_split_that_will_be_trained_on_is_counted(tiny_corpus, tmp_path):
    corpus = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    rows = (corpus / "train.tsv").read_text().splitlines(keepends=True)
    (corpus / "half.tsv").write_text("".join(rows[:21]))
    (corpus / "train.tsv").unlink()
    counted = count(corpus, True, "dataset.train_subset=half")
    assert len(counted.dataset) == 20
    assert counted.dataset.shuffle_seed is not None
    assert "20 utterances of training" in counted.corpus


def test_an_utterance_that_no_batch_can_hold_is_left_out_as_in_training(tiny_corpus):
    counted = count(tiny_corpus, True)
    lengths = counted.dataset.audio_lengths
    limit = int(sorted(lengths)[20])
    made = counted._of_cut(Cut(limit, 32, 1))
    assert sorted(index for batch in made for index in batch) == [
        index for index, length in enumerate(lengths) if length <= limit]


def test_a_plan_leaves_the_configuration_as_it_is(tiny_corpus):
    cfg = resolve("multi_task", [f"task.data={tiny_corpus}", *Cluster(1, 1).overrides([]), *SMALL])
    Count(cfg, 1)
    assert cfg.task.length_grid == "auto"
    assert cut_of(cfg) == Cut(1_500_000, 32, 8)


def test_a_task_that_ends_counts_as_though_it_stayed(tiny_corpus):
    stays, ends, without = (count(tiny_corpus, True, *more).memory(WHOLE).total for more in (
        (), ("++task.asr_until=3",), ("criterion.tasks='st,mt'",)))
    assert stays == ends > without


@pytest.mark.parametrize("state", [{}, {"optimizer_history": []}, {"optimizer_history": [{"num_updates": "many"}]},
                                     {"optimizer_history": [{"num_updates": float("inf")}]},
                                     {"optimizer_history": [None]}])
def test_a_checkpoint_that_does_not_know_its_updates_is_refused(tmp_path, state):
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"a\.pt: expected a checkpoint in which fairseq-train recorded its updates"):
        updates_of(tmp_path / "a.pt")
