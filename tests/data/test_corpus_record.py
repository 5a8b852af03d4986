"""What a checkpoint carries of its corpus: read, kept, taken back, compared, and refused where it was changed."""

from dataclasses import replace
from pathlib import Path

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.corpus_record import KEY, CorpusRecord
from mgcm_fairseq.data.vocabulary import dictionary_lines, train

SENTENCES = [f"the dog number {index} sees der Hund Nummer {index}" for index in range(30)]


@pytest.fixture(scope="module")
def record():
    model = train(SENTENCES, 50, ("en", "de"))
    dictionary = "".join(f"{line}\n" for line in dictionary_lines(model)).encode()
    config = CorpusConfig("en", "de", 16_000, "spm.txt", "spm.model")
    return CorpusRecord(Path("here"), config, model, dictionary, "12ab", 480_000, True)


def test_a_checkpoint_gives_back_what_it_was_given(record):
    found = CorpusRecord.of_state({KEY: record.state()}, Path("model.pt"))
    assert found == replace(record, origin=Path("model.pt"))
    assert found.vocabulary().pieces == record.vocabulary().pieces


def test_its_files_are_a_corpus_with_that_vocabulary(record, tmp_path):
    for name, content in record.files.items():
        (tmp_path / name).write_bytes(content)
    assert CorpusRecord.read(tmp_path) == replace(record, origin=tmp_path, preparation="", longest=0, on_windows=None)


def test_an_older_checkpoint_has_none_or_less(record):
    assert CorpusRecord.of_state({}, Path("model.pt")) is None
    older = {name: value for name, value in record.state().items() if name not in ("longest", "on_windows")}
    assert CorpusRecord.of_state({KEY: older}, Path("here")) == replace(record, longest=0, on_windows=None)


@pytest.mark.parametrize("change", [
    lambda kept: [], lambda kept: {**kept, "longest": "30 s"}, lambda kept: {**kept, "longest": -1},
    lambda kept: {**kept, "on_windows": "yes"}, lambda kept: {**kept, "on_windows": 1},
    lambda kept: {**kept, "config": {}}, lambda kept: {**kept, "model": "text"},
    lambda kept: {name: kept[name] for name in ("config", "model", "dictionary")},
    lambda kept: {**kept, "config": {**kept["config"], "more": 1}},
    lambda kept: {**kept, "config": {**kept["config"], "sample_rate": "fast"}},
    lambda kept: {**kept, "config": {**kept["config"], "vocab_filename": "../spm.txt"}},  # which export would write
    lambda kept: {**kept, "config": {**kept["config"], "spm_filename": "/tmp/spm.model"}},
    lambda kept: {**kept, "config": {**kept["config"], "spm_filename": ".."}},
    lambda kept: {**kept, "config": {**kept["config"], "spm_filename": ""}}])
def test_one_that_was_changed_is_refused(record, change):
    with pytest.raises(InputError, match=r"model.pt: expected the vocabulary and languages of its corpus inside"):
        CorpusRecord.of_state({KEY: change(record.state())}, Path("model.pt"))


def test_what_is_damaged_inside_is_said_of_the_checkpoint(record):
    with pytest.raises(InputError, match=r"model.pt.spm.model: expected a SentencePiece model"):
        replace(record, origin=Path("model.pt"), model=b"none").vocabulary()
    with pytest.raises(InputError, match=r"model.pt.spm.txt:1: expected '<lang:en>' as in spm.model"):
        replace(record, origin=Path("model.pt"), dictionary=b"x 1\n").vocabulary()


def test_another_vocabulary_is_refused_with_both_fingerprints_and_what_to_do(record):
    other = replace(record, origin=Path("there"), model=train(SENTENCES[::2], 50, ("en", "de")))
    with pytest.raises(InputError) as raised:
        record.check_same(other)
    for part in ("there: expected", record.fingerprint, "here was trained with", other.fingerprint, "export_system.sh"):
        assert part in str(raised.value)
    assert record.fingerprint != other.fingerprint


def test_the_same_vocabulary_for_another_language_is_refused(record):
    other = replace(record, config=replace(record.config, tgt_lang="fr"))
    with pytest.raises(InputError, match=r"for en to de, .* for en to fr"):
        record.check_same(other)


def test_names_of_files_and_another_preparation_do_not_matter(record):
    record.check_same(replace(record, preparation="other", config=replace(record.config, spm_filename="other.model")))
