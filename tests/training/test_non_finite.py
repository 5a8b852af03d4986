"""A gradient that is not finite: found by update, task, module and utterances, on one worker and on several."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.corpus_record import fingerprint
from mgcm_fairseq.models.simul_st import SimulSTModel
from mgcm_fairseq.tasks.simul_st import SimulSTTask
from mgcm_fairseq.training.non_finite import Finding, explanation, search
from tests.fixtures import ENVIRONMENT, REPOSITORY, run, training_command
from tests.modules.networks import network
from tests.training.batches import criterion, training_batch
from tests.training.here import train_here


def batch(seed=0, first=0):
    return {**training_batch(4, seed), "id": torch.arange(first, first + 4), "filler": False}


@pytest.fixture
def model():
    return SimulSTModel(network(dropout=0.0)).train()


class _Poisoned(torch.autograd.Function):
    """The same forward; a gradient with one inf."""

    @staticmethod
    def forward(ctx, value):
        return value.clone()

    @staticmethod
    def backward(ctx, gradient):
        poisoned = gradient.clone()
        poisoned.view(-1)[0] = float("inf")
        return poisoned


def poison(module, only=lambda output: True):
    """The module's gradients get an inf, in those calls whose output is such."""
    module.register_forward_hook(lambda module, given, output: _Poisoned.apply(output) if only(output) else output)


def spoil(module, value):
    """One output of the module gets the value in the forward pass."""
    def hook(module, given, output):
        spoilt = output.clone()
        spoilt.view(-1)[0] = value
        return spoilt

    module.register_forward_hook(hook)


def test_a_sound_step_has_nothing_and_leaves_no_trace(model):
    found = search(model, criterion(), [batch(), batch(1, 4)], amp=False)
    assert found == Finding("", [0, 1, 2, 3, 4, 5, 6, 7])
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_weights_that_are_none(model):
    with torch.no_grad():
        model.network.decoder.layers[0].ffn.fc1.weight[0, 0] = float("nan")
    assert search(model, criterion(), [batch()], amp=False) == Finding(
        "nan among the weights decoder.layers.0.ffn.fc1.weight", [])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_first_output_and_the_first_task_whose_loss_it_spoils(model, value):
    spoil(model.network.decoder.layers[0].ffn.fc1, value)
    found = search(model, criterion(), [batch()], amp=False)
    assert re.fullmatch("(nan|inf) in the loss of task st, first in the output of decoder.layers.0.ffn.fc1", found.what)


def test_the_module_where_a_gradient_begins_to_be_none_in_the_second_micro_batch(model):
    poison(model.network.encoder.layers[0].ffn.fc2, only=lambda output: output.size(0) == 3)
    few = {**batch(), **training_batch(3, 1), "id": torch.arange(4, 7)}
    found = search(model, criterion(), [batch(), few], amp=False)
    assert found == Finding("inf in the gradient of task st, on its way back first in encoder.layers.0.ffn.fc2",
                            [4, 5, 6])


def test_the_only_task_that_uses_the_module(model):
    poison(model.network.encoder.layers[0].ffn.fc2, only=lambda output: output.size(1) == 7)  # of the transcript alone
    found = search(model, criterion("mt,asr", ctc_weight=0.0), [batch()], amp=False)
    assert found.what == "inf in the gradient of task mt, on its way back first in encoder.layers.0.ffn.fc2"


def test_a_batch_that_only_fills_up_is_left_out(model):
    assert search(model, criterion(), [{**batch(), "filler": True}], amp=False) == Finding("", [])


def test_a_step_that_fails_once_more_is_told_of(model):
    """The other workers wait for what this one finds."""
    def fail(module, given, output):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to\nallocate")

    handle = model.network.decoder.layers[0].ffn.fc1.register_forward_hook(fail)
    assert search(model, criterion(), [batch()], amp=False) == Finding(
        "a step that could not be looked at once more (OutOfMemoryError: CUDA out of memory. Tried to)", [0, 1, 2, 3])
    handle.remove()
    assert not any(module._forward_hooks for module in model.modules())


