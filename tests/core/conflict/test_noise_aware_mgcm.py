"""Noise-aware MGCM: false alarms and power on planted gradients, a reference in loops, and what it remembers."""

import math

import pytest
import torch

from mgcm_fairseq.core.conflict import ENGINES
from mgcm_fairseq.core.conflict.expected_conflict import ERRORS, RATE
from mgcm_fairseq.core.conflict.halves import of_whole_batch
from mgcm_fairseq.core.conflict.rules.mgcm import mgcm
from mgcm_fairseq.core.conflict.rules.noise_aware_mgcm import NoiseAwareMGCM
from tests.core.conflict.halved import Halved
from tests.core.conflict.reference import flattened, task_gradients
from tests.core.conflict.steps import assert_same, gradients, merged
from tests.core.conflict.toy import TASKS

GROUPS, DIM = 300, 20
NAMES = [str(group) for group in range(GROUPS)]


def upper(x):
    """P(N > x)."""
    return math.erfc(x / math.sqrt(2)) / 2


class Planted:
    """Half gradients of two tasks with expectations at a cosine; noise is in common within a half."""

    def __init__(self, cosine, signal, seed=0, common=0.0):
        self.generator = torch.Generator().manual_seed(seed)
        self.mean_TD = torch.zeros(2, DIM, dtype=torch.float64)
        self.mean_TD[0, 0] = signal
        self.mean_TD[1, :2] = signal * torch.tensor([cosine, math.sqrt(1 - cosine**2)]).double()
        self.common = common

    def halves(self):
        """(GROUPS, 4, DIM)."""
        noise = torch.randn(GROUPS, 2, 2, DIM, generator=self.generator, dtype=torch.float64)
        noise[:, 1] = math.sqrt(1 - self.common**2) * noise[:, 1] + self.common * noise[:, 0]
        return (self.mean_TD[:, None] + noise).flatten(1, 2)

    def gramians(self):
        rows = self.halves()
        return rows @ rows.transpose(1, 2)


def projected(rule, planted, passes):
    """(passes, GROUPS) whether the auxiliary was projected."""
    found = [rule(planted.gramians(), NAMES, step)[:, 1, 0] != 0 for step in range(passes)]
    return torch.stack(found)


@pytest.mark.parametrize(("cosine", "signal", "common"), [(0.0, 0.0, 0.0), (0.0, 1.5, 0.0), (0.0, 0.0, -0.5),
                                                         (0.3, 1.0, 0.0)])
def test_false_conflicts_are_at_most_one_in_twenty(cosine, signal, common):
    """At every pass from the first on; MGCM has every second, or nearly all where noise in common is opposed."""
    planted = Planted(cosine, signal, common=common)
    rates = projected(NoiseAwareMGCM(), planted, 300).double().mean(1)
    bound = 0.05 + 3 * math.sqrt(0.05 * 0.95 / GROUPS)  # of 300 groups
    assert rates.max() <= bound
    assert rates.mean() <= 0.03
    theirs = (mgcm(of_whole_batch(planted.gramians()))[:, 1, 0] != 0).double().mean()
    assert theirs > {0.3: 0.05}.get(cosine, 0.4)
    assert theirs > 0.95 or common == 0


def test_half_of_mgcms_conflicts_are_noise():
    planted = Planted(0.0, 0.0)
    theirs = [(mgcm(of_whole_batch(planted.gramians()))[:, 1, 0] != 0).double().mean() for _ in range(20)]
    assert torch.stack(theirs).mean().item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("cosine", "signal"), [(-0.5, 3.0), (-1.0, 1.5)])
def test_planted_conflicts_are_projected_after_as_many_passes_as_the_docstring_says(cosine, signal):
    """y has the mean d times its root mean square: about (ERRORS / d)^2 passes."""
    planted = Planted(cosine, signal)
    rows = torch.cat([planted.halves() for _ in range(20)])
    length = rows[:, 0].norm(dim=1) * rows[:, 1].norm(dim=1)
    y = ((rows[:, 0] * rows[:, 3]).sum(1) + (rows[:, 1] * rows[:, 2]).sum(1)) / (2 * length)
    passes = (ERRORS * y.square().mean().sqrt() / y.mean()).square().item()
    assert passes < 60
    share = projected(NoiseAwareMGCM(), planted, math.ceil(4 * passes) + 1).double().mean(1)
    assert not share[0]
    assert 0.2 < share[math.ceil(passes)] < 0.85
    assert share[-1] > 0.9


