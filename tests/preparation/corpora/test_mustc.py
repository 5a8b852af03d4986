"""The MuST-C reader: order and samples of good input, and an error with file, line and value for each fault."""

import shutil

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.preparation.checked import ROUNDING
from mgcm_fairseq.preparation.corpora.entries import EntryError
from mgcm_fairseq.preparation.corpora.mustc import MustC
from tests.data.reading import read_corpus


def read(corpus, split="dev", skip=None):
    """Utterances; faults raise, or are appended to `skip`."""
    return read_corpus(MustC(corpus.root, "en", "de"), split, skip)


def record(duration="1.0", offset="0.5", speaker_id="spk.2", wav="ted_2.wav"):
    return f"- {{duration: {duration}, offset: {offset}, rW: 9, uW: 0, speaker_id: {speaker_id}, wav: {wav}}}"


def test_utterances_are_numbered_by_time_and_not_by_the_text_of_the_offset(corpus):
    utterances = read(corpus)
    assert [(utterance.id, utterance.audio.offset, utterance.audio.length) for utterance in utterances] == [
        ("ted_1_0", 152_000, 8_000), ("ted_1_1", 163_200, 14_400), ("ted_1_2", 1_600_000, 20_000),
        ("ted_2_0", 0, 32_000), ("ted_2_1", 40_000, 16_000)]
    assert [utterance.tgt_text for utterance in utterances][:3] == [
        "Guten Morgen!", "Der Hund sieht das alte Haus.", "(Lachen) Warum hört niemand zu?"]
    assert [utterance.speaker for utterance in utterances] == ["spk.1"] * 3 + ["spk.2"] * 2


def test_both_releases_read_the_same(corpus):
    first = read(corpus)
    shutil.rmtree(corpus.pair / "data" / "dev")
    corpus.write_split("dev", style="v2")
    assert read(corpus) == first


def test_block_style_and_extra_keys_read_the_same(corpus):
    first = read(corpus)
    corpus.set_line(corpus.txt("dev", "yaml"), 2, "-\n  wav: ted_1.wav\n  speaker_id: 'spk.1'\n  extra: [1, {a: b}]\n"
                    "  offset: 9.5\n  duration: 0.5")
    assert read(corpus) == first


@pytest.mark.parametrize("line", [b"  padded text \r", b"\xc2\xa0padded text\xe2\x80\xa8"])
def test_text_is_stripped_and_lines_end_at_newlines_alone(corpus, line):
    corpus.set_line(corpus.txt("dev", "en"), 4, line)
    assert read(corpus)[3].src_text == "padded text"


def test_line_separators_inside_a_text_are_no_line_breaks(corpus):
    corpus.set_line(corpus.txt("dev", "de"), 4, "ein\u2028zwei\x85drei")
    assert read(corpus)[3].tgt_text == "ein\u2028zwei\x85drei"


def test_an_end_that_rounding_put_behind_the_wav_is_pulled_back(corpus):
    inside = (56_000 + ROUNDING) / 16_000  # ted_2.wav holds 56,000 samples
    corpus.set_line(corpus.txt("dev", "yaml"), 5, record(offset=2.5, duration=inside - 2.5))
    utterance = read(corpus)[4]
    assert (utterance.audio.offset + utterance.audio.length, utterance.shortened) == (56_000, ROUNDING)
    corpus.set_line(corpus.txt("dev", "yaml"), 5, record(offset=2.5, duration=inside - 2.5 + 1 / 16_000))
    with pytest.raises(EntryError, match=r"dev\.yaml:5: .*3\.5 s"):
        read(corpus)


# what the fault is called, the new text of yaml line 4, and what the message must say
BAD_RECORDS = [
    ("past the end of the audio", record(offset="3.4"), ["ted_2.wav", "3.5 s", "offset 3.4 s + duration 1.0 s"]),
    ("past the end of the audio", record(offset="3.5", duration="0.0"), ["ted_2.wav", "offset 3.5 s"]),
    ("missing audio", record(wav="ted_9.wav"), ["ted_9.wav", "no such file"]),
    ("missing key", "- {duration: 1.0, speaker_id: spk.2, wav: ted_2.wav}", ["no offset"]),
    ("missing key", "- {duration: 1.0, offset: 0.5, wav: ted_2.wav}", ["no speaker_id"]),
    ("missing key", record(wav=""), ["no wav"]),
    ("bad offset", record(offset="-0.5"), ["offset as a number", "'-0.5'"]),
    ("bad offset", record(offset=".nan"), ["offset as a number", "'.nan'"]),
    ("bad offset", record(offset="nan"), ["offset as a number", "'nan'"]),
    ("bad duration", record(duration="long"), ["duration as a number", "'long'"]),
    ("bad duration", record(duration="inf"), ["duration as a number", "'inf'"]),
    ("bad duration", record(duration="1,96"), ["duration as a number", "'1,96'"]),
    ("bad offset", record(offset="2,50", duration="1,50"), ["offset as a number", "'2,50'"]),
    ("zero length", record(duration="0.0"), ["at least one sample", "duration 0.0 s"]),
    ("zero length", record(duration="0.00003"), ["at least one sample", "duration 3e-05 s"]),
    ("duplicate utterance", record(offset="9.5", duration="0.5", wav="ted_1.wav"), ["line 2", "ted_1.wav at 9.5 s"]),
    ("bad wav", record(wav="../wav/ted_2.wav"), ["wav as a plain name", "../wav/ted_2.wav"]),
    ("bad speaker_id", record(speaker_id='"a\\tb"'), ["speaker_id as a plain name", "'a\\tb'"]),
]


