"""A training with task weights that is stopped and goes on: the same bits as one that runs through."""

import pytest
import torch

from tests.training.here import train_here

OPTIONS = {
    "norm": ("--conflict-rule", "mgcm", "--task-weights", "norm", "--task-weight-interval", "2",
             "--task-weight-floor", "0", "--task-weight-variant", "published"),  # whose ratios are below 1
    "famo": ("--task-weights", "famo"), "random": ("--task-weights", "random")}
UPDATES = 5


@pytest.mark.parametrize("kind", OPTIONS)
def test_it_goes_on_bit_for_bit_before_and_after_the_first_change(tiny_corpus, tmp_path, kind):
    options = ("--disable-validation", "--update-freq", "2", *OPTIONS[kind])
    whole = torch.load(train_here(tiny_corpus, tmp_path / "whole", UPDATES, *options))
    for updates in (1, 3, UPDATES):
        stopped = torch.load(train_here(tiny_corpus, tmp_path / "stopped", updates, *options))
    assert whole["model"].keys() == stopped["model"].keys()
    assert all(torch.equal(weight, stopped["model"][name]) for name, weight in whole["model"].items())
    ours, theirs = (flat(of["task_state"]["task_weights"]) for of in (whole, stopped))
    assert [repr(part) for part in ours] == [repr(part) for part in theirs]
    weights = whole["task_state"]["task_weights"]["state"].get("weights")
    assert kind == "random" or len({float(weight) for weight in (weights.values() if kind == "norm" else weights)}) == 3


def flat(state):
    """All values, tensors as lists."""
    if isinstance(state, dict):
        return [part for name in sorted(state) for part in (name, *flat(state[name]))]
    return [state.tolist() if isinstance(state, torch.Tensor) else state]


def test_weights_of_another_kind_begin_anew_and_that_is_said(tiny_corpus, tmp_path, caplog):
    train_here(tiny_corpus, tmp_path, 1, "--disable-validation", *OPTIONS["famo"])
    with caplog.at_level("INFO"):
        train_here(tiny_corpus, tmp_path, 2, "--disable-validation", "--fixed-task-weights", "1,0.5,0.5")
    assert "task weights, which were famo of st,asr,mt, begin anew as fixed of st,asr,mt" in caplog.text
