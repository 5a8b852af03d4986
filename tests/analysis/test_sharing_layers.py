"""Planted gradients of an FFN, through files as a capture keeps them: the plan finds groups and private units."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mgcm_fairseq.analysis.plot_sharing import plot_sharing
from mgcm_fairseq.analysis.sharing_capture import Captured, odd_batches
from mgcm_fairseq.analysis.sharing_layers import published, repaired
from mgcm_fairseq.analysis.sharing_report import report, table
from mgcm_fairseq.core.sharing import (
    PlanSource,
    SharingPlan,
    cosines,
    cross_fit,
    halves,
    similarities,
    unit_similarities,
)
from mgcm_fairseq.data.sharing_plan import read_plan, write_plan
from mgcm_fairseq.training.capture import StoredGradient, gramian, unit_sums

LANGUAGES = ["qaa", "qab", "qac", "qad"]
BATCHES, HIDDEN, DIM, PRIVATE = 16, 24, 8, 6
PARTS = (StoredGradient("fc1.weight", "fc1", (HIDDEN, DIM), 0, HIDDEN * DIM),
         StoredGradient("fc1.bias", "fc1", (HIDDEN,), HIDDEN * DIM, HIDDEN),
         StoredGradient("fc2.weight", "fc2", (DIM, HIDDEN), HIDDEN * (DIM + 1), HIDDEN * DIM))
DOUBLE = np.dtype(np.float64)


def planted(folder, groups, own):
    """Gradients of two FFNs, of which the second has groups: units 0 to PRIVATE - 1 pull `own` times as strongly."""
    generator = torch.Generator().manual_seed(3)
    made = []
    for ffn, strength in enumerate((0.0, own)):
        direction_GHE = torch.randn(max(groups) + 2, HIDDEN, 2 * DIM + 1, generator=generator)
        direction_GHE[:-1, PRIVATE:] = 0  # the last is common to all
        files = []
        for number, group in enumerate(group for group in groups for _ in range(BATCHES)):
            unit_HE = direction_GHE[-1] + strength * direction_GHE[group]
            unit_HE = unit_HE + 2 * torch.randn(HIDDEN, 2 * DIM + 1, generator=generator)
            parts = unit_HE[:, :DIM], unit_HE[:, DIM], unit_HE[:, DIM + 1:].T
            files.append(folder / f"{ffn}.{number}")
            torch.cat([part.reshape(-1) for part in parts]).double().numpy().tofile(files[-1])
        of_ffn = sum(gramian(files, DOUBLE, part) for part in PARTS)
        odd = odd_batches(len(groups), BATCHES)
        norms = of_ffn.diagonal().sqrt()[odd].tolist()
        made.append((of_ffn, *unit_sums([files[number] for number in odd], norms, len(groups), DOUBLE, PARTS)))
    of_ffns, dots, own_squares = zip(*made, strict=True)
    names = ["encoder.layers.0.ffn", "encoder.layers.1.ffn"]
    return Captured("0" * 64, "1" * 16, LANGUAGES, [*names, "encoder.layers.0.self_attn", "encoder.layers.1.self_attn"],
                    [("encoder.layers.0", "ffn"), ("encoder.layers.1", "ffn"), ("encoder.layers.0", "attention"),
                     ("encoder.layers.1", "attention")],
                    torch.stack([*of_ffns, of_ffns[0], of_ffns[0]]), names, torch.stack(of_ffns), list(dots),
                    list(own_squares), torch.stack(of_ffns))


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    found = planted(tmp_path_factory.mktemp("grouped"), (0, 0, 1, 1), 3.0)
    return found, cross_fit(found.of_ffns, 4, 1)


@pytest.fixture(scope="module")
def alike(tmp_path_factory):
    found = planted(tmp_path_factory.mktemp("alike"), (0, 0, 0, 0), 0.0)
    return found, cross_fit(found.of_ffns, 4, 1)


def test_hidden_units_add_up_to_their_ffn(grouped):
    found, _ = grouped
    for ffn in range(2):
        units_HLL = unit_similarities(found.dots[ffn], found.own[ffn], BATCHES // 2)
        odd_BB = cosines(halves(found.of_ffns, 4)[1])[ffn]
        torch.testing.assert_close(units_HLL.sum(0), similarities(odd_BB[None], 4)[0])


def test_the_planted_groups_and_units_are_found(grouped):
    [layer] = repaired(*grouped, most=2)
    assert layer.ffn == "encoder.layers.1.ffn"
    assert list(layer.groups.values()) == [("qaa", "qab"), ("qac", "qad")]
    assert set(range(PRIVATE)) <= set(layer.private)
    assert layer.stats.p < 0.05
    assert layer.stats.stable >= 0.8


def test_languages_that_agree_share_everything(alike):
    assert repaired(*alike, most=2) == ()
    assert "all\n" in table(report(*alike, 1))


def test_the_layers_with_the_largest_scores_are_split(grouped):
    found, fits = grouped
    both = [replace(fits[1], score=0.3), replace(fits[1], score=0.4)]
    assert [layer.ffn for layer in repaired(found, both, most=1)] == ["encoder.layers.1.ffn"]
    assert [layer.ffn for layer in repaired(found, both[::-1], most=1)] == ["encoder.layers.0.ffn"]
    assert [layer.ffn for layer in repaired(found, both[::-1], most=2)] == found.ffns
    assert repaired(found, [replace(fits[1], score=float("nan"))] * 2, most=2) == ()


def test_the_published_analysis_splits_in_any_case(grouped, alike):
    for (found, _), groups in ((grouped, ("qaa", "qab")), (alike, None)):
        [layer] = published(found, 1, most=1)
        assert len(layer.groups) == 2
        assert groups in (None, *layer.groups.values())
        assert len(layer.private) in (HIDDEN // 4, HIDDEN // 2, HIDDEN * 3 // 4)


def test_a_plan_is_read_as_it_was_written(grouped, tmp_path):
    for layers in (repaired(*grouped, most=1), published(grouped[0], 1, most=2)):
        plan = SharingPlan(PlanSource("0" * 64, "1" * 16, tuple(LANGUAGES), BATCHES, 1), layers)
        write_plan(tmp_path / "plan.yaml", plan)
        assert read_plan(tmp_path / "plan.yaml") == plan


def test_the_report_says_what_a_reader_can_add_up(grouped):
    told = report(*grouped, 1)
    one = told["ffns"]["encoder.layers.1.ffn"]
    similarity_LL = similarities(cosines(grouped[0].of_ffns), 4)[1]
    for row, (own, cross, delta, purity) in enumerate(zip(one["S_self"], one["S_cross"], one["delta"], one["purity"],
                                                          strict=True)):
        others = [float(similarity_LL[row, column]) for column in range(4) if column != row]
        assert own == pytest.approx(float(similarity_LL[row, row]), abs=1e-6)
        assert cross == pytest.approx(sum(others) / 3, abs=1e-6)
        assert delta == pytest.approx(own - cross, abs=2e-6)
        assert purity == pytest.approx(own / (own + cross), abs=1e-5)
    assert one["score"] == pytest.approx(sum(one["delta"]) / sum(one["S_self"]), abs=1e-5)
    assert one["C"][0] == pytest.approx((one["cosines"][0][1] + one["cosines"][0][2] + one["cosines"][0][3]) / 3,
                                        abs=1e-5)
    assert one["fit"]["differs"]
    assert len(one["subspace"]["pairs"]) == 6
    assert max(one["subspace"]["outside"]) < 0.25  # a common direction and two of groups fit in four
    assert set(told["modules"]) == set(grouped[0].modules)


def test_a_table_has_a_line_for_each_ffn(grouped):
    lines = table(report(*grouped, 1)).splitlines()
    assert lines[0].split() == ["layer", "S_self", "S_cross", "C", "delta", "purity", "score", "p", "q", "stable",
                                "groups"]
    assert lines[1].split()[0] == "encoder.layers.0.ffn"
    assert lines[1].endswith("all")
    assert lines[2].endswith("qaa qab | qac qad")


def test_a_language_without_signal_is_unknown(grouped):
    found, _ = grouped
    silent = found.of_ffns.clone()
    silent[1, :BATCHES] = silent[1, :, :BATCHES] = 0
    quiet = replace(found, of_ffns=silent)
    lines = table(report(quiet, cross_fit(silent, 4, 1), 1)).splitlines()
    assert lines[2].endswith("unknown: qaa")
    assert "–" in lines[2]


@pytest.mark.parametrize(("name", "beginning"), [("plan.png", b"\x89PNG"), ("plan.svg", b"<?xml")])
def test_a_figure_is_the_same_for_the_same_report(grouped, tmp_path, name, beginning):
    told = report(*grouped, 1)
    plot_sharing(told, LANGUAGES, tmp_path / name)
    drawn = (tmp_path / name).read_bytes()
    assert drawn.startswith(beginning)
    plot_sharing(told, LANGUAGES, tmp_path / name)
    assert (tmp_path / name).read_bytes() == drawn
