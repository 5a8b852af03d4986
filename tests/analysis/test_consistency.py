"""Agreement of gradients by part of the network: numbers by hand, and against a loop over a log drawn at random."""

import json
from statistics import fmean

import pytest
from numpy.random import default_rng

from mgcm_fairseq.analysis.conflict_log import read_conflict_log
from mgcm_fairseq.analysis.consistency import part_members, summary, write_summary, write_table
from mgcm_fairseq.analysis.plot_conflicts import plot_consistency
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.training.part_names import PARTS

LAYERS = ("encoder.front_end.layers.0", "encoder.front_end.layers.0", "encoder.layers.0", "decoder.layers.0",
          "encoder.embedding", "encoder.segmenter")


def header(**more):
    groups = [{"name": f"{layer}.{index}", "layer": layer, "component": "attention" if "layers" in layer else "other"}
              for index, layer in enumerate(LAYERS)]
    return {"format": 2, "tasks": ["st", "asr", "mt"], "bins": 1, "components": ["attention", "other"],
            "groups": groups, "granularity": "module", **more}


def record(update, cosines, noise):
    """`cosines`: for each group and task (passes, sum of cosines)."""
    quantities = [[[passes, 0, total, 0] for passes, total in group] for group in cosines]
    return {"update": update, "passes": 4, "quantities": quantities, "histogram": [[[1]] * 2] * 2, "noise": noise,
            "weights": [1, 1, 1]}


NONE = (0, 0.0)
BY_HAND = [
    record(10, [[(4, 2.0), NONE], [(2, -0.5), NONE], [(4, 0.4), (4, 1.2)], [(4, 0.0), (4, 2.0)], [(4, 4.0)] * 2,
                [(4, -4.0)] * 2], [0.1, 0.3, 0.2, None, 0.9, 0.9]),
    record(20, [[(4, 1.2), NONE], [NONE, NONE], [(4, -0.4), (4, 0.4)], [(4, 0.8), (4, 1.6)], [(4, 4.0)] * 2,
                [(4, -4.0)] * 2], [0.5, None, 0.0, 0.1, 0.9, 0.9])]


