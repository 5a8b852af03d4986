"""The report of a step, against explicit gradients of every group."""

import pytest
import torch

from mgcm_fairseq.core.conflict import ENGINES, Report, make_rule
from tests.core.conflict.inputs import drawn, gramian
from tests.core.conflict.reference import flattened, module_of, task_gradients
from tests.core.conflict.steps import CASES, TASKS, step

TIGHT = {"rtol": 1e-8, "atol": 1e-12}


def explicit(case):
    """Module -> (T, D) gradients, for those that at least two tasks reach; other modules' names."""
    found = task_gradients(case.model, case.losses())
    modules, alone = {}, set()
    for name in found["st"]:
        modules.setdefault(module_of(name), []).append(name)
    stacked = {}
    for module, names in modules.items():
        reached = sum(any(found[task][name] is not None for name in names) for task in TASKS)
        if reached > 1:
            stacked[module] = torch.stack([flattened(case.model, found[task], names) for task in TASKS])
        else:
            alone.add(module)
    return stacked, alone


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", ["mgcm", "discard", "sum", "pcgrad"])
@pytest.mark.parametrize("case", CASES)
def test_a_report_is_what_explicit_gradients_say(case, engine, rule):
    case = CASES[case]()
    made = ENGINES[engine](case.model, TASKS, rule)
    expected, alone = explicit(case)
    step(case, made)
    report = made.report
    names = [made.merger.groups.names[group] for group in report.groups]
    assert set(names) == set(expected)
    assert len(names) == len(expected)
    assert any("letters" in name for name in alone)
    opposed = 0
    for row, name in enumerate(names):
        g_TD = expected[name]
        whole = g_TD.norm()
        torch.testing.assert_close(report.gramian[row], g_TD @ g_TD.T, rtol=1e-9, atol=1e-12 * whole.item()**2)
        if (g_TD.norm(dim=1) < 1e-9 * whole).any():
            continue  # a gradient that is zero but for rounding has no direction
        cosine = torch.cosine_similarity(g_TD[:1], g_TD[1:], eps=0)
        torch.testing.assert_close(report.cosine()[row], cosine, **TIGHT)
        assert report.conflict()[row].tolist() == (g_TD[1:] @ g_TD[0] < 0).tolist()
        opposed += int(report.conflict()[row].sum())
        assert report.present()[row].all()
        changed = make_rule(rule)(gramian(g_TD), [name], 0)[0] @ g_TD
        torch.testing.assert_close(report.removed()[row], ((changed - g_TD).norm(dim=1) / g_TD.norm(dim=1))[1:],
                                   rtol=1e-6, atol=1e-7)
    assert opposed > 3


def test_what_mgcm_removes_is_the_cosine_where_it_is_negative():
    g_NTD = torch.stack([drawn(seed=seed) for seed in range(20)])
    gramian_NTT = g_NTD @ g_NTD.transpose(1, 2)
    report = Report(TASKS)
    report.add(range(20), gramian_NTT, make_rule("mgcm")(gramian_NTT, [], 0))
    torch.testing.assert_close(report.removed(), report.cosine().neg().clamp(min=0), rtol=0, atol=1e-7)
    assert torch.equal(report.conflict(), report.cosine() < 0)
    assert report.conflict().any()
    assert not report.conflict().all()


@pytest.mark.parametrize("rule", ["pcgrad", "gradvac"])
@pytest.mark.parametrize("engine", ENGINES)
def test_gramians_are_symmetric_bit_for_bit(engine, rule):
    case = CASES["network"]()
    made = ENGINES[engine](case.model, TASKS, rule)
    step(case, made)
    assert len(made.report.groups) > 20
    assert torch.equal(made.report.gramian, made.report.gramian.mT)


