"""Checkpoint averaging against means taken by hand."""

import pytest
import torch

from mgcm_fairseq.commands.average import main
from mgcm_fairseq.common.errors import InputError
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


def scored(folder, metric, value, updates=1, maximize=None, digit=0):
    """A checkpoint as fairseq keeps it: its name has three decimals and a digit that tells equals apart."""
    path = folder / f"checkpoint.best_{metric}_{value:.3f}{digit}.pt"
    maximize = metric in ("bleu", "st_acc") if maximize is None else maximize
    save(path, 0.0, extra_state={"val_loss": value}, optimizer_history=[{"num_updates": updates}],
         cfg={"checkpoint": {"best_checkpoint_metric": metric, "maximize_best_checkpoint_metric": maximize}})
    return path


@pytest.mark.parametrize(("metric", "values"), [
    ("bleu", [21.3, 21.09, 9.5]), ("st_acc", [100.0, 20.0, 3.0]),  # best first
    ("loss", [3.0, 9.5, 10.2]), ("st_nll", [5.121, 5.124, 5.129]), ("mt_nll", [7.12311, 7.12312, 7.1232]),
    ("wer", [9.1, 30.0, 101.0])])
def test_the_best_are_best_by_their_metric_in_all_decimals(tmp_path, metric, values):
    paths = [scored(tmp_path, metric, value, digit=9 - position) for position, value in enumerate(values)]
    assert best(tmp_path, 2) == paths[:2]
    assert best(tmp_path, 3) == paths


def test_of_equals_the_later_is_the_better_one(tmp_path):
    paths = [scored(tmp_path, "bleu", 20.0, updates, digit=digit) for updates, digit in ((5, 9), (900, 0), (1000, 4))]
    assert best(tmp_path, 3) == paths[::-1]


def test_checkpoints_by_two_metrics_are_not_mixed(tmp_path):
    [loss, bleu] = [scored(tmp_path, metric, 3.0) for metric in ("loss", "bleu")]
    with pytest.raises(InputError, match="by one metric, found bleu and loss"):
        best(tmp_path, 1)
    assert best(tmp_path, 1, "loss") == [loss]
    assert best(tmp_path, 1, "bleu") == [bleu]


@pytest.mark.parametrize(("metric", "maximize", "message"), [
    ("loss", True, "expected the lowest loss kept as the best, found the highest loss"),
    ("bleu", False, "expected the highest bleu kept as the best, found the lowest bleu")])
def test_what_was_kept_the_wrong_way_round_is_refused(tmp_path, metric, maximize, message):
    scored(tmp_path, metric, 3.0, maximize=maximize)
    with pytest.raises(InputError, match=message):
        best(tmp_path, 1)


def test_a_checkpoint_without_a_score_is_refused(tmp_path):
    save(tmp_path / "checkpoint.best_bleu_9.5070.pt", 0.0)
    with pytest.raises(InputError, match="in which fairseq-train recorded its score"):
        best(tmp_path, 1)


def test_fewer_than_asked_for_are_counted(tmp_path):
    scored(tmp_path, "bleu", 20.0)
    with pytest.raises(InputError, match="Ask for 1"):
        best(tmp_path, 2)


def test_too_few_checkpoints_is_an_error(tmp_path):
    save(tmp_path / "checkpoint_1_900.pt", 0.0)
    with pytest.raises(InputError, match=r"expected 2 checkpoints .* found 1"):
        latest(tmp_path, 2)


@pytest.mark.parametrize("model", [{"other": torch.zeros(2)}, {"w": torch.zeros(1), "h": torch.zeros(2)}])
def test_different_models_are_not_averaged(tmp_path, model):
    save(tmp_path / "a", 1.0)
    save(tmp_path / "b", 1.0, model=model)
    with pytest.raises(InputError, match="same weights"):
        average([tmp_path / "a", tmp_path / "b"], tmp_path / "mean.pt")


def test_a_file_of_something_else_is_not_averaged(tmp_path):
    torch.save({"weights": {}}, tmp_path / "a")
    with pytest.raises(InputError, match="a checkpoint of fairseq-train, found the keys"):
        average([tmp_path / "a"], tmp_path / "mean.pt")


def test_checkpoints_from_before_and_after_segments_set_in_are_not_averaged(tmp_path):
    for name, active in (("a", True), ("b", False)):
        save(tmp_path / name, 1.0, model={"w": torch.ones(2), "encoder.segmenter._extra_state": torch.tensor(active)})
    with pytest.raises(InputError, match="expected checkpoints of one training"):
        average([tmp_path / "a", tmp_path / "b"], tmp_path / "mean.pt")


@pytest.mark.parametrize("model", [None, [1], {"w": [1.0]}, {"w": torch.eye(2).to_sparse()},
                                   {"w": torch.empty(2, device="meta")}])
def test_a_file_without_weights_is_refused(tmp_path, model):
    torch.save({"model": model, "cfg": {}}, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"a\.pt: expected a checkpoint of fairseq-train"):
        average([tmp_path / "a.pt"], tmp_path / "mean.pt")


def test_the_program_makes_the_folder_of_its_file_and_refuses_a_folder(tmp_path, capsys):
    save(tmp_path / "checkpoint_1_5.pt", 2.0)
    assert main([str(tmp_path), "--last", "1", "--out", str(tmp_path / "new" / "of" / "model.pt")]) == 0
    assert torch.load(tmp_path / "new" / "of" / "model.pt")["model"]["w"].tolist() == [2.0, 2.0]
    assert main([str(tmp_path), "--last", "1", "--out", str(tmp_path)]) == 2
    assert "--out: expected a file to write, found the folder" in capsys.readouterr().err
