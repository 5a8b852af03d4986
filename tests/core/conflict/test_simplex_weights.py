"""MoDo and SDMGrad: a reference in Python's numbers, where weights tend to, the projection, and what is remembered."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mgcm_fairseq.core.conflict import ENGINES, make_rule
from mgcm_fairseq.core.conflict.rules.simplex_weights import STEP, onto_simplex
from tests.core.conflict.halved import Halved
from tests.core.conflict.reference import flattened, module_of, task_gradients
from tests.core.conflict.steps import assert_same, gradients, merged
from tests.core.conflict.toy import TASKS

PULLS = {"modo": 0.0, "sdmgrad": 0.3}


def halves(means_TD, noise, generator):
    """(1, 2 T, 2 T) of half gradients around these means."""
    rows = means_TD.repeat_interleave(2, 0)
    rows = rows + noise * torch.randn(rows.shape, generator=generator, dtype=torch.float64)
    return (rows @ rows.T)[None]


def nearest(values):
    """On the simplex, by bisection of what is taken off."""
    low, high = min(values) - 1, max(values)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(max(0, value - middle) for value in values) > 1 else (low, middle)
    return [max(0, value - low) for value in values]


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=5))
def test_the_projection_is_the_nearest_point(values):
    x_1T = torch.tensor([values], dtype=torch.float64)
    found = onto_simplex(x_1T, torch.ones_like(x_1T, dtype=torch.bool))[0].tolist()
    assert found == pytest.approx(nearest(values), abs=1e-9)
    assert sum(found) == pytest.approx(1)


def test_who_is_not_there_has_no_weight_and_is_not_counted():
    found = onto_simplex(torch.tensor([[0.2, 9.0, 0.2], [0.0, 0.0, 0.0]]).double(),
                         torch.tensor([[True, False, True], [True, True, False]]))
    torch.testing.assert_close(found, torch.tensor([[0.5, 0, 0.5], [0.5, 0.5, 0]]).double())


@pytest.mark.parametrize("rule", PULLS)
@pytest.mark.parametrize("engine", ENGINES)
def test_they_are_the_reference_over_several_passes(rule, engine):
    pull, weights = PULLS[rule], {}
    cases = [Halved() for _ in range(4)]
    made = ENGINES[engine](cases[0].model, TASKS, rule)
    for number, case in enumerate(cases):
        torch.manual_seed(number)
        case.model, case.batch = cases[0].model, (torch.randn_like(case.batch[0]), *case.batch[1:])
        of_half = [task_gradients(case.model, case.of_half(half)) for half in (0, 1)]
        groups, expected = {}, {}
        for name, _ in case.model.named_parameters():
            groups.setdefault(module_of(name), []).append(name)
        for group, names in groups.items():
            g = {(task, half): flattened(case.model, of_half[half][task], names) for task in TASKS for half in (0, 1)}
            on = [task for task in TASKS if (g[task, 0] + g[task, 1]).any()]
            w = weights.get(group, dict.fromkeys(on, 1 / len(on)))
            used = {task: w[task] + pull / len(on) for task in on}
            total = sum(len(on) * used[task] / (1 + pull) * (g[task, 0] + g[task, 1]) for task in on) \
                if len(on) > 1 else sum(g.values())
            scale = math.sqrt(math.prod(sum(g[task, half].square().sum().item() for task in on) / len(on)
                                        for half in (0, 1)))
            slope = {s: sum(((g[s, 0] @ g[t, 1]) + (g[s, 1] @ g[t, 0])).item() / 2 * used[t] for t in on)
                     for s in on}
            weights[group] = dict(zip(on, nearest([w[task] - STEP * slope[task] / scale for task in on]), strict=True))
            for name, part in zip(names, total.split([case.model.get_parameter(n).numel() for n in names]),
                                  strict=True):
                expected[name] = part.view_as(case.model.get_parameter(name))
        case.model.zero_grad()
        case.join(made).backward()
        assert_same(gradients(case.model), expected, rtol=1e-8)


def test_modos_weights_tend_to_the_shortest_mean_where_noise_would_say_otherwise():
    """Two expected gradients (2, 0) and (-1, 0): their shortest mean is 0, at weights 1/3 and 2/3.

    By products of whole batches the weights would make the noise short, too: noise in the second task alone would move
    them to the first.
    """
    generator, rule = torch.Generator().manual_seed(0), make_rule("modo")
    means_TD = torch.zeros(2, 10, dtype=torch.float64)
    means_TD[0, 0], means_TD[1, 0] = 2, -1
    seen = []
    for step in range(900):
        seen.append(rule(halves(means_TD, torch.tensor([[0.1]] * 2 + [[1.5]] * 2).double(), generator), ["a"], step)[0])
    mean = torch.stack(seen[300:]).mean(0).diagonal() / 2
    torch.testing.assert_close(mean, torch.tensor([1 / 3, 2 / 3]).double(), atol=0.04, rtol=0)


def test_sdmgrad_stays_nearer_to_the_plain_sum():
    generator, rules = torch.Generator().manual_seed(0), {name: make_rule(name) for name in PULLS}
    means_TD = torch.zeros(2, 4, dtype=torch.float64)
    means_TD[0, 0], means_TD[1, 0] = 2, -1
    found = {}
    for step in range(400):
        given_NSS = halves(means_TD, 0.1, generator)
        found = {name: rule(given_NSS, ["a"], step)[0, 0, 0].item() for name, rule in rules.items()}
    assert found["modo"] == pytest.approx(2 / 3, abs=0.05)
    assert found["modo"] < found["sdmgrad"] + 1e-9 <= 1.0 + 1e-9


@pytest.mark.parametrize("name", PULLS)
def test_equal_weights_give_the_plain_sum_and_a_batch_of_one_moves_none(name):
    rule, generator = make_rule(name), torch.Generator().manual_seed(0)
    given_NSS = halves(torch.ones(3, 5).double(), 1.0, generator)
    alone = given_NSS.clone()
    alone[:, 1::2] = alone[:, :, 1::2] = 0
    for step in range(3):
        torch.testing.assert_close(rule(alone, ["a"], step)[0], torch.eye(3).double())
    rule(given_NSS, ["a"], 3)
    assert not torch.equal(rule(given_NSS, ["a"], 4)[0], torch.eye(3).double())


@pytest.mark.parametrize("name", PULLS)
def test_weights_go_on_to_the_bit_and_begin_anew_with_other_tasks(name):
    generator, one, two, three = torch.Generator().manual_seed(0), make_rule(name), make_rule(name), make_rule(name)
    for step in range(5):
        one(halves(torch.eye(2, 5).double(), 1.0, generator), ["a"], step)
    two.load_state_dict(one.state_dict(["st", "asr"]), ["st", "asr"])
    three.load_state_dict(one.state_dict(["st", "asr"]), ["st", "mt"])
    more = halves(torch.eye(2, 5).double(), 1.0, generator)
    expected = one(more, ["a"], 5)
    assert torch.equal(two(more, ["a"], 5), expected)
    torch.testing.assert_close(three(more, ["a"], 5)[0], torch.eye(2).double())


@pytest.mark.parametrize("name", PULLS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_moves_no_weights_but_comes_through(name, bad):
    rule, generator = make_rule(name), torch.Generator().manual_seed(0)
    for step in range(5):
        rule(halves(torch.eye(2, 5).double(), 1.0, generator), ["a"], step)
    before = rule.state_dict(["st", "asr"])["weights"]["a"]
    rule(torch.full((1, 4, 4), bad).double(), ["a"], 5)
    assert torch.equal(rule.state_dict(["st", "asr"])["weights"]["a"], before)
    g = torch.ones(4, 3)
    g[1, 1] = bad
    assert not merged(make_rule(name), g).isfinite().all()


@pytest.mark.parametrize("name", PULLS)
def test_lengths_in_common_change_nothing(name):
    rules, generator = [make_rule(name), make_rule(name)], torch.Generator().manual_seed(0)
    for step in range(6):
        given_NSS = halves(torch.eye(3, 5).double(), 1.0, generator)
        one, other = rules[0](given_NSS, ["a"], step), rules[1](given_NSS * 1e8**(step % 2), ["a"], step)
        torch.testing.assert_close(one, other)
