"""A plan of shared layers: the same bytes again, and nothing taken that does not hold together."""

import copy
from dataclasses import replace

import pytest
import yaml

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.sharing.plan import GroupedLayer, PlanSource, PlanStats, SharingPlan, plan_of
from mgcm_fairseq.data.sharing_plan import read_plan, write_plan

SOURCE = PlanSource("ab" * 32, "spoken/2x2", ("qaa", "qab", "no", "de"), 32, 1)
LAYER = GroupedLayer("encoder.layers.5.ffn", {"g0": ("qaa", "no"), "g1": ("qab", "de")}, (0, 3, 17),
                     PlanStats(0.071, 1 / 241, 0.8, 1.0))
PLAN = SharingPlan(SOURCE, (LAYER,))


def test_a_file_holds_what_was_written(tmp_path):
    """Also the language `no`, which YAML takes for false where it is not in quotes."""
    write_plan(tmp_path / "plan.yaml", PLAN)
    assert read_plan(tmp_path / "plan.yaml") == PLAN
    before = (tmp_path / "plan.yaml").read_bytes()
    write_plan(tmp_path / "plan.yaml", read_plan(tmp_path / "plan.yaml"))
    assert (tmp_path / "plan.yaml").read_bytes() == before
    assert b"private: [0, 3, 17]" in before
    write_plan(tmp_path / "shared.yaml", SharingPlan(SOURCE))
    assert read_plan(tmp_path / "shared.yaml").layers == ()


def test_a_digest_is_of_what_the_plan_says():
    assert PLAN.digest() == plan_of(PLAN.record()).digest()
    turned = replace(LAYER, private=(0, 3, 18))
    assert len({PLAN.digest(), SharingPlan(SOURCE, (turned,)).digest(), SharingPlan(SOURCE).digest()}) == 3


def test_a_language_is_in_its_group():
    assert [LAYER.group_of(language) for language in SOURCE.languages] == [0, 1, 0, 1]


def test_a_plan_fits_a_model_or_is_refused():
    PLAN.check_model({"encoder.layers.4.ffn": 18, "encoder.layers.5.ffn": 18})
    with pytest.raises(ValueError, match=r"expected some, not all, of units 0 to 16, found 3 up to 17"):
        PLAN.check_model({"encoder.layers.5.ffn": 17})
    with pytest.raises(ValueError, match=r"expected FFNs of the model, encoder\.layers\.4\.ffn, found encoder"):
        PLAN.check_model({"encoder.layers.4.ffn": 18})
    whole = SharingPlan(SOURCE, (replace(LAYER, private=(0, 1, 2)),))
    with pytest.raises(ValueError, match="some, not all"):
        whole.check_model({"encoder.layers.5.ffn": 3})


@pytest.mark.parametrize(("path", "value", "message"), [
    (("version",), 2, "version: expected 1, found 2"),
    (("more",), 1, "plan: expected the keys version, source, layers, found version, source, layers, more"),
    (("source", "checkpoint"), "AB", "source.checkpoint: expected a sha256 of 64 hexadecimal digits, found 'AB'"),
    (("source", "languages"), ["qaa", "qaa"], "source.languages: expected two or more, each once"),
    (("source", "languages"), ["qaa", False], r"source.languages\[1\]: expected text \(in quotes"),
    (("source", "batches"), True, "source.batches: expected a whole number, found True"),
    (("layers",), {}, "layers: expected a list"),
    (("layers", 0, "groups", "g1"), ["qab"], r"layers\[0\].groups: .* with each of qaa, qab, no, de in one"),
    (("layers", 0, "groups", "g1"), ["qab", "de", "qaa"], r"layers\[0\].groups: expected two groups"),
    (("layers", 0, "groups", "g2"), [], r"layers\[0\].groups: expected two groups"),
    (("layers", 0, "groups"), {"g0": ["qaa", "qab", "no", "de"]}, r"layers\[0\].groups: expected two groups"),
    (("layers", 0, "private"), [], r"layers\[0\].private: expected numbers of hidden units"),
    (("layers", 0, "private"), [3, 3], r"layers\[0\].private: expected numbers of hidden units"),
    (("layers", 0, "private"), [-1, 3], r"layers\[0\].private: expected numbers of hidden units"),
    (("layers", 0, "stats", "p"), float("nan"), r"layers\[0\].stats.p: expected a finite number, found nan"),
    (("layers", 0, "ffn"), 5, r"layers\[0\].ffn: expected text"),
])
def test_what_does_not_hold_together_is_refused_with_its_place(tmp_path, path, value, message):
    record = copy.deepcopy(PLAN.record())
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=message):
        plan_of(record)
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(record, sort_keys=False), encoding="utf-8")
    with pytest.raises(InputError, match=rf"plan\.yaml: expected a sharing plan, found {message}"):
        read_plan(tmp_path / "plan.yaml")


def test_an_ffn_twice_is_refused():
    with pytest.raises(ValueError, match="layers: expected each FFN once"):
        plan_of(SharingPlan(SOURCE, (LAYER, LAYER)).record())


@pytest.mark.parametrize(("text", "message"), [("a: [", "expected YAML"), ("- 1", "plan: expected names with values"),
                                               ("2026-13-45", "expected a sharing plan")])
def test_a_file_that_is_none_is_refused(tmp_path, text, message):
    (tmp_path / "plan.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_plan(tmp_path / "plan.yaml")
    with pytest.raises(InputError, match="no such file"):
        read_plan(tmp_path / "other.yaml")
