"""Noise on MT's source: how much of it, what it is, that nothing else hears it, and that it depends on nothing else."""

import numpy as np
import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.kinds import BEGINS
from mgcm_fairseq.criterions.multitask import MultitaskCrossEntropy
from mgcm_fairseq.data.batch import Batch, Item
from mgcm_fairseq.data.transcript_noise import TranscriptNoise
from mgcm_fairseq.models.simul_st import SimulSTModel
from mgcm_fairseq.tasks.config import SimulSTConfig
from mgcm_fairseq.tasks.simul_st import SimulSTTask
from mgcm_fairseq.training.needed_losses import check_losses
from tests.modules.networks import network
from tests.training.batches import criterion, training_batch
from tests.training.here import config

BLANK, EOS, MARK = 0, 2, 9
KINDS = torch.tensor([0] * 5 + [BEGINS] * 4 + [0] * 11)  # 5 to 8 begin words, 9 is a mark, 10 to 19 lengthen them
MARKS = np.arange(20) == MARK
TEXT = np.array([5, 10, 6, 11, 12, MARK, 7, 8, 13, MARK, EOS], np.int32)


def noise(kind="blank", share=1.0, most=0.2, seed=1):
    return TranscriptNoise(share, most, kind, seed, BLANK, MARKS, KINDS)


def test_punctuation_becomes_blanks_and_blanks_come_before_words():
    added = []
    for index in range(400):
        noisy = noise(most=0.5).apply(TEXT, index, 1).tolist()
        assert noisy[-1] == EOS
        added.append(len(noisy) - len(TEXT))
        assert noisy.count(BLANK) == added[-1] + 2
        assert [piece for piece in noisy if piece != BLANK] == [piece for piece in TEXT.tolist() if piece != MARK]
        followers = [noisy[at + 1] for at in range(len(noisy) - 1) if noisy[at] == BLANK]
        assert set(followers) <= {5, 6, 7, 8, BLANK, EOS}
    assert set(added) == set(range(6))  # round(10 r), r up to 0.5
    assert np.mean(added) == pytest.approx(2.5, abs=0.2)


def test_blanks_come_before_each_word():
    before = {noisy[at + 1] for index in range(100) for noisy in [noise().apply(TEXT, index, 1).tolist()]
              for at in range(len(noisy) - 1) if noisy[at] == BLANK}
    assert before >= {5, 6, 7, 8}


def test_pieces_are_repeated():
    seen = set()
    for index in range(100):
        noisy = noise("repeat").apply(TEXT, index, 1)
        assert noisy[-1] == EOS
        kept = noisy[np.flatnonzero(np.diff(noisy, prepend=-1))]
        assert kept.tolist() == TEXT.tolist()  # no two neighbours of the text are alike
        assert len(noisy) - len(TEXT) <= 2
        seen |= set(noisy[1:][np.diff(noisy) == 0].tolist())
    assert seen == set(TEXT[:-1].tolist())


@pytest.mark.parametrize("kind", ["blank", "repeat"])
def test_a_share_of_the_utterances_gets_it(kind):
    made = noise(kind, share=0.1)
    text = np.concatenate([np.tile(TEXT[:-1], 20), [EOS]]).astype(np.int32)
    lengths = np.array([len(made.apply(text, index, 1)) for index in range(4_000)])
    assert (lengths > len(text)).mean() == pytest.approx(0.1, abs=0.015)
    assert lengths.max() <= 1.2 * len(text)


@pytest.mark.parametrize("kind", ["blank", "repeat"])
@pytest.mark.parametrize("text", [[EOS], [10, 11, EOS]])
def test_a_text_without_words_stays(kind, text):
    found = noise(kind, most=0.4).apply(np.array(text, np.int32), 3, 1)
    assert found.dtype.kind == "i"
    assert found[found != BLANK].tolist()[-1] == EOS
    assert kind == "repeat" or found.tolist() == text


def test_it_depends_on_seed_epoch_and_utterance():
    texts = {(seed, epoch, index): tuple(noise(most=1.0, seed=seed).apply(np.tile(TEXT, 3), index, epoch))
             for seed in (1, 2) for epoch in (1, 2) for index in (0, 1)}
    assert len(set(texts.values())) == 8


