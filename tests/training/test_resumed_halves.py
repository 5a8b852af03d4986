"""Rules over half gradients in a training of fairseq's: stopped and resumed, to the bit."""

import shutil

import pytest
import torch

from tests.training.here import train_here, weights


@pytest.mark.parametrize(("rule", "engine"), [("noise-aware-mgcm", "streamed")])
def test_a_training_goes_on_to_the_bit(tiny_corpus, tmp_path, rule, engine):
    options = ("--disable-validation", "--conflict-rule", rule, "--conflict-engine", engine, "--update-freq", "3",
               "--save-interval-updates", "2")
    whole = train_here(tiny_corpus, tmp_path / "whole", 4, *options)
    (tmp_path / "parts").mkdir()
    [stopped] = (tmp_path / "whole").glob("checkpoint_*_2.pt")
    shutil.copy(stopped, tmp_path / "parts" / "checkpoint_last.pt")
    parts = train_here(tiny_corpus, tmp_path / "parts", 4, *options)
    ours, theirs = weights(parts), weights(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    then, now = (torch.load(path)["task_state"]["conflict"]["state"] for path in (whole, parts))
    [tensors, others] = ([value for value in state.values() if isinstance(value, dict)] for state in (then, now))
    assert [of.keys() for of in tensors] == [of.keys() for of in others]
    assert all(torch.equal(one[name], other[name]) for one, other in zip(tensors, others, strict=True) for name in one)
    assert any(of.any() for part in tensors for of in part.values())