def log_of(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_conflict_log(path)[0]


@pytest.fixture
def by_hand(tmp_path):
    return log_of(tmp_path / "log", header(), *BY_HAND)


def test_a_module_counts_once_however_many_passes_reached_it(by_hand):
    """3.2 over 8 passes and -0.5 over 2: the mean of 0.4 and -0.25, not 2.7 over 10."""
    front_end = summary(by_hand)["parts"]["front end"]
    assert front_end["modules"] == 2
    assert front_end["tasks"]["asr"]["cosine"] == pytest.approx(0.075)
    assert front_end["over_training"]["asr"] == pytest.approx([(0.5 - 0.25) / 2, 0.3])
    assert front_end["over_training"]["noise"] == pytest.approx([0.2, 0.5])
    assert front_end["noise"] == pytest.approx(0.3), "0.1 and 0.5 of one module, 0.3 of the other"
    assert front_end["tasks"]["asr"]["above_noise"] == 0


def test_what_a_task_never_reaches_has_no_cosine(by_hand):
    assert summary(by_hand)["parts"]["front end"]["tasks"]["mt"] == {"cosine": None, "above_noise": None}


def test_records_without_a_noise_floor_are_not_compared_with_it(by_hand):
    decoder = summary(by_hand)["parts"]["decoder"]
    assert decoder["over_training"] == {"asr": [0.0, pytest.approx(0.2)], "mt": [0.5, pytest.approx(0.4)],
                                        "noise": [None, 0.1]}
    assert decoder["tasks"]["asr"] == {"cosine": pytest.approx(0.1), "above_noise": 1}


def test_embeddings_and_segmenter_are_in_no_part(by_hand):
    assert [part_members(by_hand, part) for part in PARTS] == [[0, 1], [2], [3]]
    encoder = summary(by_hand)["parts"]["encoder"]
    assert encoder["tasks"] == {"asr": {"cosine": pytest.approx(0.0), "above_noise": 0},
                                "mt": {"cosine": pytest.approx(0.2), "above_noise": 1}}


def test_whole_gradients_of_parts(tmp_path):
    """Two records, of 1 and 3 passes; a task that never reached a part, a floor that is known once."""
    whole = [{"parts": [[[1, 0.6], [0, 0]], [[1, 0.1]] * 2, [[1, 0.1]] * 2], "part_noise": [0.5, None, None]},
             {"parts": [[[3, 2.4], [0, 0]], [[3, 0.9]] * 2, [[3, 0.9]] * 2], "part_noise": [0.3, 0.2, None]}]
    log = log_of(tmp_path / "log", header(parts=list(PARTS)), *({**one, **more} for one, more in zip(
        BY_HAND, whole, strict=True)))
    found = summary(log)["parts"]
    assert found["front end"]["whole"] == {"asr": pytest.approx(0.75), "mt": None, "noise": pytest.approx(0.4)}
    assert found["encoder"]["whole"] == {"asr": 0.25, "mt": 0.25, "noise": 0.2}
    assert found["decoder"]["whole"]["noise"] is None
    write_table(log, tmp_path / "table.md")
    assert "| front end | +0.750 | – | +0.400 |" in (tmp_path / "table.md").read_text(encoding="utf-8")


def test_a_log_of_before_has_no_whole_gradients(by_hand):
    assert summary(by_hand)["parts"]["encoder"]["whole"] == {"asr": None, "mt": None, "noise": None}


@pytest.mark.parametrize("more", [{}, {"parts": [[[1, 0.5]] * 2]}, {"parts": [[[1, 0.5]] * 2] * 3, "part_noise": [1]}])
def test_records_without_the_parts_of_the_header_are_refused(tmp_path, more):
    with pytest.raises(InputError, match="a record of 6 groups and 2 auxiliary tasks"):
        log_of(tmp_path / "log", header(parts=list(PARTS)), {**BY_HAND[0], **more})


def test_layers_are_told_alone(by_hand):
    layers = summary(by_hand)["layers"]
    assert list(layers) == ["encoder.front_end.layers.0", "encoder.layers.0", "decoder.layers.0"]
    assert layers["encoder.front_end.layers.0"]["tasks"]["asr"]["cosine"] == pytest.approx(0.075)


def test_a_log_of_the_whole_model_has_no_parts(tmp_path):
    log = log_of(tmp_path / "log", header(granularity="model"), *BY_HAND)
    assert [part_members(log, part) for part in PARTS] == [[], [], []]


def test_a_log_at_random_against_a_loop(tmp_path):
    rng = default_rng(1)
    passes = rng.integers(0, 3, (5, len(LAYERS), 2))
    cosines = rng.uniform(-1, 1, passes.shape) * passes
    noise = rng.uniform(-1, 1, passes.shape[:2])
    log = log_of(tmp_path / "log", header(), *(
        record(10 * index, [[*zip(*group, strict=True)] for group in zip(n.tolist(), c.tolist(), strict=True)],
               floor.tolist()) for index, (n, c, floor) in enumerate(zip(passes, cosines, noise, strict=True))))
    for part, beginning in PARTS.items():
        modules = [index for index, layer in enumerate(LAYERS) if layer.startswith(beginning)]
        for task, name in enumerate(("asr", "mt")):
            seen = [index for index in modules if passes[:, index, task].sum()]
            expected = fmean(cosines[:, index, task].sum() / passes[:, index, task].sum() for index in seen)
            assert summary(log)["parts"][part]["tasks"][name]["cosine"] == pytest.approx(expected)
        assert summary(log)["parts"][part]["noise"] == pytest.approx(noise[:, modules].mean())


def test_the_table(by_hand, tmp_path):
    write_table(by_hand, tmp_path / "table.md")
    lines = (tmp_path / "table.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "Cosine with st's gradient, mean over modules, updates to 20"
    assert lines[2] == ("| part | modules | asr | mt | st with itself (noise floor) | asr above it, share of records | "
                        "mt above it, share of records |")
    assert lines[4:7] == ["| front end | 2 | +0.075 | – | +0.300 | 0% | – |",
                          "| encoder | 1 | +0.000 | +0.200 | +0.100 | 0% | 100% |",
                          "| decoder | 1 | +0.100 | +0.450 | +0.100 | 100% | 100% |"]


@pytest.mark.parametrize("layers", [LAYERS, ("emb",)])
def test_files_of_a_log_in_which_no_gradients_met(tmp_path, layers):
    groups = [{"name": layer, "layer": layer, "component": "other"} for layer in layers]
    log = log_of(tmp_path / "log", header(groups=groups), record(10, [[NONE, NONE]] * len(layers), []))
    write_summary(log, tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["parts"]["encoder"]["noise"] is None
    plot_consistency(log, tmp_path / "figure.png")
    write_table(log, tmp_path / "table.md")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