@pytest.fixture(scope="module")
def task(tiny_corpus):
    made = SimulSTTask.setup_task(SimulSTConfig(data=str(tiny_corpus), seed=1, transcript_noise="0.5,0.2"))
    for split in ("train", "dev"):
        made.load_dataset(split)
    return made


def epoch_two(task, workers=1, processes=0, size=7):
    """Utterance -> what MT reads of it in the second epoch, and what else there is of its text."""
    found = {}
    for shard in range(workers):
        one = task.get_batch_iterator(dataset=task.dataset("train"), max_tokens=1_000_000, max_sentences=size, epoch=2,
                                      num_shards=workers, shard_id=shard, num_workers=processes)
        for batch in one.next_epoch_itr():
            rows = zip(batch["id"].tolist(), batch["source"], batch["source_lengths"], batch["transcript"],
                       batch["transcript_lengths"], strict=True)
            found |= {index: (source[:length].tolist(), text[:size].tolist())
                      for index, source, length, text, size in rows if not batch["filler"]}
    return found


def test_it_is_the_same_for_any_workers_processes_and_batches(task):
    expected = epoch_two(task)
    assert sorted(expected) == list(range(40))
    assert 10 < sum(source != text for source, text in expected.values()) < 30
    for found in (epoch_two(task, workers=3), epoch_two(task, processes=2), epoch_two(task, size=3)):
        assert found == expected


def test_what_asr_and_ctc_write_has_none(task, tiny_corpus):
    plain = SimulSTTask.setup_task(SimulSTConfig(data=str(tiny_corpus), seed=1))
    plain.load_dataset("train")
    indices = range(10)
    noisy, clean = (one.dataset("train").collater([one.dataset("train")[index] for index in indices])
                    for one in (task, plain))
    assert noisy.keys() == clean.keys() == Batch.__annotations__.keys()
    assert task.dataset("train")[0].keys() == Item.__annotations__.keys()
    for name in ("transcript", "transcript_lengths", "transcript_prefix", "spelling", "target", "target_prefix"):
        assert noisy[name].equal(clean[name])
    assert clean["source"] is clean["source_lengths"] is None
    assert not noisy["source"].equal(noisy["transcript"])


def test_what_is_scored_has_none(task):
    dev = task.dataset("dev")
    assert dev.noise is None
    assert dev.collater([dev[0]])["source"] is None


def test_punctuation_is_what_is_neither_spoken_nor_a_symbol(task):
    vocabulary = task.vocabulary
    marks = {piece for piece, mark in zip(vocabulary.pieces, vocabulary.punctuation, strict=True) if mark}
    assert marks
    assert all(set(piece.lstrip("▁")) <= set(".,!?'-") for piece in marks)
    assert not any(map(vocabulary.punctuation.__getitem__, (vocabulary.pad, vocabulary.eos, vocabulary.tag("de"))))


def test_mt_alone_reads_it():
    model, plain = SimulSTModel(network()).eval(), training_batch()
    source = plain["transcript"].flip(1).contiguous()
    lengths = plain["transcript_lengths"].clone().fill_(source.size(1))
    noisy = {**plain, "source": source, "source_lengths": lengths}
    before, after = (criterion(ctc_weight=1.0).losses(model, batch)[0] for batch in (plain, noisy))
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"mt"}
    read = {**plain, "transcript": source, "transcript_lengths": lengths}
    alone: MultitaskCrossEntropy = criterion("mt")
    assert torch.equal(alone.losses(model, read)[0]["mt"], after["mt"])


@pytest.mark.parametrize("text", ["0.1", "0.1,0.2,0.3", "0.1,2", "-0.1,0.2", "a,b", "nan,0.1"])
def test_other_options_are_refused(text, task):
    with pytest.raises(InputError, match="--transcript-noise"):
        TranscriptNoise.parse(text, "blank", 1, task.vocabulary, task.corpus)


def test_it_needs_mt(tmp_path):
    noisy = ("--transcript-noise", "0.1,0.2")
    check_losses(config(tmp_path, tmp_path, 2, *noisy))
    with pytest.raises(InputError, match="expected mt among --tasks"):
        check_losses(config(tmp_path, tmp_path, 2, *noisy, "--tasks", "st,asr"))
