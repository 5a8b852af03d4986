"""fairseq-train and fairseq-generate as users call them: nothing unscored, exact resume, one checkpoint for all."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest
import torch

from tests.fixtures import BIN, ENVIRONMENT, HELD_OUT, REPOSITORY, run, training_command
from tests.models.test_simul_st import save


def weights(path):
    return torch.load(path)["model"]


def test_validation_scores_every_utterance_whatever_the_batch_multiple(tiny_corpus, tmp_path):
    log = run(*training_command(tiny_corpus, tmp_path, 2, "--eval-bleu", "--required-batch-size-multiple", "8",
                                "--length-grid", "always")).stdout
    assert re.findall(r"'dev' subset .*\| scored (\d+) \|", log) == [str(HELD_OUT)]
    assert re.findall(r"'dev' subset .*\| bleu \d", log)
    assert len(re.findall(r"\| epoch 1: \d+ batches of \d+ lengths of audio; padding is [\d.]+ %", log)) == 1


@pytest.mark.parametrize("beam", [1, 5])
def test_generation_scores_every_utterance(tiny_corpus, tiny_checkpoint, tmp_path, beam):
    run(BIN / "fairseq-generate", tiny_corpus, "--user-dir", "mgcm_fairseq", "--task", "simul_st", "--path",
        tiny_checkpoint, "--gen-subset", "tst-COMMON", "--beam", str(beam), "--max-tokens", "160000", "--cpu",
        "--results-path", tmp_path)
    text = (tmp_path / "generate-tst-COMMON.txt").read_text()
    ids = [int(number) for number in re.findall(r"^D-(\d+)\t", text, re.MULTILINE)]
    assert sorted(ids) == list(range(HELD_OUT))
    assert "▁" not in "".join(re.findall(r"^D-.*", text, re.MULTILINE))


def test_sigkill_and_resume_gives_the_weights_of_an_uninterrupted_run(tiny_corpus, tmp_path):
    options = ("--save-interval-updates", "10", "--disable-validation", "--seed", "3", "--curriculum", "1")
    run(*training_command(tiny_corpus, tmp_path / "whole", 60, *options))  # more than two epochs
    command = training_command(tiny_corpus, tmp_path / "killed", 60, *options)
    process = subprocess.Popen(command, cwd=REPOSITORY, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    last = tmp_path / "killed" / "checkpoint_last.pt"
    deadline = time.monotonic() + 120
    while not last.exists():
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    shutil.copy(last, tmp_path / "at_kill.pt")
    stopped_at = torch.load(tmp_path / "at_kill.pt")["optimizer_history"][-1]["num_updates"]
    assert 0 < stopped_at < 60
    resumed = run(*command).stdout
    assert f"@ {stopped_at} updates" in resumed
    expected, found = weights(tmp_path / "whole" / "checkpoint_last.pt"), weights(last)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_training_needs_the_wav2vec2_file_only_at_its_start(tiny_corpus, tmp_path):
    file = save(tmp_path / "w2v.pt", "args")
    options = ("--w2v-path", str(file), "--w2v-config", "{}", "--disable-validation", "--tasks", "st", "--lr", "1e-9",
               "--ctc-weight", "0")
    run(*training_command(tiny_corpus, tmp_path / "st", 1, *options))
    checkpoint = tmp_path / "st" / "checkpoint_last.pt"
    name = "network.encoder.front_end.wav2vec2.post_extract_proj.weight"
    trained, pretrained = weights(checkpoint)[name], weights(file)["post_extract_proj.weight"]
    torch.testing.assert_close(trained, pretrained, atol=1e-6, rtol=0)
    file.unlink()
    run(BIN / "fairseq-generate", tiny_corpus, "--user-dir", "mgcm_fairseq", "--task", "simul_st", "--path", checkpoint,
        "--gen-subset", "dev", "--beam", "1", "--max-len-b", "5", "--max-tokens", "160000", "--cpu", "--results-path",
        tmp_path / "out")
    assert (tmp_path / "out" / "generate-dev.txt").read_text().count("D-") == HELD_OUT


def test_a_missing_corpus_is_named(tmp_path):
    failed = run(*training_command(tmp_path / "nowhere", tmp_path, 1), check=False)
    assert failed.returncode != 0
    assert "error: " in failed.stderr
    assert "config.yaml: expected the configuration of a prepared corpus, found no such file" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_hydra_reads_the_same_options(tiny_corpus, tmp_path):
    run(BIN / "fairseq-hydra-train", "--config-dir", REPOSITORY / "configs", "--config-name", "demo",
        f"task.data={tiny_corpus}", f"common.user_dir={REPOSITORY / 'mgcm_fairseq'}", "optimization.max_update=2",
        f"checkpoint.save_dir={tmp_path}", "dataset.disable_validation=true")
    assert weights(tmp_path / "checkpoint_last.pt")
