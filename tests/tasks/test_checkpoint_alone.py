"""A checkpoint knows its vocabulary: it translates alone, and refuses another wherever one could be put under it."""

import json
import logging
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch

from mgcm_fairseq.commands import evaluate, export, translate
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.corpus_record import KEY, CorpusRecord, fingerprint
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.evaluation.test_sets import identity
from mgcm_fairseq.models.averaging import average
from tests.fixtures import made_once, run
from tests.tasks.checkpoints import another_vocabulary, changed, without_record
from tests.tasks.ways_in import WAYS_IN, arguments, train_here


@pytest.fixture(scope="session")
def other(tiny_corpus, tmp_path_factory):
    """The tiny corpus with another vocabulary of the same size."""
    return made_once(tmp_path_factory, "other_vocabulary", lambda folder: another_vocabulary(tiny_corpus, folder))


@pytest.fixture(scope="session")
def alone(tiny_segmenting_checkpoint, tmp_path_factory):
    """A checkpoint by itself in a folder, whose corpus is nowhere."""
    return changed(tiny_segmenting_checkpoint, tmp_path_factory.mktemp("alone") / "model.pt",
                   lambda state: state["cfg"]["task"].update(data="/nowhere/en-de"))


@pytest.fixture
def wav(tiny_corpus):
    return (tiny_corpus / "simuleval" / "tst-COMMON.source").read_text().split()[0]


def translated(capsys, *command):
    with arguments("translate", *command):
        translate.main()
    return capsys.readouterr().out


def test_it_carries_the_corpus_that_it_was_trained_on(tiny_checkpoint, tiny_corpus):
    kept = CorpusRecord.of_state(torch.load(tiny_checkpoint)["task_state"], tiny_corpus)
    read = CorpusRecord.read(tiny_corpus)
    assert (kept.config, kept.model, kept.dictionary) == (read.config, read.model, read.dictionary)
    assert kept.preparation == fingerprint((tiny_corpus / "train.tsv").read_bytes())
    assert kept.longest == max(one.n_frames for one in read_manifest(tiny_corpus / "train.tsv"))


def test_alone_it_translates_a_wav_to_the_same_text(alone, tiny_corpus, tiny_segmenting_checkpoint, wav, tmp_path,
                                                    monkeypatch, capsys):
    expected = translated(capsys, wav, "--checkpoint", tiny_segmenting_checkpoint, "--corpus", tiny_corpus)
    shutil.copy(alone, tmp_path / "model.pt")
    monkeypatch.chdir(tmp_path)
    assert translated(capsys, wav, "--checkpoint", "model.pt") == expected
    assert len(expected.split()) > 3  # seconds, their unit, and words


def test_how_long_its_training_speech_was_comes_from_it_alone(alone, tiny_corpus, tmp_path):
    longest = CorpusRecord.of_state(torch.load(alone)["task_state"], alone).longest
    average([alone, alone], tmp_path / "mean.pt")
    assert load_system(tmp_path / "mean.pt", tiny_corpus).longest == longest > 0
    older = changed(alone, tmp_path / "older.pt", lambda state: state["task_state"][KEY].pop("longest"))
    assert load_system(older, tiny_corpus).longest == 480_000, "what --max-source-samples allowed"


@pytest.mark.parametrize(("on_record", "option", "found"), [
    (True, "", True), (False, "2,8", False),  # of an epoch before --windows-from
    (None, "2,8", True), (None, "0,0", False)])  # older ones
def test_whether_it_was_trained_on_windows_comes_from_its_record(alone, tmp_path, on_record, option, found):
    def change(state):
        state["cfg"]["task"]["windows"] = option
        state["task_state"][KEY]["on_windows"] = on_record

    assert load_system(changed(alone, tmp_path / "model.pt", change), None).on_windows is found


