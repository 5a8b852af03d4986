"""The order of batches over epochs, workers, loader processes and interruptions."""

from itertools import chain, pairwise, product

import numpy as np
import pytest
import torch
from fairseq import options
from fairseq.dataclass.utils import convert_namespace_to_omegaconf

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.length_grid import LengthGrid
from mgcm_fairseq.data.padding import padding
from mgcm_fairseq.tasks.simul_st import SimulSTTask
from mgcm_fairseq.tasks.split import on_grid
from tests.tasks.training_tasks import iterator, make

BATCHES = 14  # of three of the 40 utterances: no number of workers below divides them
FREQUENCY = {1: 4, 2: 2, 3: 1, 4: 1}  # workers: micro-batches in an update


@pytest.mark.parametrize(("choice", "gpu", "flags", "expected"), [
    ("auto", True, [], True), ("auto", True, ["--cpu"], False), ("auto", False, [], False),
    ("auto", False, ["--cpu"], False), ("always", False, ["--cpu"], True), ("never", True, [], False)])
def test_automatic_is_where_a_gpu_trains(tiny_corpus, monkeypatch, choice, gpu, flags, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    arguments = options.parse_args_and_arch(options.get_training_parser(), [
        str(tiny_corpus), "--task", "simul_st", "--arch", "simul_st_demo", "--length-grid", choice, *flags])
    cfg = convert_namespace_to_omegaconf(arguments)
    task = SimulSTTask.setup_task(cfg.task)
    task.load_dataset("dev")
    assert on_grid(cfg.task) == expected
    assert (task.dataset("dev").grid is not None) == expected


@pytest.fixture(scope="module", params=["never", "always"])
def task(tiny_corpus, request):
    return make(tiny_corpus, request.param)


def workers(task, count, **options):
    return [iterator(task, max_sentences=3, num_shards=count, shard_id=shard, **options) for shard in range(count)]


def epoch(batches, shuffle):
    return [batch["id"].tolist() for batch in batches.next_epoch_itr(shuffle=shuffle)]


def ids(batch):
    return [] if batch["filler"] else sorted(batch["id"].tolist())


def updates(shards, count, stop=None, shuffle=True):
    """The batches of each update of all workers, until an epoch ends or after `stop` updates; none is a filler."""
    running = [shard.next_epoch_itr(shuffle=shuffle) for shard in shards]
    found = []
    while running[0].has_next() and len(found) != stop:
        together = [next(one) for _ in range(FREQUENCY[count]) for one in running if one.has_next()]
        found.append(sorted(filter(None, map(ids, together))))
    assert len({one.has_next() for one in running}) == 1
    return found


def test_every_utterance_comes_once_an_epoch(task):
    batches = iterator(task)
    for _ in range(2):
        assert sorted(index for ids in epoch(batches, True) for index in ids) == list(range(40))


@pytest.mark.parametrize("grid", ["never", "always"])
def test_what_is_scored_has_a_batch_however_long_it_is(tiny_corpus, grid):
    task = make(tiny_corpus, grid, "dev", max_source_samples=10_000)
    dataset = task.dataset("dev")
    shortest, longest = min(dataset.audio_lengths), max(dataset.audio_lengths)
    for limit in (shortest, 4 * longest):
        batches = task.get_batch_iterator(dataset, max_tokens=limit, max_positions=(10_000, 512)).frozen_batches
        assert sorted(chain(*batches)) == list(range(len(dataset)))
        made = [dataset.collater([dataset[index] for index in batch]) for batch in batches]
        assert all(batch["net_input"]["src_tokens"].numel() <= max(limit, longest) for batch in made)


@pytest.mark.parametrize("grid", ["never", "always"])
def test_whoever_is_within_the_limits_is_trained_on(tiny_corpus, grid):
    """At a limit of exactly the longest utterance, which the grid would raise above it."""
    longest = int(make(tiny_corpus, "never").dataset("train").audio_lengths.max())
    assert LengthGrid().samples(longest) > longest
    for samples, most in ((longest, 480_000), (10 * longest, longest)):
        task = make(tiny_corpus, grid, max_source_samples=most)
        batches = iterator(task, max_tokens=samples, max_positions=task.max_positions())
        made = list(batches.next_epoch_itr())
        assert sorted(index for batch in made for index in batch["id"].tolist()) == list(range(40))
        sizes = [batch["net_input"]["src_tokens"].shape for batch in made]
        assert all(rows * size <= samples and size <= most for rows, size in sizes)
        assert max(size for _, size in sizes) == longest


def test_augmentation_changes_lengths_on_the_grid_too(tiny_corpus):
    task = make(tiny_corpus, "always", augment_speed="0.8,1.25")
    dataset = task.dataset("train")
    grid = set(LengthGrid().samples(np.arange(1, 200_000, 40)).tolist())
    for number in (1, 2):
        batches = iterator(task, epoch=number, max_positions=task.max_positions())
        made = [tuple(batch["net_input"]["src_tokens"].shape) for batch in batches.next_epoch_itr()]
        assert {size for _, size in made} <= grid
        assert all(rows * size <= 128_000 for rows, size in made)
        found = padding(dataset, batches.frozen_batches)
        assert found.audio.padded == sum(rows * size for rows, size in made)


def test_a_curriculum_ends_with_its_epoch(task):
    batches = iterator(task)
    ascending, second, third = epoch(batches, False), epoch(batches, True), epoch(batches, True)
    longest = [max(batches.dataset.num_tokens_vec(ids)) for ids in ascending]
    assert longest == sorted(longest)
    assert sorted(second) == sorted(ascending)
    assert second != ascending
    assert third != second


def test_batches_are_full_and_hold_like_lengths(task):
    dataset = task.dataset("train")
    batches = iterator(task).frozen_batches
    ranges = [(dataset.audio_lengths[batch].min(), dataset.audio_lengths[batch].max()) for batch in batches]
    assert all(last <= first for (_, last), (first, _) in pairwise(ranges))
    longest = [dataset.num_tokens_vec(batch).max() for batch in batches]
    assert all(len(batch) * samples <= 128_000 for batch, samples in zip(batches, longest, strict=True))
    if task.cfg.length_grid == "never":
        assert all((len(batch) + 1) * dataset.audio_lengths[following[0]] > 128_000
                   for batch, following in pairwise(batches))
    else:
        assert all((len(batch) + 1) * samples > 128_000
                   for batch, samples in zip(batches[1:], longest[1:], strict=True))


@pytest.mark.parametrize("count", [2, 4])
def test_global_batches_are_the_same_for_any_number_of_workers(task, count):
    alone, together = workers(task, 1), workers(task, count)
    for shuffle in (False, True, True):
        expected = updates(alone, 1, shuffle=shuffle)
        assert updates(together, count, shuffle=shuffle) == expected
        assert sorted(chain(*chain(*expected))) == list(range(40))


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")  # on fewer cores
def test_order_and_batches_are_the_same_for_any_number_of_loader_processes(task):
    expected, *others = [[batch for _ in range(2) for batch in one.next_epoch_itr()]
                         for one in (iterator(task, num_workers=count) for count in (0, 1, 3))]
    for found in others:
        for ours, theirs in zip(found, expected, strict=True):
            assert ours["id"].tolist() == theirs["id"].tolist()
            assert ours["net_input"]["src_tokens"].equal(theirs["net_input"]["src_tokens"])


@pytest.mark.parametrize(("before", "after"), [*product((1, 2, 3, 4), repeat=2)])
def test_any_number_of_workers_goes_on_where_any_number_stopped(task, before, after):
    """At every update of the second epoch, and once more at a later one."""
    [alone] = workers(task, 1)
    second = [epoch(alone, True) for _ in range(2)][1]
    for stop in range(1, BATCHES // (FREQUENCY[before] * before) + 1):
        stopped = workers(task, before, epoch=2)
        consumed = updates(stopped, before, stop)
        states = [one.state_dict() for one in stopped]
        resumed = workers(task, after, epoch=2)
        for one in resumed:
            one.load_state_dict(states[0])
        consumed += updates(resumed, after, 1)
        assert all(one.epoch == 2 for one in resumed)
        again = workers(task, before, epoch=resumed[0].state_dict()["epoch"])
        for one in again:
            one.load_state_dict(resumed[-1].state_dict())
        if again[0].epoch == 2:
            consumed += updates(again, before)
        assert sorted(chain(*consumed)) == sorted(map(sorted, second))
        assert {state["batches_in_epoch"] for state in states} == {min(stop * FREQUENCY[before] * before, BATCHES)}


def test_the_epoch_after_a_resumed_one_is_whole(task):
    shards = workers(task, 2)
    updates(shards, 2, 1)
    resumed = workers(task, 4)
    for one in resumed:
        one.load_state_dict(shards[0].state_dict())
    updates(resumed, 4)
    [alone] = workers(task, 1, epoch=2)
    assert updates(resumed, 4) == updates([alone], 1)


def test_fairseqs_own_checkpoints_resume_on_the_same_number(task):
    shards = workers(task, 2)
    done = updates(shards, 2, 1)
    state = shards[0].state_dict()
    stock = {key: state[key] for key in ("version", "epoch", "iterations_in_epoch", "shuffle")}
    resumed = workers(task, 2)
    for one in resumed:
        one.load_state_dict(stock)
    assert done + updates(resumed, 2) == updates(workers(task, 2), 2)


@pytest.mark.parametrize("other", [{"max_sentences": 5}, {"seed": 2}])
def test_other_batches_are_refused(task, other):
    [first] = workers(task, 1)
    updates([first], 1, 1)
    resumed = iterator(task, **{"max_sentences": 3, **other})
    with pytest.raises(InputError, match="--reset-dataloader"):
        resumed.load_state_dict(first.state_dict())


@pytest.mark.parametrize(("before", "after"), [("never", "always"), ("always", "never")])
def test_batches_of_another_grid_are_refused(tiny_corpus, before, after):
    first, resumed = (iterator(make(tiny_corpus, grid)) for grid in (before, after))
    next(first.next_epoch_itr())
    with pytest.raises(InputError, match="--length-grid"):
        resumed.load_state_dict(first.state_dict())


def test_an_epoch_says_once_what_its_batches_are(task, caplog):
    """One line of the first worker, which another resumes in the same words."""
    caplog.set_level("INFO", "mgcm_fairseq.data.batches")
    first, *others = workers(task, 2)
    for one in (first, *others):
        epoch(one, False)
        next(one.next_epoch_itr())
    resumed = workers(task, 1)[0]
    resumed.load_state_dict(first.state_dict())
    next(resumed.next_epoch_itr())
    lines = caplog.messages
    found = padding(task.dataset("train"), first.frozen_batches)
    assert lines == [f"epoch {number}: {found}" for number in (1, 2, 2)]


def test_fillers_are_short_and_count_for_nothing(task):
    last = [batch for one in workers(task, 4) for batch in one.next_epoch_itr()]
    fillers = [batch for batch in last if batch["filler"]]
    shortest = np.argmin(task.dataset("train").audio_lengths)
    assert [batch["id"].tolist() for batch in fillers] == [[shortest]] * (-BATCHES % 4)


def test_an_order_that_depends_on_the_number_of_workers_is_refused(task):
    with pytest.raises(InputError, match="--grouped-shuffling"):
        iterator(task, grouped_shuffling=True)


def test_limits_that_no_utterance_keeps_are_refused_with_their_unit(tiny_corpus):
    task = make(tiny_corpus, "never")
    shortest = task.dataset("train").audio_lengths.min()
    with pytest.raises(InputError, match=f"shortest has {shortest} samples at 16 kHz, found 4000, 4000, 512"):
        iterator(task, max_tokens=4_000, max_positions=(4_000, 512), ignore_invalid_inputs=True).next_epoch_itr()
