"""The order of batches over epochs."""

from mgcm_fairseq.tasks.simul_st import SimulSTConfig, SimulSTTask


def iterator(corpus):
    task = SimulSTTask.setup_task(SimulSTConfig(data=str(corpus), seed=1))
    task.load_dataset("train")
    return task.get_batch_iterator(task.dataset("train"), max_tokens=128_000, required_batch_size_multiple=8)


def epoch(batches, shuffle):
    return [batch["id"].tolist() for batch in batches.next_epoch_itr(shuffle=shuffle)]


def test_every_utterance_comes_once_an_epoch(tiny_corpus):
    batches = iterator(tiny_corpus)
    for _ in range(2):
        assert sorted(index for ids in epoch(batches, True) for index in ids) == list(range(40))


def test_a_curriculum_ends_with_its_epoch(tiny_corpus):
    batches = iterator(tiny_corpus)
    ascending, second, third = epoch(batches, False), epoch(batches, True), epoch(batches, True)
    frames = batches.dataset.frames
    longest = [max(frames[ids]) for ids in ascending]
    assert longest == sorted(longest)
    assert sorted(second) == sorted(ascending)
    assert second != ascending
    assert third != second
