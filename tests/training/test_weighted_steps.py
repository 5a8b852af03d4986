"""Steps with task weights: what they cost, a task that is off, without a rule, and records."""

import atexit
import re

import pytest
import torch
from fairseq.logging import metrics
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode

from mgcm_fairseq.analysis.conflict_log import read_conflict_log
from mgcm_fairseq.analysis.plot_conflicts import plot_weights
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN, Stash, tape
from mgcm_fairseq.models.simul_st import SimulSTModel, build_schedule
from mgcm_fairseq.training.config import ConflictConfig
from mgcm_fairseq.training.noise_floor import NoiseFloor
from mgcm_fairseq.training.screen import short_line
from mgcm_fairseq.training.step import ConflictStep
from mgcm_fairseq.training.task_weights import TaskWeights
from mgcm_fairseq.training.weighted_step import WeightedStep
from tests.modules.networks import config, network
from tests.training.batches import criterion, training_batch
from tests.training.test_step import BACKWARD, flat, gradients
from tests.training.weighted import TASKS, Known, follow

KINDS = ("norm", "uncertainty", "dwa", "famo", "random")


@pytest.fixture(autouse=True)
def _metrics():
    yield
    metrics.reset()


def model(**changes):
    made = SimulSTModel(network(encoder_layers=1, decoder_layers=1, dropout=0.0, **changes))
    made.schedule = build_schedule(config(**changes), 0)
    return made


def trained(updates, step, batches=1):
    """The step's weights behind so many updates on a batch, or on it so many times."""
    of = model()
    for update in range(updates):
        of.zero_grad()
        step.weights.begin()
        for _ in range(batches):
            step.run(training_batch(2), of, criterion(), BACKWARD, update, ignore_grad=False)
        step.weights.settle(update + 1, 0.1)
    return step.weights.shown


def conflict_step(**options):
    return ConflictStep(ConflictConfig(**{"conflict_rule": "mgcm", "task_weight_interval": 1, **options}), 1)


def test_both_engines_give_the_same_weights_from_the_norms_that_autograd_finds():
    found = {engine: trained(1, conflict_step(task_weights="norm", conflict_engine=engine, task_weight_floor=0.0))
             for engine in ("streamed", "stash")}
    assert found["streamed"] == pytest.approx(found["stash"], rel=1e-4)
    of, batch = model().train(), training_batch(2)
    losses, _, log = criterion().by_task(of, batch, PLAIN)
    names = [name for name, _ in of.network.named_parameters()]
    own = {task: dict(zip(names, torch.autograd.grad(loss / log[f"{task}_tokens"], list(of.network.parameters()),
                                                     retain_graph=True, allow_unused=True), strict=True))
           for task, loss in losses.items()}

    def norm(task, beginning):
        modules = {}
        for name in names:
            if name.startswith(beginning) and own[task][name] is not None:
                module = name.replace("parametrizations.weight.", "").rpartition(".")[0]
                modules[module] = modules.get(module, 0.0) + own[task][name].double().square().sum()
        return sum(square.sqrt() for square in modules.values()) / len(modules)

    asr = norm("asr", "encoder.front_end.") / norm("st", "encoder.front_end.")
    mt = max(norm("mt", part) / norm("st", part) for part in ("encoder.layers.", "decoder.layers."))
    assert found["stash"] == pytest.approx([1, min(1, asr.item()), min(1, mt.item())**0.5], rel=1e-3)


@pytest.mark.parametrize("engine", ["streamed", "stash"])
def test_norm_makes_no_further_backward_pass(engine, monkeypatch):
    passes = []

    def counting(run):
        def counted(*arguments, **options):
            passes.append(1)
            return run(*arguments, **options)
        return counted

    for place in (tape, torch.autograd, torch.autograd.graph):
        monkeypatch.setattr(place, "_engine_run_backward", counting(place._engine_run_backward))
    counts = []
    for options in ({}, {"task_weights": "norm", "task_weight_floor": 0.0}):
        passes.clear()
        trained(2, conflict_step(conflict_engine=engine, **options))
        counts.append(len(passes))
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_reads_nothing_from_the_device(kind):
    """It runs on tensors that have no values; once an interval norms are read."""
    weights = TaskWeights(ConflictConfig(conflict_rule="mgcm", task_weights=kind, task_weight_interval=3))
    weights.of(TASKS)
    with FakeTensorMode(allow_non_fake_inputs=True):
        known = Known()
        engine = Stash(known, TASKS)
        weights.measure(engine.merger.groups)
        follow(known, engine, weights, 2)
        if kind == "norm":
            with pytest.raises((DataDependentOutputException, DynamicOutputShapeException)):
                follow(known, engine, weights, 3, start=2)


def off_and_never_on(found_by):
    """(loss, log, gradients) of a step in which ASR has ended, and of one that does not train it."""
    found = []
    for tasks, asr_until in (("st,asr,mt", 1), ("st,mt", 0)):
        of, loss = model(shrink="ctc", shrink_from=0), criterion(tasks)
        loss.state_contrast = 1.0
        step = found_by(asr_until=asr_until)
        value, _, log = step.run(training_batch(), of, loss, BACKWARD, 1, ignore_grad=False)
        found.append((value, log, gradients(of)))
    return found


@pytest.mark.parametrize("found_by", [
    lambda **given: conflict_step(**given), lambda **given: conflict_step(conflict_engine="stash", **given),
    lambda **given: WeightedStep(TaskWeights(ConflictConfig(**given)))], ids=["streamed", "stash", "no rule"])