def test_what_is_read_of_a_gramian_is_the_row_of_the_primary_task():
    """Workers share <g_0, g_a>; beside it stands what only one of them knows."""
    gramian_TT = torch.tensor([[4.0, -2, 1], [7, 4, 5], [-7, -5, 9]])
    report = Report(TASKS)
    report.add([0], gramian_TT[None], torch.eye(3)[None])
    assert report.cosine().tolist() == [[-0.5, pytest.approx(1 / 6)]]
    assert report.conflict().tolist() == [[True, False]]


def test_what_a_rule_removed_is_the_distance_of_each_new_gradient_whatever_the_mixing():
    g_TD, mixing_TT = drawn(seed=5), torch.randn(3, 3).double()
    report = Report(TASKS)
    report.add([0], gramian(g_TD), mixing_TT[None])
    changed_TD = mixing_TT @ g_TD
    expected_T = (changed_TD - g_TD).norm(dim=1) / g_TD.norm(dim=1)
    torch.testing.assert_close(report.removed()[0], expected_T[1:])


def test_by_hand():
    gramian_TT = torch.tensor([[4.0, -2, 0], [-2, 4, 1], [0, 1, 9]])
    report = Report(TASKS)
    report.add([7], gramian_TT[None], make_rule("mgcm")(gramian_TT[None], ["a"], 0))
    report.add([3], gramian_TT[None].abs(), make_rule("mgcm")(gramian_TT[None].abs(), ["b"], 0))
    assert report.groups == [7, 3]
    assert report.cosine().tolist() == [[-0.5, 0], [0.5, 0]]
    assert report.conflict().tolist() == [[True, False], [False, False]]
    assert report.removed().tolist() == [[0.5, 0], [0, 0]]
    assert report.present().all()


@pytest.mark.parametrize(("structure", "present"), [("no primary", [False, False]), ("no auxiliary", [False, True]),
                                                    ("nothing", [False, False])])
def test_absent_gradients_have_cosine_zero_and_are_no_conflict(structure, present):
    g_TD = drawn(structure)
    report = Report(TASKS)
    report.add([0], gramian(g_TD), make_rule("mgcm")(gramian(g_TD), ["a"], 0))
    assert report.present().tolist() == [present]
    assert not report.cosine()[~report.present()].any()
    assert not report.conflict()[~report.present()].any()
    assert not report.removed()[~report.present()].any()
    assert report.removed().isfinite().all()


def test_what_rounding_makes_of_two_equal_gradients_is_no_change():
    gramian_TT = torch.tensor([[1, 1 + 2**-52], [1 + 2**-52, 1]], dtype=torch.float64)
    report = Report(("0", "1"))
    report.add([0], gramian_TT[None], torch.tensor([[[1.0, 0.0], [-1.0, 2.0]]]).double())  # |g_1 - g_0|^2 = -2**-51
    assert report.removed().tolist() == [[0]]


def test_an_empty_report_has_no_rows():
    report = Report(TASKS)
    assert report.gramian.shape == report.mixing.shape == (0, 3, 3)
    for answer in (report.cosine(), report.conflict(), report.removed(), report.present()):
        assert answer.shape == (0, 2)


def test_both_engines_report_the_same():
    case = CASES["network"]()
    rows = []
    for engine in ENGINES:
        made = ENGINES[engine](case.model, TASKS)
        step(case, made)
        order = torch.tensor(made.report.groups).argsort()
        rows.append((sorted(made.report.groups), made.report.gramian[order], made.report.mixing[order]))
    assert rows[0][0] == rows[1][0]
    scale = rows[0][1].diagonal(dim1=1, dim2=2).sum(1)[:, None, None]
    assert ((rows[0][1] - rows[1][1]).abs() <= 1e-10 * scale).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_report_is_of_the_last_step(engine):
    case = CASES["toy"]()
    made = ENGINES[engine](case.model, TASKS)
    step(case, made)
    first, rows = made.report, len(made.report.groups)
    step(case, made)
    assert made.report is not first
    assert len(first.groups) == len(made.report.groups) == rows
    assert not made.report.gramian.requires_grad
