"""Checkpoint averaging against means taken by hand."""

import pytest
import torch

from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.models.averaging import average, best, latest


def save(path, value, **more):
    torch.save({"model": {"w": torch.full((2,), value), "h": torch.full((2,), value, dtype=torch.half)},
                "cfg": {"kept": 1}, "last_optimizer_state": {"large": 1}, **more}, path)


def test_mean_of_the_weights_without_optimizer(tmp_path):
    for name, value in (("a", 1.0), ("b", 2.0), ("c", 6.0)):
        save(tmp_path / name, value)
    average([tmp_path / name for name in "abc"], tmp_path / "mean.pt")
    state = torch.load(tmp_path / "mean.pt")
    assert state["model"]["w"].tolist() == [3.0, 3.0]
    assert state["model"]["h"].dtype == torch.half
    assert state["cfg"] == {"kept": 1}
    assert "last_optimizer_state" not in state


def test_choice_by_updates_is_numeric(tmp_path):
    for name in ("checkpoint_1_900.pt", "checkpoint_2_1000.pt", "checkpoint_2_1100.pt", "checkpoint_last.pt"):
        save(tmp_path / name, 0.0)
    assert [path.name for path in latest(tmp_path, 2)] == ["checkpoint_2_1100.pt", "checkpoint_2_1000.pt"]


def test_choice_by_score_leaves_out_fairseqs_extra_digit(tmp_path):
    for name in ("checkpoint.best_bleu_9.507.pt", "checkpoint.best_bleu_21.301.pt", "checkpoint.best_bleu_21.09.pt"):
        save(tmp_path / name, 0.0)
    assert [path.name for path in best(tmp_path, 2)] == ["checkpoint.best_bleu_21.301.pt",
                                                         "checkpoint.best_bleu_21.09.pt"]


def test_too_few_checkpoints_is_an_error(tmp_path):
    save(tmp_path / "checkpoint_1_900.pt", 0.0)
    with pytest.raises(InputError, match=r"expected 2 checkpoints .* found 1"):
        latest(tmp_path, 2)


def test_different_models_are_not_averaged(tmp_path):
    save(tmp_path / "a", 1.0)
    save(tmp_path / "b", 1.0, model={"other": torch.zeros(2)})
    with pytest.raises(InputError, match="same weights"):
        average([tmp_path / "a", tmp_path / "b"], tmp_path / "mean.pt")


def test_checkpoints_from_before_and_after_segments_set_in_are_not_averaged(tmp_path):
    for name, active in (("a", True), ("b", False)):
        save(tmp_path / name, 1.0, model={"w": torch.ones(2), "encoder.segmenter._extra_state": torch.tensor(active)})
    with pytest.raises(InputError, match="expected checkpoints of one stage"):
        average([tmp_path / "a", tmp_path / "b"], tmp_path / "mean.pt")
