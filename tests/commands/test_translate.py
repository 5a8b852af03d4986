"""scripts/translate.sh on recordings of any rate and channel count."""

import re
import sys

import numpy as np
import pytest
import soundfile
import torch

from mgcm_fairseq.agents.registry import POLICIES
from mgcm_fairseq.commands.translate import main
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.decoding.trained_length import too_long
from mgcm_fairseq.evaluation.listening import listen
from mgcm_fairseq.evaluation.runs import parse_runs
from tests.fixtures import run


@pytest.fixture
def recording(tiny_corpus):
    return soundfile.read((tiny_corpus / "simuleval" / "tst-COMMON.source").read_text().split()[0], dtype="float32")[0]


def translate(path, checkpoint, *policy, check=True):
    return run("bash", "scripts/translate.sh", path, "--checkpoint", checkpoint, *(policy or ("--wait-k", "2")),
               check=check)


@pytest.fixture
def said(monkeypatch, capsys, tmp_path, recording, tiny_segmenting_checkpoint):
    """What translate.sh prints of a recording under a policy, in this process."""
    def translated(*policy):
        soundfile.write(tmp_path / "a.wav", recording, 16_000, subtype="FLOAT")
        monkeypatch.setattr(sys, "argv", ["translate.sh", str(tmp_path / "a.wav"), "--checkpoint",
                                          str(tiny_segmenting_checkpoint), *policy])
        assert main() == 0
        return capsys.readouterr().out

    return translated


@pytest.mark.parametrize("text", ["wait-segment:1", "wait-k:2", "local-agreement:640", "alignatt:2 --beam 3",
                                  "edatt:0.5 --step-ms 640", "offline:1", "a-name=wait-k:1 --step-ms 640"])
def test_every_policy_is_written_as_for_evaluate_and_says_the_same(said, recording, tiny_corpus,
                                                                   tiny_segmenting_checkpoint, text):
    [run] = parse_runs([text])
    agent = run.agent(tiny_segmenting_checkpoint, load_system(tiny_segmenting_checkpoint, tiny_corpus))
    assert said("--run", text) == "".join(f"{seconds:7.2f} s  {words}\n"
                                          for seconds, words in listen(agent, recording, 320) if words)


def test_no_policy_is_missing_and_short_forms_mean_what_they_say(said):
    assert set(POLICIES) == {"wait-segment", "wait-k", "local-agreement", "alignatt", "edatt", "offline"}
    assert said("--lag", "1") == said("--run", "wait-segment:1")
    assert said("--wait-k", "2") == said("--run", "wait-k:2")
    assert said() == said("--run", "wait-segment:3")


@pytest.mark.parametrize(("text", "message"), [
    ("wait-q:3", "expected one of wait-segment"), ("alignatt", "POLICY:POINT"),
    ("alignatt:2,4", "expected one operating point"),
    ("alignatt:2 --what 3", "unrecognized arguments: --what 3"),
    ("alignatt:2 --bf16", "set nowhere else, found --bf16"),
    ("wait-k:0", "--wait-k: expected k of at least 1")])
def test_a_policy_that_cannot_be_read_is_refused(said, capsys, text, message):
    with pytest.raises(AssertionError, match="2"):
        said("--run", text)
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("policy", [("--wait-k", "2"), ("--lag", "1")])
def test_words_with_growing_times(recording, tiny_segmenting_checkpoint, tmp_path, policy):
    soundfile.write(tmp_path / "a.wav", recording, 16_000)
    lines = translate(tmp_path / "a.wav", tiny_segmenting_checkpoint, *policy).stdout.splitlines()
    times = [float(re.fullmatch(r" *(\d+\.\d\d) s  \S.*", line)[1]) for line in lines]
    assert times == sorted(times)
    assert 0.32 < times[-1] <= len(recording) / 16_000 + 0.01


def test_stereo_says_the_same_as_mono(recording, tiny_checkpoint, tmp_path):
    soundfile.write(tmp_path / "mono.wav", recording, 16_000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([recording, recording], axis=1), 16_000)
    outputs = [translate(tmp_path / name, tiny_checkpoint).stdout for name in ("mono.wav", "stereo.wav")]
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_other_rates_are_converted(recording, tiny_checkpoint, tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", recording, rate)
    lines = translate(tmp_path / "a.wav", tiny_checkpoint).stdout.splitlines()
    assert float(lines[-1].split()[0]) <= len(recording) / rate + 0.01


def test_a_recording_longer_than_any_of_training_is_said_to_be_too_long(recording, tiny_corpus, tiny_checkpoint,
                                                                        tmp_path):
    longest = max(utterance.n_frames for utterance in read_manifest(tiny_corpus / "train.tsv"))
    assert len(recording) <= longest
    assert too_long(longest, longest) is None
    assert "trained on 30.0 s at most" in too_long(480_001, 480_000)
    soundfile.write(tmp_path / "long.wav", np.tile(recording, longest // len(recording) + 1), 16_000)
    found = translate(tmp_path / "long.wav", tiny_checkpoint)
    assert re.search(rf"long.wav: [\d.]+ s of sound, and the model was trained on {longest / 16_000:.1f} s at most",
                     found.stderr)
    assert found.stdout


def test_what_is_no_audio_is_refused(tiny_checkpoint, tmp_path):
    (tmp_path / "a.wav").write_text("not audio")
    for path, message in ((tmp_path / "a.wav", "audio that libsndfile can read"), (tmp_path / "b.wav", "no such file")):
        failed = translate(path, tiny_checkpoint, check=False)
        assert failed.returncode == 2
        assert message in failed.stderr
        assert "Traceback" not in failed.stderr


@pytest.mark.parametrize("change", [{"model_dim": "wide"}, {"attention_heads": 7}, {"subsample_kernels": 5},
                                    {"lags": ""}])
def test_a_checkpoint_whose_configuration_was_changed_is_refused(tiny_checkpoint, tmp_path, change):
    state = torch.load(tiny_checkpoint)
    state["cfg"]["model"].update(change)
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(InputError):
        load_system(tmp_path / "a.pt", None)


def test_a_checkpoint_whose_weights_are_no_numbers_is_refused(tiny_checkpoint, tmp_path):
    state = torch.load(tiny_checkpoint)
    state["model"]["network.decoder.embedding.weight"][7, 3] = float("nan")
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"a\.pt: expected weights that are numbers, found NaN or infinity in \w+\."):
        load_system(tmp_path / "a.pt", None)
