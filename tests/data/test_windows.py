"""Windows of talks: each utterance once an epoch, true pauses, lead-ins in mid-talk, the same for a seed."""

import numpy as np
import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.dataset import SpeechTranslationDataset
from mgcm_fairseq.data.interludes import LONGEST, LOUDNESS, SHORTEST, interlude, with_interlude
from mgcm_fairseq.data.vocabulary import Vocabulary
from mgcm_fairseq.data.windows import MARGIN, Windows, talks

SECOND = 16_000


@pytest.fixture(scope="module")
def utterances(tiny_corpus):
    return Columns(tiny_corpus / "train.tsv")


@pytest.fixture(scope="module")
def vocabulary(tiny_corpus):
    return Vocabulary.load(tiny_corpus, CorpusConfig.read(tiny_corpus))


def drawn(utterances, text="2,8", epoch=1, longest=30 * SECOND, seed=1):
    return Windows.parse(text, seed).draw(utterances, epoch, longest)


@pytest.mark.parametrize(("text", "longest"), [("2,8", 30), ("0,0", 30), ("5,30", 6), ("30,30", 30)])
@pytest.mark.parametrize("epoch", [1, 2, 7])
def test_each_utterance_is_in_one_window_and_the_decoder_sees_all_of_it(utterances, text, longest, epoch):
    made = drawn(utterances, text, epoch, longest * SECOND)
    held = np.zeros(len(utterances), int)
    bounds = {index: span for span in talks(utterances) for index in range(*span)}
    for first in made.begins.nonzero()[0]:
        behind = int(made.behind[first])
        held[first:behind] += 1
        assert bounds[first] == bounds[behind - 1], "a window is of one talk"
        start, seen = int(made.start[first]), int(made.start[first] + made.lead_in[first])
        end = start + int(made.lengths[first] - made.interlude[first])
        last_end = int(utterances.offsets[behind - 1] + utterances.audio_lengths[behind - 1])
        assert utterances.offsets[first] - MARGIN <= seen <= utterances.offsets[first]
        assert last_end <= end <= last_end + MARGIN
        assert made.lengths[first] <= max(longest * SECOND, last_end - int(utterances.offsets[first]))
        talk_first, talk_behind = bounds[first]
        if first > talk_first:
            previous = utterances.offsets[first - 1] + utterances.audio_lengths[first - 1]
            assert seen >= previous, "of the utterance before, the decoder sees nothing"
        if behind < talk_behind:
            assert end <= utterances.offsets[behind]
        assert start >= utterances.offsets[talk_first] - MARGIN
        if behind - first > 1:
            high = float(text.split(",")[1]) * SECOND
            assert last_end - utterances.offsets[first] <= min(high, longest * SECOND)
    assert (held == 1).all()


def test_a_third_of_those_that_could_begin_in_mid_talk(utterances):
    led, could = 0, 0
    firsts = {first for first, _ in talks(utterances)}
    for epoch in range(60):
        made = drawn(utterances, "1,4", epoch)
        inside = [index for index in made.begins.nonzero()[0] if index not in firsts]
        led += sum(made.lead_in[index] > 0 for index in inside)
        could += len(inside)
    assert could > 300
    assert 0.26 < led / could < 0.40


def test_interludes_lie_between_utterances_and_are_heard_by_the_decoder(utterances):
    found, windows, with_one = set(), 0, 0
    for epoch in range(60):
        made = drawn(utterances, "1,6", epoch)
        windows += made.begins.sum()
        for first in made.interlude.nonzero()[0]:
            with_one += 1
            behind, at = int(made.behind[first]), int(made.start[first] + made.interlude_at[first])
            starts = utterances.offsets[first:behind].tolist()
            ends = [start + length for start, length in
                    zip(starts, utterances.audio_lengths[first:behind].tolist(), strict=True)]
            assert SHORTEST <= made.interlude[first] <= LONGEST
            assert made.interlude_at[first] >= made.lead_in[first]
            assert not any(start < at < end for start, end in zip(starts, ends, strict=True))
            found.add("before" if at <= starts[0] else "behind" if at >= ends[-1] else "between")
    assert found == {"before", "between", "behind"}
    assert 0.1 < with_one / windows < 0.2