def test_what_is_told():
    error = explanation(Finding("nan in the loss of task st", [1, 0]), 7, "gradients are Nan/Inf", ["a", "b"])
    assert str(error).startswith("update 7: expected finite gradients, found nan in the loss of task st, in the batch "
                                 "of the utterances b, a. Listen")
    error = explanation(Finding("", [1]), 7, "Minimum loss scale reached (0.0001).", ["a", "b"])
    assert "'Minimum loss scale reached (0.0001).', though each task's own" in str(error)
    assert "utterances b" in str(error)


EXPLODE = ("--lr", "1e30", "--clip-norm", "0", "--batch-size", "4", "--disable-validation", "--no-save", "--optimizer",
           "sgd")  # the first update makes weights whose outputs overflow in the second


def test_training_ends_with_the_cause_and_without_traceback(tiny_corpus, tmp_path):
    failed = run(*training_command(tiny_corpus, tmp_path, 9, *EXPLODE, "--conflict-rule", "mgcm"), check=False)
    assert failed.returncode == 2
    assert "Traceback" not in failed.stderr
    [said] = [line for line in failed.stderr.splitlines() if line.startswith("fairseq-train: error: ")]
    found = re.fullmatch(r".* error: update 2: expected finite gradients, found (?:nan|inf) in the loss of task st, "
                         r"first in the output of ([\w.]+), in the batch of the utterances ([\w, ]+)\. Listen .*", said)
    assert found, said
    listed = [line.split("\t")[0] for line in (tiny_corpus / "train.tsv").read_text().splitlines()]
    assert set(found[2].split(", ")) <= set(listed)


def test_a_split_beside_the_training_set_whose_name_begins_like_its_own(tiny_corpus, tmp_path):
    corpus = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    shutil.copy(corpus / "dev.tsv", corpus / "train_dev.tsv")
    with pytest.raises(InputError, match="update 2: expected finite gradients"):
        train_here(corpus, tmp_path, 9, "--lr", "1e30", "--clip-norm", "0", "--no-save", "--optimizer", "sgd",
                   "--valid-subset", "dev,train_dev", "--validate-interval-updates", "100", "--update-freq", "1",
                   "--max-tokens", "64000")
    preparation = torch.load(tmp_path / "crash.pt")["task_state"]["corpus"]["preparation"]
    assert preparation == fingerprint((corpus / "train.tsv").read_bytes())


@pytest.mark.parametrize(("error", "saved"), [(InputError("a", "b", "c", "d"), []), (ValueError(), ["crash.pt"])])
def test_wrong_input_in_a_step_writes_no_weights(tiny_corpus, tmp_path, monkeypatch, error, saved):
    """fairseq writes those before any step that fails."""
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(SimulSTTask, "train_step", fail)
    with pytest.raises(type(error)):
        train_here(tiny_corpus, tmp_path, 1, "--disable-validation")
    assert [path.name for path in tmp_path.rglob("*.pt")] == saved


def test_each_worker_is_told_of(tiny_corpus, tmp_path):
    trainings = [[2, str(tmp_path), training_command(tiny_corpus, tmp_path, 9, *EXPLODE)]]
    failed = subprocess.run([sys.executable, "-m", "tests.training.ranks", json.dumps(trainings)], cwd=REPOSITORY,
                            env=ENVIRONMENT, capture_output=True, text=True)
    assert failed.returncode
    assert re.search(r"InputError: update 2: expected finite gradients, found (nan|inf) in the loss of task st, first "
                     r"in the output of [\w.]+ on worker 0, in the batch of the utterances [\w, ]+; (nan|inf) in the "
                     r"loss of task st, first in the output of [\w.]+ on worker 1,", failed.stderr), failed.stderr