def test_once_asr_is_off_st_has_ctc_and_contrast_as_where_asr_is_not_trained(found_by):
    (loss, log, ended), (expected_loss, expected_log, never) = off_and_never_on(found_by)
    assert log.keys() == expected_log.keys()
    assert {"ctc_letters_loss", "ctc_pieces_loss", "state_contrast_loss"} <= log.keys()
    torch.testing.assert_close(loss, expected_loss)
    assert ended.keys() == never.keys()
    torch.testing.assert_close(flat(ended), flat(never), rtol=1e-4, atol=1e-4)
    assert ended["network.ctc.piece_bias"].abs().sum() > 0, "what --shrink reads stays trained"


def test_what_asr_had_is_judged_no_more_once_it_is_the_primary_tasks():
    """MT's gradients change under mgcm, the primary task's never do: CTC's letters head has what ST alone gives it."""
    step, of, alone = conflict_step(asr_until=1), model(), model()
    step.run(training_batch(2), of, criterion(), BACKWARD, 1, ignore_grad=False)
    criterion("st").by_task(alone.train(), training_batch(2), PLAIN)[0]["st"].backward()
    torch.testing.assert_close(of.network.ctc.letters.weight.grad, alone.network.ctc.letters.weight.grad)
    assert step.weights.shown == [1, 0, 1]


def test_no_ctc_where_nothing_is_heard():
    """With ASR and ST off there is no task that it could serve."""
    losses, _, log = criterion("mt,st").by_task(model().train(), training_batch(2), PLAIN, ("mt",))
    assert list(losses) == ["mt"]
    assert not [name for name in log if name.startswith("ctc")]


def test_mts_ratio_does_not_feel_ctc(caplog):
    """CTC ends below the layers in which MT is compared, so that ASR's end moves no weight but ASR's own."""
    ratios = []
    for weight in (0.0, 1.0):
        of, step = model(), conflict_step(task_weights="norm", asr_until=1)
        with caplog.at_level("INFO"):
            step.run(training_batch(2), of, criterion(ctc_weight=weight), BACKWARD, 1, ignore_grad=False)
            step.weights.settle(1, 0.1)
        ratios.append(float(re.findall(r"mt [\d.]+ \(norms ([\d.]+)\)", caplog.text)[-1]))
        assert (of.network.ctc.letters.weight.grad is not None) == (weight > 0)
    assert ratios[0] == ratios[1] > 0


def test_the_noise_floor_has_ctc_once_it_is_the_primary_tasks():
    step, of = conflict_step(), model()
    step.run(training_batch(), of, criterion(), BACKWARD, 0, ignore_grad=False)
    groups = step.engine.merger.groups
    floor = NoiseFloor(of.network, groups, of, criterion())
    letters = groups.names.index("ctc.letters")
    assert floor.cosines(training_batch(), TASKS).groups[letters] is None
    assert floor.cosines(training_batch(), ("st", "mt")).groups[letters] is not None


@pytest.mark.parametrize("engine", ["streamed", "stash"])
def test_fixed_weights_without_a_rule_are_those_under_the_sum(engine):
    cfg = ConflictConfig(fixed_task_weights="1,0.3,0")
    plain, summed = model(), model()
    WeightedStep(TaskWeights(cfg)).run(training_batch(2), plain, criterion(), BACKWARD, 0, ignore_grad=False)
    conflict_step(conflict_rule="sum", fixed_task_weights="1,0.3,0", conflict_engine=engine).run(
        training_batch(2), summed, criterion(), BACKWARD, 0, ignore_grad=False)
    torch.testing.assert_close(flat(gradients(plain)), flat(gradients(summed)), rtol=1e-4, atol=1e-3)
    expected = model().train()
    losses = criterion().by_task(expected, training_batch(2), PLAIN)[0]
    (losses["st"] + 0.3 * losses["asr"]).backward()
    torch.testing.assert_close(flat(gradients(plain)), flat(gradients(expected)), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_weights_that_follow_losses_are_the_same_for_one_batch_and_three(kind):
    options = {"conflict_rule": "none", "task_weights": kind, "task_weight_interval": 1, "conflict_log_interval": 1}
    once, thrice = (trained(3, WeightedStep(TaskWeights(ConflictConfig(**options))), batches) for batches in (1, 3))
    assert once == pytest.approx(thrice, rel=1e-6)
    assert len(set(once)) == (1 if kind == "dwa" else 3)  # without an optimizer no loss falls


def test_the_log_and_the_screen_show_the_weights(tmp_path):
    step = conflict_step(fixed_task_weights="1,0.5,0.25", conflict_log=str(tmp_path / "log"))
    with metrics.aggregate("train"):
        step.run(training_batch(2), model(), criterion(), BACKWARD, 0, ignore_grad=False)
        stats = metrics.get_smoothed_values("train")
    atexit.unregister(step.recorder.end)
    step.recorder.end()
    log, _ = read_conflict_log(tmp_path / "log")
    assert log.header["format"] == 2
    assert log.weights.tolist() == [[1, 0.5, 0.25]]
    plot_weights(log, tmp_path / "weights.png")
    assert (tmp_path / "weights.png").stat().st_size > 0
    assert "weight 1 0.5 0.25" in short_line(stats)


def test_a_scope_without_the_front_end_asks_for_the_encoders_norms():
    options = {"task_weights": "norm", "conflict_scope": "above-front-end"}
    with pytest.raises(InputError, match="--asr-norm-part encoder"):
        trained(1, conflict_step(**options))
    assert 0 < trained(1, conflict_step(asr_norm_part="encoder", **options))[1] <= 1