def test_an_interlude_comes_before_its_sample():
    assert with_interlude(np.arange(4), 2, np.array([8, 9])).tolist() == [0, 1, 8, 9, 2, 3]


@pytest.mark.parametrize("number", range(12))
def test_an_interlude_is_silent_or_as_loud_as_drawn(number):
    sound = interlude(np.random.default_rng(number), 2 * SECOND)
    assert sound.dtype == np.float32
    assert abs(sound).max() <= 1
    power = np.sqrt(np.mean(np.square(sound)))
    assert power == 0 or LOUDNESS[0] - 0.1 <= 20 * np.log10(power) <= LOUDNESS[1] + 0.1
    assert np.array_equal(sound, interlude(np.random.default_rng(number), 2 * SECOND))


def test_windows_are_those_of_seed_and_epoch(utterances):
    first, again, other, later = (drawn(utterances, seed=seed, epoch=epoch)
                                  for seed, epoch in ((1, 1), (1, 1), (2, 1), (1, 2)))
    assert all(np.array_equal(one, two) for one, two in zip(vars(first).values(), vars(again).values(), strict=True))
    assert not np.array_equal(first.start, other.start)
    assert not np.array_equal(first.start, later.start)


def test_an_item_is_the_talk_from_the_windows_start_to_its_end(utterances, vocabulary):
    data = SpeechTranslationDataset(utterances, vocabulary, 2, windows=Windows.parse("2,8", 1))
    single = SpeechTranslationDataset(utterances, vocabulary, 2)
    several = 0
    for index in data.ordered_indices():
        item, behind = data[index], int(data.drawn.behind[index])
        path, _, _ = utterances.span(index)
        size, at = int(data.drawn.interlude[index]), int(data.drawn.interlude_at[index])
        expected = data.files.read(path, int(data.drawn.start[index]), int(data.drawn.lengths[index]) - size)
        heard = item["waveform"].numpy()
        assert np.array_equal(np.delete(heard, range(at, at + size)), expected)
        assert len(item["waveform"]) == data.size(index)[0] == data.num_tokens(index)
        parts = [single[one] for one in range(index, behind)]
        for key in ("transcript", "translation"):
            assert torch.equal(item[key], torch.cat([part[key] for part in parts]))
        assert data.size(index)[1] == len(item["translation"])
        assert torch.equal(item["spelling"], torch.tensor(
            vocabulary.spell(" ".join(utterances.src_texts[one] for one in range(index, behind)))))
        several += len(parts) > 1
    assert several
    batches = data.batch_by_size(data.ordered_indices(), 20 * SECOND)
    assert sum(map(len, batches)) == data.drawn.begins.sum()


def test_a_batch_keeps_the_ends_of_sentences_between_utterances(utterances, vocabulary):
    data = SpeechTranslationDataset(utterances, vocabulary, 2, windows=Windows.parse("4,8", 1))
    items = [data[index] for index in data.ordered_indices()[::-1][:6]]
    batch = data.collater(items)
    assert batch["lead_in"].tolist() == [item["lead_in"] for item in items]
    for target, prefix in zip(batch["target"].tolist(), batch["target_prefix"].tolist(), strict=True):
        whole = [piece for piece in target if piece != vocabulary.pad]
        assert whole[-1] == vocabulary.eos
        assert prefix[1:len(whole)] == whole[:-1]
        assert set(prefix[len(whole):]) <= {vocabulary.pad}
    assert (batch["target_prefix"] == vocabulary.eos).any()


def test_an_epoch_draws_anew_and_the_length_of_lead_ins_follows_the_speed(utterances, vocabulary):
    from mgcm_fairseq.data.augmentation import Augmentation

    slow = Augmentation.parse("0.5", "", "", 1)
    data = SpeechTranslationDataset(utterances, vocabulary, 2, slow, windows=Windows.parse("1,3", 1))
    data.longest = 60 * SECOND
    before = data.ordered_indices().tolist()
    data.set_epoch(2)
    assert data.ordered_indices().tolist() != before
    led = [index for index in data.ordered_indices() if data.drawn.lead_in[index]]
    assert led
    for index in led[:3]:
        item = data[index]
        assert item["lead_in"] == 2 * data.drawn.lead_in[index]
        assert len(item["waveform"]) == data.audio_lengths[index] == 2 * data.drawn.lengths[index]


