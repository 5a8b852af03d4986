"""A measured speed is taken for the training that was measured, and for no other."""

import pytest

from mgcm_fairseq.evaluation.scaling.memory import Memory
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.estimate import Batches, hours
from mgcm_fairseq.recipes.measured import MEASURED, find

PATHS = ["task.data=/data", "model.w2v_path=/w2v.pt"]
WHOLE = ["dataset.max_tokens=12000000", "dataset.batch_size=256", "optimization.update_freq=[1]"]
H200 = "NVIDIA H200"


def config(training, *overrides):
    return resolve(training, [*PATHS, *WHOLE, *overrides])


@pytest.mark.parametrize("one", MEASURED)
def test_each_fits_its_training_with_another_vocabulary(one):
    cfg = config(one.training, f"task.conflict_scope={one.scope}")
    assert find(one.gpu, one.training, cfg, one.parameters + 100_000) == one


@pytest.mark.parametrize(("gpu", "training", "override", "parameters"), [
    ("NVIDIA A100", "multi_task", "common.seed=2", 190_677_376),
    (H200, "discard_multi_task", "common.seed=2", 190_677_376),
    (H200, "multi_task", "common.fp16=false", 190_677_376),
    (H200, "multi_task", "dataset.max_tokens=1500000", 190_677_376),
    (H200, "mgcm_multi_task", "task.conflict_scope='^decoder'", 190_677_376),
    (H200, "multi_task", "common.seed=2", 250_000_000)])
def test_none_fits_another(gpu, training, override, parameters):
    assert find(gpu, training, config(training, override), parameters) is None


def test_hours_are_those_of_the_measured_speed():
    cfg = config("multi_task", "optimization.max_update=3600")
    batches = Batches(10, 10 * 16_000 * 456, 0.0, 1e15, Memory(0, 0, 0, 0))
    [measured] = [one for one in MEASURED if one.training == "multi_task"]
    assert hours(cfg, batches, measured, 13.0) == pytest.approx(1 / 3.55)
    assert hours(cfg, batches, None, 10.0) == pytest.approx(10.0)