AS_ANOTHER_USER = """
import os, sys
from pathlib import Path
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.commands import evaluate
corpus, new, old, out = sys.argv[1:]
load_system(Path(new), None)  # imports what another user may not read
os.setuid(65534)
try:
    Path(corpus).is_dir()
    sys.exit("the folder is open")
except PermissionError:
    load_system(Path(new), None)
try:
    load_system(Path(old), None)
except InputError as error:
    print(error)
print(evaluate.main(["--checkpoint", new, "--out", out]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_it_loads_where_the_home_that_it_was_trained_in_is_closed(tiny_checkpoint):
    with TemporaryDirectory() as name:  # pytest's own are closed to others
        folder = Path(name)
        folder.chmod(0o777)
        corpus = folder / "home" / "en-de"
        corpus.mkdir(parents=True)
        new = changed(tiny_checkpoint, folder / "new.pt", lambda state: state["cfg"]["task"].update(data=str(corpus)))
        old = without_record(new, folder / "old.pt")
        corpus.parent.chmod(0)
        done = run(sys.executable, "-c", AS_ANOTHER_USER, corpus, new, old, folder / "out")
    assert f"found an older checkpoint, and {corpus}, which is not there or closed to you" in done.stdout
    assert done.stdout.endswith("\n2\n")
    assert f"{corpus}, which the checkpoint was trained on, is not there or closed to you" in done.stderr


def test_alone_it_is_exported_averaged_and_evaluated(alone, tiny_corpus, tmp_path, capsys):
    args = export.agent_args("wait-segment", alone, None, ["--lag", "2"])
    export.export("wait-segment", args, tmp_path / "system")
    average([alone, tmp_path / "system" / "model.pt"], tmp_path / "mean.pt")
    for name in ("config.yaml", "spm_unigram200.model", "spm_unigram200.txt"):
        assert (tmp_path / "system" / name).read_bytes() == (tiny_corpus / name).read_bytes()
    test_set = tmp_path / "test set"  # which needs no vocabulary
    test_set.mkdir()
    for name in ("tst-COMMON.tsv", "simuleval"):
        (test_set / name).symlink_to(tiny_corpus / name)
    assert evaluate.main(["--checkpoint", str(tmp_path / "mean.pt"), "--corpus", str(test_set), "--run",
                          "wait-segment:2", "--processes", "1", "--out", str(tmp_path / "out")]) == 0
    environment = json.loads((tmp_path / "out" / "results.json").read_text())["environment"]
    record = CorpusRecord.read(tiny_corpus)
    wavs = (tiny_corpus / "simuleval" / "tst-COMMON.source").read_text().splitlines()
    assert environment["vocabulary"] == record.fingerprint
    assert environment["test_set"] == identity(tiny_corpus, tiny_corpus / "tst-COMMON.tsv", wavs, record)


def test_an_evaluation_without_corpus_is_of_the_one_trained_on(alone, tmp_path, capsys):
    assert evaluate.main(["--checkpoint", str(alone), "--out", str(tmp_path / "out")]) == 2
    assert "--corpus: expected the prepared corpus of the test set, found nothing, and /nowhere/en-de, which" in (
        capsys.readouterr().err)


# another vocabulary of the same size

def _average(checkpoint, other, folder):
    record = {KEY: CorpusRecord.read(other).state()}
    average([checkpoint, changed(checkpoint, folder / "b.pt", lambda state: state["task_state"].update(record))],
            folder / "out.pt")


@pytest.mark.parametrize("use", [*WAYS_IN, _average])
def test_another_vocabulary_is_refused(tiny_segmenting_checkpoint, tiny_corpus, other, tmp_path, capsys, use):
    said = ""
    try:
        use(tiny_segmenting_checkpoint, other, tmp_path)
    except InputError as error:
        said = str(error)
    printed = capsys.readouterr()
    said += printed.err + printed.out
    for corpus in (tiny_corpus, other):
        assert f"vocabulary {CorpusRecord.read(corpus).fingerprint} for en to de" in said
    assert "export_system.sh" in said or "Average one training's checkpoints." in said
    assert not (tmp_path / "out" / "results.json").exists()
    assert not (tmp_path / "out.pt").exists()


def test_what_the_remedy_says_helps(tiny_segmenting_checkpoint, other, tmp_path):
    """The files that export writes, copied over those of a corpus with another vocabulary."""
    export.export("offline", export.agent_args("offline", tiny_segmenting_checkpoint, None, []), tmp_path / "system")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for path in (*other.glob("*.txt"), *other.glob("*.model"), *(tmp_path / "system").iterdir()):
        shutil.copy(path, corpus / path.name)
    assert load_system(tiny_segmenting_checkpoint, corpus).record.origin == tiny_segmenting_checkpoint


# checkpoints of older versions

def test_an_older_checkpoint_loads_with_its_corpus_and_says_what_is_not_known(
        tiny_segmenting_checkpoint, tiny_corpus, wav, tmp_path, capsys, caplog):
    old = without_record(tiny_segmenting_checkpoint, tmp_path / "old.pt")
    expected = translated(capsys, wav, "--checkpoint", tiny_segmenting_checkpoint)
    assert not caplog.records
    assert translated(capsys, wav, "--checkpoint", old, "--corpus", tiny_corpus) == expected
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{old} does not say with which vocabulary and languages it was trained")
    assert str(tiny_corpus) in said


def test_an_older_checkpoint_without_its_corpus_is_refused(alone, tmp_path):
    old = without_record(alone, tmp_path / "old.pt")
    with pytest.raises(InputError, match=r"found an older checkpoint, and /nowhere/en-de, which is not there"):
        load_system(old, None)


def test_training_goes_on_from_an_older_checkpoint_and_keeps_the_vocabulary_from_then_on(
        tiny_checkpoint, tiny_corpus, tmp_path, caplog):
    without_record(tiny_checkpoint, tmp_path / "checkpoint_last.pt")
    train_here(tiny_corpus, tmp_path, 151)
    said = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert sum("does not say with which vocabulary" in text for text in said) == 1
    kept = CorpusRecord.of_state(torch.load(tmp_path / "checkpoint_last.pt")["task_state"], tmp_path)
    assert kept.fingerprint == CorpusRecord.read(tiny_corpus).fingerprint


def test_the_mean_of_an_old_and_a_new_checkpoint_does_not_claim_to_know(tiny_checkpoint, tmp_path, caplog):
    old = without_record(tiny_checkpoint, tmp_path / "old.pt")
    for paths in ([old, tiny_checkpoint], [tiny_checkpoint, old]):
        average(paths, tmp_path / "mean.pt")
        assert KEY not in torch.load(tmp_path / "mean.pt")["task_state"]
        assert "since 1 of the 2 checkpoints do not" in caplog.records[-1].getMessage()


def test_another_preparation_with_the_same_vocabulary_is_said(tiny_checkpoint, tiny_corpus, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    changed(tiny_checkpoint, tmp_path / "checkpoint_last.pt",
            lambda state: state["task_state"][KEY].update(preparation="0123456789abcdef"))
    train_here(tiny_corpus, tmp_path, 151)
    assert any("was trained on 0123456789abcdef" in record.getMessage() for record in caplog.records)
