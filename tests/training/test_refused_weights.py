"""Options of task weights that are refused, each with its reason, and what the reasons rest on."""

from types import SimpleNamespace

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import make_rule
from mgcm_fairseq.core.conflict.rules.torchjd import NAMES, PROPORTIONAL
from mgcm_fairseq.training.config import ConflictConfig
from mgcm_fairseq.training.preconditions import check_training
from mgcm_fairseq.training.task_weights import TaskWeights
from tests.core.conflict.inputs import drawn, gramian
from tests.training.batches import criterion
from tests.training.test_step import BACKWARD
from tests.training.test_weighted_steps import model


@pytest.mark.parametrize(("given", "said"), [
    ({"task_weights": "norm", "conflict_rule": "none"}, "Add --conflict-rule sum"),
    ({"task_weights": "norm", "conflict_granularity": "layer"}, "module or parameter"),
    ({"task_weights": "norm", "conflict_rule": "torchjd:IMTLG"}, "grows with its weight"),
    ({"task_weights": "famo", "conflict_rule": "torchjd:MGDA"}, "grows with its weight"),
    ({"fixed_task_weights": "1,2,3", "conflict_rule": "torchjd:DualProj"}, "grows with its weight"),
    ({"task_weight_interval": 0}, "from 1 on"),
    ({"task_weights": "uncertainty", "conflict_log_interval": 0}, "--conflict-log-interval: .* from 1 on"),
    ({"task_weight_floor": 1.0}, "below 1"), ({"asr_until": -1}, "or 0"),
    ({"task_weights": "dwa", "asr_until": 5}, "weigh all tasks"),
    ({"task_weights": "famo", "fixed_task_weights": "1,1,1"}, "Leave one of the two out"),
    ({"task_weight_variant": "published"}, "--task-weights norm"),
    ({"task_weights": "dwa", "asr_norm_part": "encoder"}, "--task-weights norm")])
def test_options_that_cannot_work_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        TaskWeights(ConflictConfig(**{"conflict_rule": "mgcm", **given}))


@pytest.mark.parametrize(("given", "tasks", "said"), [
    ({"fixed_task_weights": "1,0.3"}, "st,asr,mt", "for each of st,asr,mt"),
    ({"fixed_task_weights": "0,1"}, "st,mt", "more than 0"), ({"fixed_task_weights": "1,-1"}, "st,mt", "from 0 on"),
    ({"fixed_task_weights": "1,nan"}, "st,mt", "from 0 on"), ({"fixed_task_weights": "1,a"}, "st,mt", "Write e.g. 1,0"),
    ({"fixed_task_weights": "1"}, "st", "at least two"), ({"task_weights": "famo"}, "st", "at least two"),
    ({"task_weights": "norm"}, "asr,st", "st first"), ({"asr_until": 3}, "st,mt", "asr among"),
    ({"asr_until": 3}, "asr,mt", "asr among"),
    ({"asr_until": 3, "fixed_task_weights": "1,0,1"}, "st,asr,mt", "weight of asr above 0")])
def test_tasks_that_do_not_fit_are_refused(given, tasks, said):
    with pytest.raises(InputError, match=said):
        TaskWeights(ConflictConfig(conflict_rule="sum", **given)).of(tasks.split(","))


@pytest.mark.parametrize(("given", "refused"), [
    ({"task_weights": "norm"}, True), ({"task_weights": "norm", "task_weight_floor": 0.0}, False),
    ({"asr_until": 3}, True), ({"fixed_task_weights": "1,1,0.0"}, True), ({"fixed_task_weights": "1,1,0.5"}, False),
    ({"task_weights": "famo"}, False)])
def test_ddp_must_be_told_of_tasks_that_may_be_off(given, refused, monkeypatch):
    wrapped = torch.nn.Module()
    wrapped.module, wrapped.find_unused_parameters = model(), False
    wrapped.__class__ = type("DistributedDataParallel", (torch.nn.Module,), {})
    monkeypatch.setattr(torch.nn.parallel, "DistributedDataParallel", wrapped.__class__)
    cfg = ConflictConfig(conflict_rule="sum", **given)
    if refused:
        with pytest.raises(InputError, match="find-unused-parameters"):
            check_training(cfg, criterion(), BACKWARD, wrapped, 1)
    else:
        check_training(cfg, criterion(), BACKWARD, wrapped, 1)


@pytest.mark.parametrize(("rule", "reduce", "workers", "refused"), [
    ("mgcm", "global", 2, True), ("mgcm", "local", 2, False), ("pcgrad", "global", 2, False),
    ("mgcm", "global", 1, False)])
def test_published_norms_need_all_inner_products(rule, reduce, workers, refused):
    cfg = ConflictConfig(conflict_rule=rule, conflict_reduce=reduce, task_weights="norm",
                         task_weight_variant="published")
    wrapped = SimpleNamespace(network=model().network, schedule=model().schedule)
    if refused:
        with pytest.raises(InputError, match="--conflict-reduce local"):
            check_training(cfg, criterion(), BACKWARD, wrapped, workers)
    else:
        check_training(cfg, criterion(), BACKWARD, wrapped, workers)


@pytest.mark.parametrize("name", NAMES)
def test_which_of_torchjds_rules_answer_to_lengths(name):
    pytest.importorskip("torchjd")
    rule, scale, same = make_rule(f"torchjd:{name}"), torch.tensor([1.0, 0.3, 0.6]).double(), []
    for seed in range(5):
        g_TD = drawn(seed=seed)
        parts = []
        for given in (g_TD, g_TD * scale[:, None], g_TD * torch.tensor([1.0, 0.65, 0.8]).double()[:, None]):
            weights = rule(gramian(given), ["a"], 0)[0].sum(0)
            parts.append(weights @ given)
        same.append(torch.allclose((parts[0] + parts[1]) / 2, parts[2], rtol=1e-3, atol=1e-3 * g_TD.norm().item()))
    assert all(same) == (name in PROPORTIONAL)
