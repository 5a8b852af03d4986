"""Task weights that follow norms of gradients: the closed form, whatever the micro-batches, workers and engine."""

import math

import pytest
import torch
from fairseq.distributed import utils as distributed

from mgcm_fairseq.core.conflict import ENGINES, PLAIN, Workers
from mgcm_fairseq.training.config import ConflictConfig
from mgcm_fairseq.training.task_weights import TaskWeights
from tests.core.conflict.steps import TASKS, assert_same, step, toy_case
from tests.core.conflict.test_shared_gradients import both  # noqa: F401 - a fixture
from tests.training.weighted import SCALES, begun, closed_form, follow, log_of


def test_weights_by_the_closed_form():
    found = follow(*begun(task_weight_floor=0.0), 13, lambda update: [{"seed": update}])
    assert found == [pytest.approx(row, rel=1e-12) for row in closed_form(13)]


@pytest.mark.parametrize("variant", ["repaired", "published"])
def test_three_micro_batches_change_as_one(variant):
    """As published, a change is made once for each micro-batch."""
    options = {"task_weight_variant": variant, "task_weight_floor": 0.0, "rule": "sum"}
    once = follow(*begun(**options), 7, lambda update: [{"seed": 1}])
    thrice = follow(*begun(**options), 3, lambda update: [{"seed": 1}] * 3)
    if variant == "repaired":
        assert thrice == [pytest.approx(row, rel=1e-12) for row in once[:4]]
    else:
        assert thrice[2] == pytest.approx([weight**3 for weight in once[2]], rel=1e-12)


def test_published_norms_are_of_the_sum_so_far_and_with_the_weights():
    """MT; MT and ASR; all: of the projections of the attention alone."""
    model, engine, weights = begun(task_weight_variant="published", rule="sum", task_weight_interval=1,
                                   task_weight_floor=0.0)
    expected = [1.0, 1.0, 1.0]
    for update in range(3):
        parts = {}
        for task in ("mt", "asr", "st"):
            losses = model.losses(seed=update)
            (expected[("st", "asr", "mt").index(task)] * losses[task]).backward()
            for part, layers in (("A", model.encoder.front_end), ("T", model.encoder.layers),
                                  ("D", model.decoder.layers)):
                norms = [torch.cat([part.grad.flatten() for part in layer.self_attn.out_proj.parameters()]).norm()
                         for layer in layers if layer.fc1.weight.grad is not None]
                parts[task, part] = sum(norms) / 2
        model.zero_grad()
        asr = parts["asr", "A"] / parts["st", "A"]
        mt = max(parts["mt", part] / parts["st", part] for part in "TD")
        found = follow(model, engine, weights, update + 1, lambda update: [{"seed": update}], update)[-1]
        model.zero_grad()
        expected = [1.0, expected[1] * min(1, asr.item())**(update + 1),
                    expected[2] * min(1, mt.item())**((update + 1) / 2)]
        assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("given", [
    {"scales": {**SCALES, "asr": {"front": math.inf}}}, {"scales": {**SCALES, "asr": {"front": math.nan}}},
    {"scales": {**SCALES, "asr": {"front": 0.0}}}, {"scales": {"st": SCALES["st"], "mt": SCALES["mt"]}},
    {"scales": {**SCALES, "asr": {"encoder": 1.0}}}, {"scales": {**SCALES, "st": {"decoder": 1.0}}}])
def test_what_is_not_finite_zero_or_absent_keeps_the_weight(given):
    found = follow(*begun(rule="sum"), 2, lambda update: [given])
    assert found[-1][1] == 1.0
    assert 0 < found[-1][2] <= 1


def test_a_batch_that_is_not_finite_is_left_out():
    bad = {"scales": {**SCALES, "st": {"front": math.nan, "encoder": math.inf, "decoder": 1.0}}}
    found = follow(*begun(rule="sum"), 2, lambda update: [{}, bad, {}])
    assert found[-1] == pytest.approx(closed_form(2)[-1], rel=1e-12)


def test_a_task_that_is_off_is_not_run_any_more():
    scales = {**SCALES, "asr": {"front": 0.05}}
    model, engine, weights = begun()
    follow(model, engine, weights, 2, lambda update: [{"scales": scales}])
    assert weights.to_run(2) == ("st", "mt")
    assert weights.shown[1] == 0
    found = follow(model, engine, weights, 6, lambda update: [{}], 2)
    assert found[-1] == pytest.approx([1, 0, 0.9**3])


def test_norms_of_asr_in_the_encoder():
    found = follow(*begun(asr_norm_part="encoder"), 2)
    assert found[-1] == pytest.approx([1, 0.3, math.sqrt(0.9)])


