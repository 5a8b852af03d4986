"""What tables say of a difference, letter for letter."""

from mgcm_fairseq.evaluation.table import ABSENT
from mgcm_fairseq.studies.differences import difference_rows, versions, with_spread


def test_a_row_has_each_run_each_seed_and_the_bits() -> None:
    effect = {"by_seed": [1.0, 2.04], "difference": 1.52, "low": -0.5, "high": 3.0, "p": 0.11}
    systems = {"multi_task": {"effects": {}, "bits_by_seed": []},
               "mgcm": {"effects": {"offline-1": effect, "offline-5": {**effect, "p": 0.5}}, "bits_by_seed": [-0.1, 0]}}
    assert difference_rows(systems, {"offline-1": "greedy"}, str.upper) == [
        ["system", "greedy", "by seed", "bits by seed"],
        ["MGCM", "+1.5 (-0.5 to +3.0), p 0.110", "+1.0 +2.0", "-0.100 +0.000"]]
    _, row = difference_rows(systems, {"offline-5": "beam 5", "offline-1": "greedy"})
    assert row[:4:2] == ["mgcm", "+1.0 +2.0"]
    assert [cell[-7:] for cell in row[1:5:2]] == ["p 0.500", "p 0.110"]


def test_a_mean_has_a_deviation_where_there_are_seeds() -> None:
    assert with_spread((38.44, 3.26)) == "38.4 ± 3.3"
    assert with_spread((1.3214, None), 3) == "1.321"


def test_trials_of_several_commits_name_them_all() -> None:
    assert versions({"commit": ["12ab", "34cd"], "gpu": None, "cores": 2}) == "commit 12ab and 34cd, cores 2"
    assert versions({"commit": None}) == ""


def test_a_figure_that_no_seed_has_is_absent() -> None:
    assert with_spread((None, None)) == ABSENT