@pytest.mark.parametrize(("reason", "line", "says"), BAD_RECORDS)
def test_a_bad_record_is_an_error_or_is_left_out(corpus, reason, line, says):
    corpus.set_line(corpus.txt("dev", "yaml"), 4, line)
    with pytest.raises(EntryError) as raised:
        read(corpus)
    assert str(raised.value).startswith(f"{corpus.txt('dev', 'yaml')}:4: ")
    assert all(part in str(raised.value) for part in says), str(raised.value)
    faults = []
    assert [utterance.id for utterance in read(corpus, skip=faults)] == ["ted_1_0", "ted_1_1", "ted_1_2", "ted_2_0"]
    assert [fault.reason for fault in faults] == [reason]


@pytest.mark.parametrize(("suffix", "line", "reason", "says"), [
    ("en", b"one\ttwo", "tab or line break in text", "'one\\ttwo'"),
    ("de", b"eins\rzwei", "tab or line break in text", "'eins\\rzwei'"),
    ("de", b"gr\xfcn", "not utf-8", "byte 0xfc after 'gr'"),
])
def test_a_bad_text_is_an_error_or_is_left_out(corpus, suffix, line, reason, says):
    corpus.set_line(corpus.txt("dev", suffix), 4, line)
    with pytest.raises(EntryError) as raised:
        read(corpus)
    assert str(raised.value).startswith(f"{corpus.txt('dev', suffix)}:4: ")
    assert says in str(raised.value)
    faults = []
    assert len(read(corpus, skip=faults)) == 4
    assert [fault.reason for fault in faults] == [reason]


@pytest.mark.parametrize("content", [b"", b"no audio at all", b"RIFF"])
def test_a_wav_that_is_none_is_an_error(corpus, content):
    corpus.wav("dev", "ted_2.wav").write_bytes(content)
    with pytest.raises(EntryError, match=r"dev\.yaml:4: .*ted_2\.wav"):
        read(corpus)


GOOD = record()


@pytest.mark.parametrize(("line", "text", "says"), [
    (3, GOOD[:-1], "valid yaml"),  # an unclosed mapping, which the parser notices a line later
    (3, "- {duration 1.0, offset: 2.0: wav}", "valid yaml"),
    (3, GOOD.replace("ted_2.wav", "'ted_2.wav"), "valid yaml"),
    (3, GOOD.replace("rW: 9", "rW: 9, rW: 8"), "'rW' twice"),
    (3, GOOD[2:], "valid yaml"),
    (3, GOOD + "\x07", r"'\x07'"),
    (3, GOOD.encode() + b"\xff", "byte 0xff"),
    (3, "- ted_2.wav", "'ted_2.wav'"),
    (3, "---\n" + GOOD, "a second document"),
    (1, "utterances:", "a list of flat mappings"),
])
@pytest.mark.parametrize("skip", [None, []])
def test_broken_yaml_is_an_error_of_its_line_even_when_skipping(corpus, line, text, says, skip):
    corpus.set_line(corpus.txt("dev", "yaml"), line, text)
    with pytest.raises(InputError) as raised:
        read(corpus, skip=skip)
    assert str(raised.value).startswith(f"{corpus.txt('dev', 'yaml')}:{line}: ")
    assert says in str(raised.value)


@pytest.mark.parametrize("suffix", ["en", "de"])
@pytest.mark.parametrize(("extra", "line", "count"), [("one more\n", 6, 6), ("\n", 6, 6), (None, 5, 4)])
def test_other_line_counts_are_an_error_even_when_skipping(corpus, suffix, extra, line, count):
    path = corpus.txt("dev", suffix)
    text = path.read_text(encoding="utf-8")
    path.write_text(text + extra if extra else text[:text.rindex("\n", 0, -1) + 1], encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read(corpus, skip=[])
    assert str(raised.value).startswith(f"{path}:{line}: expected 5 lines, one an utterance of ")
    assert f"found {count} lines" in str(raised.value)


def test_a_last_line_without_a_line_break_counts(corpus):
    path = corpus.txt("dev", "de")
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert len(read(corpus)) == 5


@pytest.mark.parametrize("name", ["txt/dev.yaml", "txt/dev.en", "txt/dev.de", "wav", "txt", ""])
def test_a_missing_file_or_folder_is_named(corpus, name):
    path = corpus.pair / "data" / "dev" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(InputError, match=f"{path}: .*no such "):
        read(corpus, skip=[])


@pytest.mark.parametrize("text", ["", "# nothing here\n", "[]\n"])
def test_an_empty_corpus_is_an_error(corpus, text):
    corpus.txt("dev", "yaml").write_text(text)
    with pytest.raises(InputError, match=r"dev\.yaml: expected at least one utterance"):
        read(corpus, skip=[])
