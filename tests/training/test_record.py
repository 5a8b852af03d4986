"""Records of conflicts in fairseq's metrics, over epochs that are shorter than the interval between two records."""

import atexit
import json

import pytest
import torch
from fairseq.logging import metrics

from mgcm_fairseq.models.simul_st import SimulSTModel
from mgcm_fairseq.training.config import ConflictConfig
from mgcm_fairseq.training.step import ConflictStep
from tests.modules.networks import network
from tests.training.batches import criterion, training_batch
from tests.training.test_step import BACKWARD


@pytest.fixture(autouse=True)
def _metrics():
    metrics.reset()
    yield
    metrics.reset()


def test_an_epoch_without_a_record_of_its_own_shows_the_last_one():
    """Epochs of two updates, a record every three."""
    step, model = ConflictStep(ConflictConfig(conflict_rule="sum", conflict_log_interval=3), 1), SimulSTModel(network())
    epochs = []
    for epoch in range(5):
        with metrics.aggregate("train"):
            for update in (2 * epoch, 2 * epoch + 1):
                metrics.log_scalar("loss", 1.0)  # fairseq has some of its own in every update
                step.run(training_batch(seed=update), model, criterion(), BACKWARD, update, ignore_grad=False)
        epochs.append(metrics.get_smoothed_values("train"))
        metrics.reset_meters("train")
    layers = [{name: value for name, value in epoch.items() if "/" in name} for epoch in epochs]
    assert not layers[0], "no record yet"
    assert len(layers[1]) > 20
    assert all(of_epoch.keys() == layers[1].keys() for of_epoch in layers[1:])
    assert not any(value is None for epoch in epochs for value in epoch.values())
    assert layers[2] == layers[1], "records are of updates 3, 6 and 9, and the third epoch has updates 4 and 5"
    assert layers[3] != layers[2]
    for epoch in epochs:
        assert all(0 <= epoch[f"{task}_newest_conflict"] <= 100 for task in ("asr", "mt"))
    assert epochs[0]["asr_newest_conflict"] != epochs[1]["asr_newest_conflict"]
    for epoch in epochs[1:]:
        for task in ("asr", "mt"):
            rates = [epoch[f"{task}_{component}_conflict"] for component in ("attention", "ffn", "norm")]
            assert 0 <= epoch[f"{task}_conflict"] <= 100
            assert isinstance(epoch[f"{task}_conflict"], float)
            assert all(0 <= rate <= 100 for rate in rates)
    assert torch.isfinite(torch.tensor(list(layers[-1].values()))).all()


def test_a_record_says_after_which_update_its_passes_begin(tmp_path):
    """A training that went on from a checkpoint of update 2, with a record every three."""
    cfg = ConflictConfig(conflict_rule="sum", conflict_log_interval=3, conflict_log=str(tmp_path / "log"))
    step, model = ConflictStep(cfg, 1), SimulSTModel(network())
    with metrics.aggregate("train"):
        for update in range(2, 8):
            step.run(training_batch(seed=update), model, criterion(), BACKWARD, update, ignore_grad=False)
    atexit.unregister(step.recorder.end)
    step.recorder.end()
    records = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()[1:]]
    assert [(one["since"], one["update"], one["passes"]) for one in records] == [(2, 3, 1), (3, 6, 3), (6, 8, 2)]


def test_the_last_record_lies_with_the_others_though_the_folder_has_changed(tmp_path, monkeypatch):
    """Hydra changes to the training's folder, and back before the program ends."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "training").mkdir()
    cfg = ConflictConfig(conflict_rule="sum", conflict_log_interval=3, conflict_log="log")
    with monkeypatch.context() as hydra:
        hydra.chdir("training")
        step, model = ConflictStep(cfg, 1), SimulSTModel(network())
        with metrics.aggregate("train"):
            step.run(training_batch(), model, criterion(), BACKWARD, 0, ignore_grad=False)
    atexit.unregister(step.recorder.end)
    step.recorder.end()
    assert len((tmp_path / "training" / "log").read_text().splitlines()) == 2
    assert not (tmp_path / "log").exists()
