"""scripts/translate.sh on recordings of any rate and channel count."""

import io
import os
import re
import subprocess
import sys
import threading

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
from tests.fixtures import ENVIRONMENT, REPOSITORY, run

AS_TALK = "--run", "wait-segment:1 --sentences model"

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


def test_a_pipe_that_is_closed_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["translate.sh", "-", "--checkpoint", "none.pt"])
    monkeypatch.setattr(sys, "stdin", None)
    assert main() == 2
    assert "-: expected samples from a pipe, found a standard input that is closed" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_refused(said, capsys):
    with pytest.raises(AssertionError, match="2"):
        said("--device", "cuda:99")
    assert "--device: expected a GPU that torch can use, found cuda:99" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("policy", [("--wait-k", "2"), ("--lag", "1")])
def test_words_with_growing_times(recording, said, policy):
    lines = said(*policy).splitlines()
    times = [float(re.fullmatch(r" *(\d+\.\d\d) s  \S.*", line)[1]) for line in lines]
    assert times == sorted(times)
    assert 0.32 < times[-1] <= len(recording) / 16_000 + 0.01


def test_stereo_says_the_same_as_mono(recording, told, tmp_path):
    soundfile.write(tmp_path / "mono.wav", recording, 16_000)
    soundfile.write(tmp_path / "stereo.wav", np.stack([recording, recording], axis=1), 16_000)
    outputs = [told(tmp_path / name, "--wait-k", "2")[1] for name in ("mono.wav", "stereo.wav")]
    assert outputs[0] == outputs[1] != ""


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_other_rates_are_converted(recording, told, tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", recording, rate)
    lines = told(tmp_path / "a.wav", "--wait-k", "2")[1].splitlines()
    assert float(lines[-1].split()[0]) <= len(recording) / rate + 0.01


def test_a_recording_longer_than_any_of_training_is_said_to_be_too_long(recording, tiny_corpus, tiny_checkpoint,
                                                                        tmp_path):
    longest = max(utterance.n_frames for utterance in read_manifest(tiny_corpus / "train.tsv"))
    assert len(recording) <= longest
    assert too_long(longest, longest) is None
    assert "trained on 30.0 s at most" in too_long(480_001, 480_000)
    assert "speech of any length, and the model was trained on 30.0 s at most" in too_long(None, 480_000)
    soundfile.write(tmp_path / "long.wav", np.tile(recording, longest // len(recording) + 1), 16_000)
    found = translate(tmp_path / "long.wav", tiny_checkpoint)
    assert re.search(rf"long.wav: [\d.]+ s of sound, and the model was trained on {longest / 16_000:.1f} s at most",
                     found.stderr)
    assert "It is translated as a talk, sentence after sentence (--long-form)." in found.stderr
    assert found.stdout
    soundfile.write(tmp_path / "noise.wav", 0.01 * np.random.default_rng(1).standard_normal(longest + 1), 16_000)
    found = translate(tmp_path / "noise.wav", tiny_checkpoint)
    assert not found.stdout
    assert "noise.wav: no word was written: the model heard no speech" in found.stderr


@pytest.fixture
def talk(recording, tiny_corpus, tmp_path):
    """A wav of more than any utterance of training."""
    longest = max(utterance.n_frames for utterance in read_manifest(tiny_corpus / "train.tsv"))
    samples = np.tile(np.concatenate([recording, np.zeros(8_000)]), longest // len(recording) + 2)
    soundfile.write(tmp_path / "talk.wav", samples, 16_000, subtype="PCM_16")
    return tmp_path / "talk.wav"


@pytest.fixture
def told(monkeypatch, capsys, tiny_segmenting_checkpoint):
    """What main says, and its exit status; with `samples` that come through the standard input."""
    def run_main(audio, *options, checkpoint=tiny_segmenting_checkpoint, piped=None):
        if piped is not None:
            reading, writing = os.pipe()
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(os.fdopen(reading, "rb")))
            threading.Thread(target=lambda: (os.write(writing, piped), os.close(writing))).start()
        status = main([str(audio), "--checkpoint", str(checkpoint), *map(str, options)])
        if piped is not None:
            sys.stdin.close()
        return status, *capsys.readouterr()

    return run_main


def test_a_model_that_does_not_segment_cannot_end_sentences(told, talk, tiny_checkpoint):
    status, _, err = told(talk, "--run", "wait-k:2 --sentences model", checkpoint=tiny_checkpoint)
    assert status == 2
    assert "--sentences model: expected a model trained with --segmentation-variant and --front-end-block" in err


@pytest.mark.parametrize("policy", ["wait-segment:1", "alignatt:4"])
def test_a_talk_is_translated_as_one_without_being_asked(told, talk, policy):
    status, out, err = told(talk, "--run", f"{policy} --sentences model")
    assert status == 0
    assert err.splitlines()[0].startswith("talk.wav: loading ")
    assert "It is translated as a talk, sentence after sentence (--long-form)." in err
    assert out == told(talk, "--run", f"{policy} --sentences model --long-form")[1]


def test_a_pipe_says_what_a_file_says(told, talk):
    samples = soundfile.read(talk, dtype="int16")[0]
    status, out, err = told("-", *AS_TALK, piped=samples.tobytes())
    assert status == 0
    assert "-: speech of any length, and the model was trained on" in err
    assert out == told(talk, *AS_TALK)[1]


def test_bad_pipes(told, talk):
    samples = soundfile.read(talk, dtype="int16")[0].tobytes()[:100_001]
    status, out, err = told("-", *AS_TALK, piped=samples)
    assert (status, out) == (2, told("-", *AS_TALK, piped=samples[:-1])[1])
    assert out
    assert "expected samples of 2 bytes, found 100,001 bytes" in err.splitlines()[-1]
    assert told("-", piped=b"")[0] == 2
    status, _, err = told(talk, "--sample-rate", "8000")
    assert (status, "--sample-rate: expected a pipe, given as -" in err) == (2, True)


def test_subtitles_say_what_is_printed_and_are_refused_before_anything_is_loaded(told, talk, tmp_path):
    status, out, _ = told(talk, *AS_TALK, "--subtitles", tmp_path / "a.srt")
    lines = (tmp_path / "a.srt").read_text().splitlines()
    cues = [line for line in lines if line and "-->" not in line and not line.isdigit()]
    assert status == 0
    assert " ".join(cues) == " ".join(line.split("s  ")[1] for line in out.splitlines())
    status, out, err = told(talk, "--subtitles", tmp_path / "a.txt")
    assert (status, out, len(err.splitlines())) == (2, "", 1)


@pytest.mark.parametrize("piped", [True, False])
def test_sound_without_a_sample_leaves_the_subtitles_that_were_there(told, tmp_path, piped):
    (tmp_path / "a.srt").write_text("of yesterday")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.float32), 16_000)
    sound, samples = ("-", b"") if piped else (tmp_path / "empty.wav", None)
    assert told(sound, "--subtitles", tmp_path / "a.srt", piped=samples)[0] == 2
    assert [(path.name, path.read_text()) for path in tmp_path.glob("a.srt*")] == [("a.srt", "of yesterday")]


def test_a_fault_in_the_sound_leaves_older_subtitles_and_what_was_said_before_it(told, talk, tmp_path):
    samples, rate = soundfile.read(talk, dtype="float32")
    soundfile.write(tmp_path / "torn.wav", np.append(samples, np.float32(np.nan)), rate, subtype="FLOAT")
    (tmp_path / "a.srt").write_text("of yesterday")
    whole = told(talk, *AS_TALK)[1]
    status, out, err = told(tmp_path / "torn.wav", *AS_TALK, "--subtitles", tmp_path / "a.srt")
    assert (status, out) == (2, whole)
    assert "torn.wav: expected samples that are numbers" in err.splitlines()[-1]
    assert (tmp_path / "a.srt").read_text() == "of yesterday"
    cues = [line for line in (tmp_path / "a.srt.tmp").read_text().splitlines()
            if line and "-->" not in line and not line.isdigit()]
    assert " ".join(cues) == " ".join(line.split("s  ")[1] for line in out.splitlines())


@pytest.mark.parametrize("option", ["--lag", "--wait-k"])
def test_no_segment_and_no_word_is_no_lag(told, talk, option, capsys):
    with pytest.raises(SystemExit):
        told(talk, option, "0")
    assert f"argument {option}: expected a whole number from 1 on, found '0'" in capsys.readouterr().err


def test_two_policies_are_refused_and_no_subtitles_are_left_of_a_wrong_checkpoint(talk, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(talk), "--checkpoint", "none.pt", "--lag", "3", "--wait-k", "5"])
    assert "--wait-k: not allowed with argument --lag" in capsys.readouterr().err
    assert main([str(talk), "--checkpoint", str(tmp_path / "none.pt"), "--subtitles", str(tmp_path / "a.srt")]) == 2
    assert "none.pt" in capsys.readouterr().err
    assert not list(tmp_path.glob("a.srt*"))


def test_nothing_slow_is_imported_before_the_first_word_is_said():
    code = "import sys, mgcm_fairseq.commands.translate; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=ENVIRONMENT, check=True)


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
