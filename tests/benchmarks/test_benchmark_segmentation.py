"""scripts/benchmarks/segmentation.py on the demo's network, and that it measures what it says."""

import itertools
import json
import math
import sys

import pytest
import torch

from mgcm_fairseq.benchmarks.segmentation import encoder, streaming
from mgcm_fairseq.benchmarks.segmentation.table import tables
from tests.fixtures import run

SCRIPT = (sys.executable, "scripts/benchmarks/segmentation.py")
FRAMES, BATCH, HEADS, DIM = 300, 2, 4, 128


def ticking():
    """A clock that every reading puts forward by a second."""
    return itertools.count().__next__


def workload(**changes):
    values = {"size": "demo", "frames": 40, "batch": BATCH, "layers": None, "dropout": 0.0, "device": "cpu", **changes}
    return encoder.EncoderWorkload.build(**values)


def test_a_run_writes_both_parts_and_their_tables(tmp_path):
    path = tmp_path / "b.json"
    done = run(*SCRIPT, "--size", "demo", "--frames", FRAMES, "--batch", BATCH, "--rounds", 1, "--seconds", "0.5,1",
               "--threads", 1, "--out", path)
    results = json.loads(path.read_text())
    assert set(results) == {"encoder", "streaming", "environment"}
    found = {(row["pass"], row["method"]): row for row in results["encoder"]}
    assert list(found) == [(name, method) for name in encoder.PASSES for method in ("plain", "segmented")]
    for name in encoder.PASSES:
        plain, segmented = found[name, "plain"], found[name, "segmented"]
        assert (plain["time_ratio"], plain["peak_ratio"], plain["largest_beyond_plain"]) == (1, 1, [])
        assert segmented["time_ratio"] > 0 < segmented["seconds"]
        assert segmented["peak_ratio"] > 1
        assert FRAMES**2 <= math.prod(segmented["largest_beyond_plain"]) < BATCH * HEADS * FRAMES**2
    assert [(row["front_end"], row["seconds"]) for row in results["streaming"]] \
        == [("blocks", 0.5), ("blocks", 1), ("bidirectional", 0.5), ("bidirectional", 1)]
    assert all(row["ms_per_s"] > 0 < row["last_read_ms"] for row in results["streaming"])
    assert results["environment"]["torch"] == torch.__version__
    assert (results["environment"]["threads"], results["environment"]["clock"]) == (1, "wall")
    assert done.stdout == tables(results)
    assert "round 1 of 1" in done.stderr


def test_tables_show_the_parts_that_ran():
    row = {"size": "demo", "front_end": "blocks", "seconds": 5.0, "ms_per_s": 12.34, "last_read_ms": 9.0, "reads": 16,
           "encodings": 0, "segments": 3, "frames_ratio": 1.0}
    lines = tables({"encoder": [], "streaming": [row]}).splitlines()
    assert len(lines) == 3
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == ["demo, blocks", "5", "12.3", "9", "16", "0", "1.0",
                                                                    "3"]


def test_segmented_attention_trains_the_segmenter_and_plain_attention_does_not():
    measured = workload()
    for method, trained in (("plain", False), ("segmented", True)):
        measured.clear()
        measured.train(method)
        of_segmenter = measured.encoder.segmenter.output.weight.grad
        assert (of_segmenter is not None and bool(of_segmenter.abs().sum() > 0)) == trained
        assert measured.encoder.layers[0].ffn.fc1.weight.grad.abs().sum() > 0
    measured.clear()
    assert all(tensor.grad is None for tensor in measured.tensors)


def test_passes_differ_in_what_they_compute():
    measured = workload()
    measured.encoder.eval()
    with torch.no_grad():
        assert not torch.equal(measured.encode("plain"), measured.encode("segmented"))
    for name in ("training forward", "test"):
        for method in encoder.METHODS:
            encoder.PASSES[name](measured, method)
            assert all(tensor.grad is None for tensor in measured.tensors)
            assert measured.encoder.training == (name != "test")


def test_layers_and_dropout_are_those_asked_for():
    measured = workload(layers=3, dropout=0.25)
    assert len(measured.encoder.layers) == 3
    assert {layer.self_attn.dropout for layer in measured.encoder.layers} == {0.25}
    assert {module.p for module in measured.encoder.layers.modules() if isinstance(module, torch.nn.Dropout)} == {0.25}
    assert len(workload().encoder.layers) == 2


def test_memory_is_counted_beyond_parameters_and_inputs():
    rows = {(row["pass"], row["method"]): row
            for row in encoder.measure(workload(layers=1), "demo", 1, "cpu", ticking(), lambda said: None)}
    for row in rows.values():
        assert (row["seconds"], row["time_ratio"]) == (1, 1)
    training = rows["training forward and backward", "plain"]["peak_mib"]
    states = BATCH * 40 * DIM * 4 / 2**20
    gradients = sum(parameter.nbytes for parameter in workload(layers=1).encoder.layers.parameters()) / 2**20
    assert rows["test", "plain"]["peak_mib"] >= states
    assert gradients < training < 10 * (gradients + states)


@pytest.mark.parametrize("front_end", streaming.HEARING)
def test_streaming_counts_reads_and_encodings(front_end):
    told = []
    rows = list(streaming.measure("demo", front_end, 320, [1.0, 2.0], 200, 2, ticking(), told.append))
    assert len(told) == 4
    for row, seconds, reads in zip(rows, (1, 2), (5, 10), strict=True):
        assert (row["seconds"], row["reads"]) == (seconds, reads)
        assert row["ms_per_s"] == 1000 * reads / seconds  # each read takes a tick
        assert row["last_read_ms"] == 1000
        assert row["segments"] >= 1
        if front_end == "blocks":
            assert (row["encodings"], row["frames_ratio"]) == (0, 1)
        else:  # after r of n reads r / n of the frames
            assert row["encodings"] == reads
            assert row["frames_ratio"] == pytest.approx((reads + 1) / 2, rel=0.1)


@pytest.mark.parametrize(("options", "message"), [
    (("--parts", "all"), "expected some of encoder, streaming, found 'all'"), (("--dropout", "2"), "found '2'"),
    (("--seconds", "5,x"), "expected seconds from 0.1 to 600, found 'x'"),
])
def test_errors_say_what_was_expected(options, message, refused):
    status, said = refused("benchmarks/segmentation", *options)
    assert status == 2
    assert message in said
