"""scripts/benchmark_conflict.py on a network of 2.7 M parameters, and what its counters count."""

import json
import sys
from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.evaluation.conflict_benchmark.live_bytes import LiveBytes
from mgcm_fairseq.evaluation.conflict_benchmark.methods import METHODS, available
from mgcm_fairseq.evaluation.conflict_benchmark.operators import Operators
from mgcm_fairseq.evaluation.conflict_benchmark.profile import profile_cpu
from mgcm_fairseq.evaluation.conflict_benchmark.workload import Shape, Workload
from tests.core.conflict.reference import mgcm_by_module
from tests.fixtures import run

INSTALLED = [method for method in METHODS if available(method)]
SMALL = ("--sizes", "0.003", "--seconds", "1")
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")  # torch's own backward pass


def rows(*options):
    """The rows of a run by method, with what it wrote beside them."""
    *options, path = options
    run(sys.executable, "scripts/benchmark_conflict.py", *SMALL, *options, "--out", path)
    found = json.loads(path.read_text())
    return {row["method"]: row for row in found["rows"]}, found["environment"]


def workload():
    return Workload.build(0.003, Shape.one(0.5), "cpu")


def test_a_fake_run_measures_memory_and_waits_but_no_time(tmp_path):
    found, environment = rows("--fake", tmp_path / "b.json")
    assert list(found) == INSTALLED
    assert environment["fake"]
    assert environment["torch"] == torch.__version__
    for row in found.values():
        assert set(row) >= {"method", "size_b", "device", "time_ratio", "floor_ratio", "extra_peak_over_params",
                            "host_syncs"}
        assert (row["time_ratio"], row["device"], row["size_b"]) == (None, "cpu", 0.003)
        assert row["kernels"] > 0
    memory = {method: row["extra_peak_over_params"] for method, row in found.items()}
    assert memory["plain"] == 0 < memory["streamed_above"] <= memory["streamed"] < memory["stash"] < memory["published"]
    assert memory["published"] < memory["pcgrad"]
    waits = {method: row["host_syncs"] for method, row in found.items()}
    assert waits["plain"] == waits["stash"] == waits["streamed"] == waits["streamed_above"] == 0
    assert waits["published"] > waits["pcgrad"] == 6
    floors = {method: row["floor_ratio"] for method, row in found.items()}
    assert floors["plain"] == 1 < floors["streamed_above"] < floors["streamed"] == floors["published"] < 3


def test_a_real_run_adds_times(tmp_path):
    found, environment = rows("--methods", "streamed", "--rounds", "1", tmp_path / "b.json")
    assert list(found) == ["plain", "streamed"]
    assert found["plain"]["time_ratio"] == 1
    assert found["streamed"]["time_ratio"] > 0
    assert found["streamed"]["seconds"] > 0
    assert environment["rounds"] == 1


@pytest.mark.parametrize("method", ["plain", "stash", "streamed", "published"])
def test_fake_tensors_give_the_counts_of_real_ones(method):
    real = workload()
    found = profile_cpu(real, METHODS[method](real), fake=False)
    with FakeTensorMode():
        fake = workload()
        expected = profile_cpu(fake, METHODS[method](fake), fake=True)
    assert found.peak == pytest.approx(expected.peak, rel=0.01)
    assert found.host_syncs == expected.host_syncs


@pytest.mark.parametrize("method", INSTALLED)
def test_every_method_leaves_a_gradient_for_every_parameter(method):
    measured = workload()
    METHODS[method](measured)()
    assert all(parameter.grad.isfinite().all() for parameter in measured.parameters)


def test_the_engines_compute_what_is_claimed():
    measured = workload()
    measured.network.double()
    inputs = measured.inputs._replace(waveform=measured.inputs.waveform.double())
    measured = replace(measured, inputs=inputs)
    expected, conflicts = mgcm_by_module(measured.network, measured.losses(PLAIN))
    assert conflicts > 0
    for method in ("stash", "streamed"):
        measured.clear()
        METHODS[method](measured)()
        for name, parameter in measured.network.named_parameters():
            if not name.endswith("k_proj.bias"):  # whose true gradient is zero
                torch.testing.assert_close(parameter.grad, expected[name], msg=name)


def test_live_bytes_count_storages_until_they_are_freed():
    with LiveBytes() as memory:
        x = torch.zeros(1000)
        view = x.view(10, 100).t()
        assert memory.now == 4000
        y = view + 1
        del x
        assert memory.now == memory.peak == 8000
        del view, y
        assert (memory.now, memory.peak) == (0, 8000)
    assert memory.made == {(4000, (1000,)): 1, (4000, (100, 10)): 1}


def test_operators_count_kernels_and_values_read():
    with Operators(fake=False) as operators:
        x = torch.zeros(4)
        total = (x.view(2, 2) + 1).sum()
        assert total > 0
        assert total.item() == 4
    assert (operators.kernels, operators.host_syncs) == (4, 2)  # zeros, add, sum, gt


@pytest.mark.parametrize(("options", "message"), [
    (("--sizes", "3"), "expected some of 0.003, 0.05"), (("--methods", "all"), "expected some of plain, published"),
    (("--seconds", "x"), "expected seconds from 0.1"), (("--rounds", "0"), "expected a whole number from 1 on"),
])
def test_errors_say_what_was_expected(options, message, refused):
    status, said = refused("benchmark_conflict", *options)
    assert status == 2
    assert message in said
