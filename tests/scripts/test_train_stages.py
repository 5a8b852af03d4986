"""All stages of the paper's training in a row, on the tiny corpus with a tiny front end."""

import re

import pytest

from tests.agents.feeding import waveforms_of
from tests.fixtures import HELD_OUT, run
from tests.models.test_simul_st import save

SMALL = ["++model.model_dim=16", "++model.ffn_dim=24", "++model.attention_heads=2", "++model.encoder_layers=1",
         "++model.decoder_layers=1", "common.cpu=true", "common.fp16=false", "dataset.num_workers=0",
         "optimization.max_update=4", "checkpoint.save_interval_updates=2", "dataset.max_tokens=320000"]


@pytest.fixture(scope="module")
def trained(tiny_corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stages")
    command = ["bash", "scripts/train_stages.sh", "--data", tiny_corpus, "--w2v", save(folder / "w2v.pt", "cfg"),
               "--out", folder / "out", "--stages", "mt,offline,segmentation", "--best", "1", *SMALL]
    return folder / "out", command, run(*command).stdout


def test_each_stage_starts_from_the_one_before(trained):
    out, _, log = trained
    for before, stage in (("mt", "offline"), ("offline", "segmentation")):
        assert f"{out / before}.pt" in (out / f"{stage}.log").read_text()
    assert "a new one begins with random weights" in (out / "segmentation.log").read_text()
    assert all((out / f"{stage}.pt").is_file() for stage in ("mt", "offline", "segmentation"))
    assert log.count("mean of checkpoint.best_bleu") == 3


def test_every_stage_is_validated_on_every_utterance(trained):
    out, _, _ = trained
    for stage in ("mt", "offline", "segmentation"):
        log = (out / f"{stage}.log").read_text()
        assert re.findall(r"'dev' subset .*\| scored (\d+) .*\| bleu ", log) == [str(HELD_OUT)] * 2
        assert ("| segments " in log) == (stage == "segmentation")


def test_what_is_done_is_not_done_again(trained):
    _, command, _ = trained
    assert run(*command).stdout.count("nothing to do") == 3


def test_the_last_stage_streams(trained, tiny_corpus):
    import torch

    from mgcm_fairseq.agents.system import load_system
    from mgcm_fairseq.modules.streaming import ReencodingStream, speech_stream

    out, _, _ = trained
    stream = speech_stream(load_system(out / "segmentation.pt", tiny_corpus).network.encoder)
    assert isinstance(stream, ReencodingStream)
    with torch.no_grad():
        stream.extend(torch.tensor(waveforms_of(tiny_corpus)[0]), True)
    assert stream.segments >= 1


@pytest.mark.parametrize(("options", "message"), [
    (["--data", "x", "--out", "y"], "--w2v is missing"),
    (["--data", "x", "--out", "y", "--w2v", "nowhere.pt"], "found no file nowhere.pt"),
    (["--data", "x", "--out", "y", "--w2v", "z", "--stages", "best"], "found best"),
    (["--speed"], "unknown option --speed")])
def test_what_is_missing_is_named(options, message):
    failed = run("bash", "scripts/train_stages.sh", *options, check=False)
    assert failed.returncode == 2
    assert message in failed.stderr