def test_noise_in_common_does_not_hide_a_conflict():
    """MGCM sees a positive product in nearly every batch."""
    planted = Planted(-0.8, 2.0, common=0.9)
    theirs = (mgcm(of_whole_batch(planted.gramians()))[:, 1, 0] != 0).double().mean()
    assert theirs < 0.1
    assert projected(NoiseAwareMGCM(), planted, 150)[-1].double().mean() > 0.95


def test_what_is_left_of_the_auxiliary_is_orthogonal_to_the_primary_in_expectation():
    """MGCM leaves most of a conflict under noise: it divides by the square of the noise."""
    planted, rule = Planted(-0.7, 2.0), NoiseAwareMGCM()
    ours, theirs = [], []
    for step in range(600):
        rows = planted.halves()
        gramian = rows @ rows.transpose(1, 2)
        whole = rows.view(GROUPS, 2, 2, DIM).sum(2)
        if step >= 400:
            ours.append((rule(gramian, NAMES, step) @ whole)[:, 1, 0].mean())
            theirs.append((mgcm(of_whole_batch(gramian)) @ whole)[:, 1, 0].mean())
        else:
            rule(gramian, NAMES, step)
    before = 2 * planted.mean_TD[1, 0]
    left, left_by_mgcm = torch.stack(ours).mean() / before, torch.stack(theirs).mean() / before
    assert 0 <= left < 0.25  # less is taken than opposes, by the error of the primary's signal
    assert left_by_mgcm > 0.3


def test_the_bound_of_the_docstring():
    assert upper(ERRORS) / (4 * upper(math.sqrt(2))) == pytest.approx(0.05, abs=2e-4)
    assert upper(ERRORS) / (4 * upper(math.sqrt(2))) <= 0.05


@pytest.mark.parametrize("tails", [1, 3])
def test_the_test_holds_its_level_for_few_and_uneven_products(tails):
    """Products of random signs and heavy tails, at every number of passes."""
    torch.manual_seed(tails)
    y = torch.randn(20_000, 12, dtype=torch.float64).sign() * torch.rand(20_000, 12).double().pow(-tails)
    weights = (1 - RATE) ** torch.arange(12).flip(0)
    for passes in range(1, 13):
        part = (y * weights)[:, :passes]
        alarms = part.sum(1) < -ERRORS * part.square().sum(1).sqrt()
        assert alarms.double().mean() <= 0.05


def reference(cases, passes):
    """Merged gradients of each pass by loops over modules and tasks in Python's numbers."""
    sums, answers = {}, []
    for case in cases[:passes]:
        halves = [task_gradients(case.model, case.of_half(half)) for half in (0, 1)]
        groups, merged_of = {}, {}
        for name, _ in case.model.named_parameters():
            groups.setdefault(name.rpartition(".")[0], []).append(name)
        for group, names in groups.items():
            g = {(task, half): flattened(case.model, halves[half][task], names) for task in TASKS for half in (0, 1)}
            total = sum(g.values())
            for auxiliary in TASKS[1:]:
                s_a, q_a = sums.get((group, auxiliary), (0.0, 0.0))
                s_0, q_0 = sums.get((group, "st"), (0.0, 0.0))
                if s_a < -ERRORS * math.sqrt(q_a):
                    total = total - s_a / (s_0 + ERRORS * math.sqrt(q_0)) * (g["st", 0] + g["st", 1])
            for task in TASKS:
                length = g["st", 0].norm().item() * g["st", 1].norm().item()
                dots = (g["st", 0] @ g[task, 1]).item() + (g["st", 1] @ g[task, 0]).item()
                if length and dots:
                    y = dots / 2 / length
                    s, q = sums.get((group, task), (0.0, 0.0))
                    sums[group, task] = (1 - RATE) * s + RATE * y, (1 - RATE) ** 2 * q + RATE**2 * y * y
            start = 0
            for name in names:
                size = case.model.get_parameter(name).numel()
                merged_of[name] = total[start:start + size].view_as(case.model.get_parameter(name))
                start += size
        answers.append(merged_of)
    return answers


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_the_reference_over_several_passes(engine):
    """With the model as it is, modules prove to be in conflict; batches change a little from pass to pass."""
    cases = [Halved(seed=3) for _ in range(8)]
    for number, case in enumerate(cases):
        torch.manual_seed(number)
        case.batch = (case.batch[0] + 0.1 * torch.randn_like(case.batch[0]), *case.batch[1:])
    expected = reference(cases, 8)
    made = ENGINES[engine](cases[0].model, TASKS, "noise-aware-mgcm")
    plain = 0
    for case, of_case in zip(cases, expected, strict=True):
        case.model = cases[0].model
        case.model.zero_grad()
        case.join(made).backward()
        assert_same(gradients(case.model), of_case)
        plain += int(not made.report.removed().any())
    assert 3 <= plain < 8  # none before five products can tell


