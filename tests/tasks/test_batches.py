"""The order of batches over epochs, workers, loader processes and interruptions."""

from itertools import chain, pairwise, product

import numpy as np
import pytest

from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.tasks.simul_st import SimulSTConfig, SimulSTTask

BATCHES = 14  # of three of the 40 utterances: no number of workers below divides them
FREQUENCY = {1: 4, 2: 2, 3: 1, 4: 1}  # workers: micro-batches in an update


@pytest.fixture(scope="module")
def task(tiny_corpus):
    task = SimulSTTask.setup_task(SimulSTConfig(data=str(tiny_corpus), seed=1))
    task.load_dataset("train")
    return task


def iterator(task, **options):
    return task.get_batch_iterator(dataset=task.dataset("train"), required_batch_size_multiple=8,
                                   **{"max_tokens": 128_000, **options})


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


def test_what_is_scored_has_a_batch_however_long_it_is(tiny_corpus):
    task = SimulSTTask.setup_task(SimulSTConfig(data=str(tiny_corpus), max_source_samples=10_000))
    task.load_dataset("dev")
    dataset = task.dataset("dev")
    shortest, longest = min(dataset.frames), max(dataset.frames)
    for limit in (shortest, 4 * longest):
        batches = task.get_batch_iterator(dataset, max_tokens=limit, max_positions=(10_000, 512)).frozen_batches
        assert sorted(chain(*batches)) == list(range(len(dataset)))
        assert all(len(batch) * max(dataset.frames[batch]) <= max(limit, longest) for batch in batches)


def test_a_curriculum_ends_with_its_epoch(task):
    batches = iterator(task)
    ascending, second, third = epoch(batches, False), epoch(batches, True), epoch(batches, True)
    frames = batches.dataset.frames
    longest = [max(frames[ids]) for ids in ascending]
    assert longest == sorted(longest)
    assert sorted(second) == sorted(ascending)
    assert second != ascending
    assert third != second


def test_batches_are_full_and_hold_like_lengths(task):
    dataset = task.dataset("train")
    batches = iterator(task).frozen_batches
    ranges = [(dataset.frames[batch].min(), dataset.frames[batch].max()) for batch in batches]
    assert all(last <= first for (_, last), (first, _) in pairwise(ranges))
    assert all(len(batch) * longest <= 128_000 for batch, (_, longest) in zip(batches, ranges, strict=True))
    assert all((len(batch) + 1) * dataset.frames[following[0]] > 128_000
               for batch, following in pairwise(batches))


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


def test_fillers_are_short_and_count_for_nothing(task):
    last = [batch for one in workers(task, 4) for batch in one.next_epoch_itr()]
    fillers = [batch for batch in last if batch["filler"]]
    shortest = np.argmin(task.dataset("train").frames)
    assert [batch["id"].tolist() for batch in fillers] == [[shortest]] * (-BATCHES % 4)


def test_an_order_that_depends_on_the_number_of_workers_is_refused(task):
    with pytest.raises(InputError, match="--grouped-shuffling"):
        iterator(task, grouped_shuffling=True)
