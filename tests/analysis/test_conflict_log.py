"""Reading conflict logs: torn lines, updates that were done again, other files."""

import json

import pytest

from mgcm_fairseq.analysis.conflict_log import read_conflict_log
from mgcm_fairseq.analysis.plot_conflicts import plot_by_layer, plot_cosines, plot_over_time
from mgcm_fairseq.common.errors import InputError

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


def test_weights_of_the_second_format_and_ones_of_the_first(tmp_path):
    records = [{**record(10, 1), "weights": [1, 0.5]}, {**record(20, 1), "weights": [1, 0]}]
    assert read_conflict_log(write(tmp_path / "new", {**HEADER, "format": 2}, *records))[0].weights.tolist() == [
        [1, 0.5], [1, 0]]
    assert read_conflict_log(write(tmp_path / "old", HEADER, record(10, 1)))[0].weights.tolist() == [[1, 1]]
    with pytest.raises(InputError, match="KeyError: 'weights'"):
        read_conflict_log(write(tmp_path / "torn", {**HEADER, "format": 2}, record(10, 1)))


def test_torn_lines_are_counted_and_later_records_count(tmp_path):
    path = write(tmp_path / "log", HEADER, record(10, 1), record(20, 4), '{"update": 30, "pas\n', record(20, 0))
    log, torn = read_conflict_log(path)
    assert torn == 1
    assert log.updates.tolist() == [10, 20]
    assert log.rate([0], 0, slice(1, 2)) == 0


@pytest.mark.parametrize(("lines", "message"), [
    ((), "wrote"), (("speech\n",), "wrote"), (({**HEADER, "format": 3},), "format 3"), ((HEADER,), "at least one")])
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


@pytest.mark.parametrize("header", [
    "[]", "\xff", "[" * 100_000, json.dumps({**HEADER, "tasks": []}), json.dumps({**HEADER, "bins": None}),
    json.dumps({**HEADER, "groups": {"a": 1}}), json.dumps({**HEADER, "groups": [{"name": "a"}]}),
    json.dumps({**HEADER, "tasks": ["st", 3]}), json.dumps({**HEADER, "components": {"attention": 0}})])
def test_headers_of_another_kind_are_refused(tmp_path, header):
    path = tmp_path / "log"
    path.write_bytes(header.encode("latin-1") + b"\n" + json.dumps(record(10, 1)).encode() + b"\n")
    with pytest.raises(InputError, match=r"log:1: expected"):
        read_conflict_log(path)


@pytest.mark.parametrize("change", [
    {"update": "10"}, {"update": 2**63}, {"update": None}, {"quantities": []}, {"quantities": [[[1, 2]]]},
    {"quantities": "a"}, {"quantities": [[["4", 1, 0.5, 0.1]], [[2, 0, 1.0, 0]]]},
    {"histogram": [[1, 2]]}, {"histogram": [[[10**400, 1]]]}, {"noise": [0.5]},
    {"noise": {"a": 1}}])
def test_records_that_are_not_the_headers_are_refused(tmp_path, change):
    with pytest.raises(InputError, match=r"log:3: expected a record of 2 groups and 1 auxiliary tasks, found \w+: "):
        read_conflict_log(write(tmp_path / "log", HEADER, record(10, 1), {**record(20, 1), **change}))


def test_a_character_that_only_looks_like_the_end_of_a_line_ends_none(tmp_path):
    named = {**HEADER, "groups": [{**group, "name": "a\u2028b"} for group in HEADER["groups"]]}
    path = tmp_path / "log"
    path.write_text(json.dumps(named, ensure_ascii=False) + "\n" + json.dumps(record(10, 1)) + "\n")
    assert read_conflict_log(path)[0].header == named


def test_cosines_of_components_that_a_log_has_not_are_left_out(tmp_path):
    path = write(tmp_path / "log", HEADER, record(10, 1))
    plot_cosines(read_conflict_log(path)[0], tmp_path / "cosines.png")
    assert (tmp_path / "cosines.png").stat().st_size > 0


def test_a_record_that_an_interruption_cut_short_is_left_out_where_its_passes_come_again(tmp_path):
    """Ctrl-C at update 47 left a record of 26 to 47; the training went on from a checkpoint of update 35."""
    records = [{**record(25, 1), "since": 0}, {**record(48, 4), "since": 25}, {**record(50, 2), "since": 35},
               {**record(75, 0), "since": 50}]
    log, _ = read_conflict_log(write(tmp_path / "log", HEADER, *records))
    assert log.updates.tolist() == [25, 50, 75]
    assert log.rate([0], 0) == 3 / 12
    with pytest.raises(InputError, match=r"update 1\.5"):
        read_conflict_log(write(tmp_path / "other", HEADER, {**record(25, 1), "since": 1.5}))