def test_sentences_that_were_cut_apart_have_no_windows(utterances, tmp_path, tiny_corpus):
    lines = (tiny_corpus / "train.tsv").read_text().splitlines()
    lines[1:] = [f"own{number}\t" + line.split("\t", 1)[1].replace("data/", f"{tiny_corpus}/data/")
                 for number, line in enumerate(lines[1:])]
    alone = [line.replace("own", f"{chr(97 + number % 26)}{number}x_") for number, line in enumerate(lines[1:])]
    (tmp_path / "train.tsv").write_text("\n".join([lines[0], *alone]) + "\n")
    with pytest.raises(InputError, match=r"--windows: expected a corpus of talks.*utterances without neighbours"):
        Windows.check(Columns(tmp_path / "train.tsv"))


CLIPS = (19664034, 18273455, 18273456, 20003777, 17912203)  # two are neighbours by chance


def test_clips_of_strangers_in_one_wav_are_no_talk(tmp_path):
    rows = [row(f"common_voice_en_{clip}", rank) for rank, clip in enumerate(CLIPS)]
    (tmp_path / "train.tsv").write_text("\n".join([HEADER, *rows]) + "\n")
    clips = Columns(tmp_path / "train.tsv")
    assert talks(clips) == [(0, 1), (1, 3), (3, 4), (4, 5)]
    with pytest.raises(InputError, match=r"--windows: .*found 3 of 5 utterances without neighbours"):
        Windows.check(clips)


def test_no_window_holds_an_utterance_that_was_left_out(tmp_path):
    rows = [row(f"talk_{rank}", rank) for rank in (0, 1, 3, 4)]
    (tmp_path / "train.tsv").write_text("\n".join([HEADER, *rows]) + "\n")
    assert talks(Columns(tmp_path / "train.tsv")) == [(0, 2), (2, 4)]


HEADER = "id\taudio\tn_frames\tsrc_text\ttgt_text\tspeaker\tsrc_lang\ttgt_lang"


def row(name, rank):
    """Of a second of sound, one behind the other."""
    return f"{name}\tpack_00000.wav:{rank * SECOND}:{SECOND}\t{SECOND}\ta\tb\tspk\ten\tde"


def test_windows_begin_with_their_epoch(utterances, vocabulary):
    single = SpeechTranslationDataset(utterances, vocabulary, 2)
    always = SpeechTranslationDataset(utterances, vocabulary, 2, windows=Windows.parse("2,8", 1))
    later = SpeechTranslationDataset(utterances, vocabulary, 2, windows=Windows.parse("2,8", 1, first_epoch=3))
    for epoch, expected in ((1, single), (3, always), (2, single)):  # 2: after a resume, say
        always.set_epoch(epoch)
        later.set_epoch(epoch)
        assert later.ordered_indices().tolist() == expected.ordered_indices().tolist()
        assert np.array_equal(later.sizes, expected.sizes)
        batch, other = (data.collater([data[index] for index in data.ordered_indices()[-3:]])
                        for data in (later, expected))
        assert torch.equal(batch["net_input"]["src_tokens"], other["net_input"]["src_tokens"])
        assert torch.equal(batch["target"], other["target"])
        assert (batch["lead_in"] is None) == (epoch < 3)
    with pytest.raises(InputError, match="--windows-from: expected an epoch from 1 on, found 0"):
        Windows.parse("2,8", 1, 0)
    with pytest.raises(InputError, match="--windows-from: expected --windows too, found none"):
        Windows.parse("", 1, 3)


@pytest.mark.parametrize("text", ["8", "8,2", "-1,3", "a,b", "1,2,3", "1,inf"])
def test_bounds_that_cannot_be(text):
    with pytest.raises(InputError, match="--windows: expected the shortest and the longest in seconds"):
        Windows.parse(text, 1)
    assert Windows.parse("", 1) is None