def test_it_goes_on_from_its_state_to_the_bit_and_takes_tasks_over_by_name():
    planted = Planted(-0.7, 2.0)
    one = NoiseAwareMGCM()
    projected(one, planted, 30)
    state = one.state_dict(["st", "asr"])
    two = NoiseAwareMGCM()
    two.load_state_dict(state, ["st", "asr"])
    more = [planted.gramians() for _ in range(5)]
    assert all(torch.equal(one(gramian, NAMES, 30), two(gramian, NAMES, 30)) for gramian in more)
    three = NoiseAwareMGCM()
    three.load_state_dict(state, ["st", "mt", "asr"])
    wide = torch.zeros(GROUPS, 6, 6, dtype=torch.float64)
    index = torch.tensor([0, 1, 4, 5])
    wide[:, index[:, None], index] = more[0]
    fresh = NoiseAwareMGCM()
    fresh.load_state_dict(state, ["st", "asr"])
    expected, found = fresh(more[0], NAMES, 0), three(wide, NAMES, 0)
    assert torch.equal(found[:, 2, 0], expected[:, 1, 0])
    assert not found[:, 1, 0].any()
    four = NoiseAwareMGCM()
    four.load_state_dict(state, ["asr", "st"])
    assert torch.equal(four(more[0], NAMES, 0), torch.eye(2).double().expand(GROUPS, 2, 2))


def test_a_state_that_was_saved_does_not_change_with_the_rule():
    rule, planted = NoiseAwareMGCM(), Planted(-0.7, 2.0)
    projected(rule, planted, 2)
    state = rule.state_dict(["st", "asr"])
    before = state["sums"]["0"].clone()
    projected(rule, planted, 1)
    assert torch.equal(state["sums"]["0"], before)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_lengths_and_loss_scales_change_nothing(scale):
    planted, rules = Planted(-0.7, 2.0), [NoiseAwareMGCM(), NoiseAwareMGCM()]
    for step in range(20):
        gramian = planted.gramians()
        one, other = rules[0](gramian, NAMES, step), rules[1](gramian * scale**(step % 2), NAMES, step)
    torch.testing.assert_close(one, other)
    assert one[:, 1, 0].any()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_pass_that_overflows_is_forgotten_but_reaches_the_loss_scaler(bad):
    planted, rule = Planted(-0.7, 2.0), NoiseAwareMGCM()
    projected(rule, planted, 30)
    before = rule.state_dict(["st", "asr"])["sums"]
    rule(torch.full((GROUPS, 4, 4), bad, dtype=torch.float64), NAMES, 30)
    after = rule.state_dict(["st", "asr"])["sums"]
    assert all(torch.equal(before[name], after[name]) for name in before)
    g = torch.ones(4, 3)
    g[2, 1] = bad
    assert not merged(rule, g).isfinite().all()


def test_a_batch_of_one_is_judged_by_the_passes_before_and_adds_nothing():
    planted, rule = Planted(-1.0, 3.0), NoiseAwareMGCM()
    projected(rule, planted, 60)
    before = rule.state_dict(["st", "asr"])["sums"]
    gramian = planted.gramians()
    gramian[:, 1::2] = gramian[:, :, 1::2] = 0
    assert (rule(gramian, NAMES, 60)[:, 1, 0] > 0).double().mean() > 0.95
    after = rule.state_dict(["st", "asr"])["sums"]
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_absent_task_or_primary_leaves_the_sums_as_they_are():
    planted, rule = Planted(-1.0, 3.0), NoiseAwareMGCM()
    projected(rule, planted, 10)
    before = rule.state_dict(["st", "asr"])["sums"]["0"]
    for rows in (slice(0, 2), slice(2, 4)):
        gramian = planted.gramians()
        gramian[:, rows] = gramian[:, :, rows] = 0
        rule(gramian, NAMES, 10)
        after = rule.state_dict(["st", "asr"])["sums"]["0"]
        assert torch.equal(after[:, 1], before[:, 1])
        assert torch.equal(after[:, 0], before[:, 0]) == (rows.start == 0)
