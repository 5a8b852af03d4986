"""Half gradients: their Gramians in both engines, batches of one, recomputation, and what is refused."""

import re

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.conflict import ENGINES, Groups, Recomputing, Report, Stash, Streamed, make_rule
from mgcm_fairseq.core.conflict.halves import across_halves, of_whole_batch
from mgcm_fairseq.core.conflict.merge import Merger
from tests.core.conflict.halved import Halved, Watching
from tests.core.conflict.reference import module_of, plain_sum
from tests.core.conflict.small import TASKS as TWO
from tests.core.conflict.small import Small, inputs
from tests.core.conflict.steps import BOUNDED, SEGMENTED, assert_same, gradients, real_case, step
from tests.core.conflict.toy import TASKS
from tests.modules.grouped import grouped_ffn, plan_text

LABELS = {"parameter": lambda name: name, "module": module_of,
          "layer": lambda name: re.match(r"(\w+coder\.\d|\w+)", name)[0]}
CALLS = [(engine, granularity) for engine in ENGINES for granularity in LABELS]
NETWORKS = {"front end, CTC": {}, "segmented, bounds": {**SEGMENTED, **BOUNDED},
            "waiting": {**SEGMENTED, "differentiable_waiting": True},
            "grouped": {"language": [0, 1], "sharing_plan": plan_text(grouped_ffn(1, (0, 5, 7, 23))),
                        "encoder_layers": 2}}


@pytest.mark.parametrize(("engine", "granularity"), [*CALLS, ("stash", "model")])
def test_gramians_are_those_of_each_halfs_own_gradients(engine, granularity):
    case, rule = Halved(), Watching()
    expected = case.gramians(LABELS.get(granularity, lambda name: "model"))
    plain = plain_sum(case.model, case.losses())
    case.model.zero_grad()
    case.join(ENGINES[engine](case.model, TASKS, rule, granularity)).backward()
    assert rule.seen.keys() == expected.keys()
    for group, gramian_SS in expected.items():
        floor = max(1e-12 * gramian_SS.abs().max().item(), 1e-25)  # a key's bias has none but for rounding
        torch.testing.assert_close(rule.seen[group], gramian_SS, rtol=1e-9, atol=floor)
    assert_same(gradients(case.model), plain)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_report_is_of_whole_gradients(engine):
    case = Halved()
    found, expected = (ENGINES[engine](case.model, TASKS, rule) for rule in (Watching(), "sum"))
    case.join(found).backward()
    expected.join(case.losses(expected.streams())).backward()
    order = [found.report.groups.index(group) for group in expected.report.groups]
    torch.testing.assert_close(found.report.gramian[order], expected.report.gramian)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_batch_of_one_is_a_first_half_alone(engine):
    case, rule = Halved(1), Watching()
    plain = plain_sum(case.model, case.losses())
    case.model.zero_grad()
    case.join(ENGINES[engine](case.model, TASKS, rule)).backward()
    assert_same(gradients(case.model), plain)
    gramians = torch.stack(list(rule.seen.values()))
    assert gramians[:, ::2, ::2].ne(0).any()
    assert not gramians[:, 1::2].any()
    assert not across_halves(gramians).any()


def test_recomputation_changes_nothing():
    rules = [Watching(), Watching()]
    for rule in rules:
        case = Halved()
        engine = Streamed(case.model, TASKS, rule)
        passing = engine.streams()
        engine.join(case.losses(Recomputing(passing) if rule is rules[1] else passing)).backward()
    assert all(torch.equal(rules[0].seen[group], rules[1].seen[group]) for group in rules[0].seen)


@pytest.mark.parametrize("changes", NETWORKS)
def test_the_real_network_can_be_cut_in_every_stage(changes):
    case, rule = real_case(**NETWORKS[changes]), Watching()
    plain = plain_sum(case.model, case.losses())
    assert_same(step(case, Streamed(case.model, TASKS, rule)), plain)
    halves = torch.stack(list(rule.seen.values()))
    assert len(halves) > 20
    assert across_halves(halves).ne(0).any()


def test_gramians_of_the_batch_are_sums_over_halves():
    torch.manual_seed(0)
    half_SD = torch.randn(6, 9).double()
    whole_TD = half_SD.view(3, 2, 9).sum(1)
    gramian_NSS = (half_SD @ half_SD.T)[None]
    torch.testing.assert_close(of_whole_batch(gramian_NSS)[0], whole_TD @ whole_TD.T)
    first, second = half_SD[::2], half_SD[1::2]
    torch.testing.assert_close(across_halves(gramian_NSS)[0], (first @ second.T + second @ first.T) / 2)


def test_a_half_that_does_not_reach_a_parameter_counts_as_zeros():
    rule, model = Watching(), nn.Linear(3, 1, bias=False)
    rows = [[torch.ones(1, 3)], [None], [None], [2 * torch.ones(1, 3)]]
    [merged] = Merger(Groups(model), rule).merge([model.weight], rows, Report(("st", "asr")), 0)
    assert merged.tolist() == [[3, 3, 3]]
    [seen] = rule.seen.values()
    assert seen.tolist() == [[3, 0, 0, 6], [0, 0, 0, 0], [0, 0, 0, 0], [6, 0, 0, 12]]


def test_a_task_alone_is_not_judged():
    rule, model = Watching(), nn.Linear(3, 1, bias=False)
    rows = [[torch.ones(1, 3)], [torch.ones(1, 3)], [None], [None]]
    [merged] = Merger(Groups(model), rule).merge([model.weight], rows, Report(("st", "asr")), 0)
    assert merged.tolist() == [[2, 2, 2]]
    assert not rule.seen


def test_what_has_no_rows_is_refused():
    model = Small()
    passing = Streamed(model, TWO, Watching()).streams()
    [front] = passing.run(model.front, [(passing.start(inputs(model), TWO),)])
    with pytest.raises(ValueError, match="a row for each of 5 utterances, or one for all, found 4 rows"):
        passing.run(lambda x, bias: model.body(x) + bias.sum(), [(front, torch.ones(4))])
    [one] = passing.run(lambda x, bias: model.body(x) + bias, [(front, torch.ones(1, 4).double())])
    assert one.value.shape == (5, 4)


def test_an_alias_is_refused_where_rows_count():
    model = Small()
    passing = Streamed(model, TWO, Watching()).streams()
    with pytest.raises(ValueError, match="used through by_rows"):
        passing.alias(model.head.weight, "st")


def test_a_second_half_for_a_rule_of_whole_batches_is_refused():
    case = Halved()
    with pytest.raises(ValueError, match="reads no half batches"):
        Stash(case.model, TASKS, make_rule("mgcm")).join(case.of_half(0), case.of_half(1))
