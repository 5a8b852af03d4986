"""Reading conflict logs: torn lines, updates that were done again, other files."""

import json

import pytest

from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.evaluation.conflict_log import read_conflict_log
from mgcm_fairseq.evaluation.plot_conflicts import plot_by_layer, plot_cosines, plot_over_time

HEADER = {"format": 1, "tasks": ["st", "asr"], "bins": 2, "components": ["attention"],
          "groups": [{"name": "a", "layer": "enc.0", "component": "attention"},
                     {"name": "b", "layer": "enc.1", "component": "attention"}]}


def record(update, conflicts, noise=None):
    """Four passes with so many conflicts in group a, none in group b, which only two passes reached."""
    return {"update": update, "passes": 4, "quantities": [[[4, conflicts, 0.5, 0.1]], [[2, 0, 1.0, 0]]],
            "histogram": [[[conflicts, 6 - conflicts]]], "noise": noise or []}


def write(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" if isinstance(line, dict) else line for line in lines))
    return path


def test_rates_of_groups_and_of_the_noise(tmp_path):
    path = write(tmp_path / "log", HEADER, record(10, 1, [-0.5, 0.5]), record(20, 3, [-0.1, None]))
    log, torn = read_conflict_log(path)
    assert torn == 0
    assert log.auxiliaries == ["asr"]
    assert log.layers() == ["enc.0", "enc.1"]
    assert log.rate([0], 0) == 4 / 8
    assert log.rate([0, 1], 0) == 4 / 12
    assert log.rate([0], 0, slice(1, 2)) == 3 / 4
    assert log.noise_rate([0]) == 1
    assert log.noise_rate([0, 1]) == 2 / 3
    assert log.histogram.tolist() == [[[4, 8]]]


def test_torn_lines_are_counted_and_later_records_count(tmp_path):
    path = write(tmp_path / "log", HEADER, record(10, 1), record(20, 4), '{"update": 30, "pas\n', record(20, 0))
    log, torn = read_conflict_log(path)
    assert torn == 1
    assert log.updates.tolist() == [10, 20]
    assert log.rate([0], 0, slice(1, 2)) == 0


@pytest.mark.parametrize(("lines", "message"), [
    ((), "wrote"), (("speech\n",), "wrote"), (({**HEADER, "format": 2},), "format 2"), ((HEADER,), "at least one")])
def test_other_files_are_refused(tmp_path, lines, message):
    with pytest.raises(InputError, match=message):
        read_conflict_log(write(tmp_path / "log", *lines))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_conflict_log(tmp_path / "log")


@pytest.mark.parametrize("plot", [plot_by_layer, plot_cosines, plot_over_time])
@pytest.mark.parametrize("layer", ["enc.0", None])
def test_figures_of_a_log_in_which_no_gradients_met(tmp_path, plot, layer):
    """As when one task alone has losses yet; and with no attention in scope."""
    groups = [{"name": "a", "layer": layer or "emb", "component": "attention" if layer else "other"}]
    header = {**HEADER, "components": ["attention", "ffn", "norm", "other"], "groups": groups}
    nothing = {"update": 10, "passes": 4, "quantities": [[[0, 0, 0, 0]]], "histogram": [[[0, 0]]] * 4}
    log, _ = read_conflict_log(write(tmp_path / "log", header, nothing))
    plot(log, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 0