@pytest.mark.parametrize("kind", ["norm", "uncertainty", "dwa", "famo", "random"])
def test_the_next_update_has_the_new_weights(kind):
    model, engine, weights = begun(task_weights=kind, task_weight_interval=1, conflict_log_interval=1)
    if kind == "norm":
        follow(model, engine, weights, 2)
    else:
        for update in range(3):
            weights.begin()
            weights.to_run(update)
            weights.weigh({task: torch.tensor(rate**update) for task, rate in zip(TASKS, (0.9, 0.8, 0.5), strict=True)})
            weights.note(log_of(TASKS))
            weights.settle(update + 1, 0.1)
    ones = {task: torch.ones((), dtype=torch.float64) for task in TASKS}
    assert [loss.item() for loss in weights.weigh(ones).values()] == weights.shown
    assert len(set(weights.shown)) == 3


def test_an_update_that_came_to_nothing_is_forgotten():
    model, engine, weights = begun()
    follow(model, engine, weights, 1)
    weights.begin()
    weights.to_run(1)
    losses = model.losses(scales={**SCALES, "asr": {"front": 5.0}})
    engine.join(weights.weigh(losses)).backward()
    weights.note(log_of(TASKS), engine.report)
    assert follow(model, engine, weights, 2, start=1)[-1] == pytest.approx(closed_form(2)[-1])


@pytest.mark.parametrize("stop", [1, 3])
def test_sums_of_an_interval_go_on_bit_for_bit(stop):
    batches = {"losses_of": lambda update: [{"seed": update, "tokens": {"st": 5 + update, "asr": 3, "mt": 9}},
                                            {"scales": {**SCALES, "asr": {"front": 0.5 + 0.1 * update}}}]}
    whole = follow(*begun(), 6, **batches)
    model, engine, weights = begun()
    follow(model, engine, weights, stop, **batches)
    state = weights.state_dict()
    again = TaskWeights(weights.cfg)
    again.load_state_dict(state, TASKS, "checkpoint")
    assert again.state_dict() == {**state, "state": {**state["state"]}}
    again.measure(engine.merger.groups)
    assert follow(model, engine, again, 6, **batches, start=stop) == whole[stop:]


CASES = ({"rule": "mgcm"}, {"rule": "sum", "conflict_reduce": "local"}, {"rule": "pcgrad"},
         {"rule": "sum", "task_weights": "uncertainty", "conflict_log_interval": 1})


@pytest.fixture
def _no_group_is_left():
    """fairseq keeps the process group of the first training in an attribute of a function."""
    yield
    vars(distributed.get_global_group).clear()


@pytest.mark.usefixtures("_no_group_is_left")
def test_two_workers_are_one_with_their_batches(both):  # noqa: F811 - the fixture
    """Whose gradients point elsewhere, are of other lengths and of other numbers of tokens."""
    def of_worker(update, rank):
        scales = {**SCALES, "asr": {"front": 0.4 + 0.3 * rank + 0.05 * update}}
        return {"seed": 2 * update + rank, "tokens": {"st": 5 + 9 * rank, "asr": 3 + rank, "mt": 9}, "scales": scales}

    def run(rank):
        return [follow(*begun(workers=None if "conflict_reduce" in case else Workers(), **case), 5,
                       lambda update: [of_worker(update, rank)]) for case in CASES]

    together = both(run)
    for case, of_case in zip(CASES, together, strict=True):
        alone = follow(*begun(**case), 5, lambda update: [of_worker(update, rank) for rank in range(2)])
        assert of_case == [pytest.approx(row, rel=1e-10) for row in alone]
        assert len({row[1] for row in alone}) >= 3


@pytest.mark.parametrize("engine", ENGINES)
def test_mgcm_with_weights_is_the_weighted_formula(engine):
    """G = (1 + sum_a w_a c_a) g_0 + sum_a w_a g_a, where c_a is what it is without weights."""
    case = toy_case()
    weights = TaskWeights(ConflictConfig(fixed_task_weights="1,0.3,0.7"))
    weights.of(TASKS)
    names = dict(case.model.named_parameters())
    losses = case.losses(PLAIN)
    of_tasks = {task: dict(zip(names, torch.autograd.grad(loss, list(names.values()), retain_graph=True,
                                                         allow_unused=True), strict=True))
                for task, loss in losses.items()}
    expected = {}
    for module in {name.rpartition(".")[0] for name in names}:
        own = [name for name in names if name.rpartition(".")[0] == module]
        flat = {task: torch.cat([torch.zeros_like(names[name]).flatten() if found[name] is None
                                 else found[name].flatten() for name in own]) for task, found in of_tasks.items()}
        merged = flat["st"].clone()
        for task, weight in (("asr", 0.3), ("mt", 0.7)):
            dot = flat["st"] @ flat[task]
            merged += weight * (flat[task] - (dot / (flat["st"] @ flat["st"]) * flat["st"] if dot < 0 else 0))
        expected |= dict(zip(own, (part.view_as(names[name]) for name, part in zip(
            own, merged.split([names[name].numel() for name in own]), strict=True)), strict=True))
    made = ENGINES[engine](case.model, TASKS, "mgcm")
    found = step(case, made, lambda passing: weights.weigh(case.losses(passing)))
    assert made.report.conflict().any()
    assert_same(found, expected, 1e-10)
