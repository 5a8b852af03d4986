"""scripts/benchmarks/conflict.py on a network of 2.7 M parameters, and what its counters count."""

import json
import sys
from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from mgcm_fairseq.benchmarks.conflict.floor import floor
from mgcm_fairseq.benchmarks.conflict.measure import check_losses
from mgcm_fairseq.benchmarks.conflict.methods import METHODS, STEPS, available
from mgcm_fairseq.benchmarks.conflict.profile import profile_cpu
from mgcm_fairseq.benchmarks.conflict.sizes import VOCABULARY
from mgcm_fairseq.benchmarks.conflict.table import table
from mgcm_fairseq.benchmarks.conflict.workload import Shape, Workload
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.measuring.live_bytes import LiveBytes
from mgcm_fairseq.measuring.operators import Operators
from tests.core.conflict.reference import mgcm_by_module
from tests.fixtures import run

INSTALLED = [method for method in METHODS if available(method)]
SMALL = ("--sizes", "0.003", "--seconds", "1")
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")  # torch's own backward pass


def rows(*options):
    """The rows of a run by method, with what it wrote beside them."""
    *options, path = options
    run(sys.executable, "scripts/benchmarks/conflict.py", *SMALL, *options, "--out", path)
    found = json.loads(path.read_text())
    return {row["method"]: row for row in found["rows"]}, found["environment"]


def workload():
    return Workload.build("0.003", Shape.one(0.5), "cpu")


def test_a_fake_run_measures_memory_and_waits_but_no_time(tmp_path):
    methods = ["plain", "three_gradients", "published", "pcgrad", "stash", "streamed", "streamed_above"]
    found, environment = rows("--fake", "--methods", ",".join(methods), tmp_path / "b.json")
    assert list(found) == methods
    assert environment["fake"]
    assert environment["torch"] == torch.__version__
    for row in found.values():
        assert set(row) >= {"method", "size", "device", "time_ratio", "floor_ratio", "extra_peak_over_params",
                            "host_syncs"}
        assert (row["time_ratio"], row["device"], row["size"]) == (None, "cpu", "0.003")
        assert row["kernels"] > 0
    memory = {method: row["extra_peak_over_params"] for method, row in found.items()}
    assert memory["plain"] == 0 < memory["streamed_above"] <= memory["streamed"] < memory["stash"] < memory["published"]
    assert memory["published"] < memory["pcgrad"]
    assert memory["three_gradients"] < memory["stash"]
    waits = {method: row["host_syncs"] for method, row in found.items()}
    assert waits["plain"] == waits["stash"] == waits["streamed"] == waits["streamed_above"] == 0
    assert waits["published"] > waits["pcgrad"] == 6
    floors = {method: row["floor_ratio"] for method, row in found.items()}
    assert floors["plain"] == 1 < floors["streamed_above"] < floors["streamed"] == floors["published"] < 3


def test_a_real_run_adds_times(tmp_path):
    found, _ = rows("--methods", "streamed", "--rounds", "1", tmp_path / "b.json")
    assert list(found) == ["plain", "streamed"]
    assert found["plain"]["time_ratio"] == 1
    assert found["streamed"]["time_ratio"] > 0
    assert found["streamed"]["seconds"] > 0
    assert found["streamed"]["rounds"] == 1
    assert found["streamed"]["busy_seconds"] is None  # on a CPU


def test_every_batch_and_type_is_measured(tmp_path):
    path = tmp_path / "b.json"
    done = run(sys.executable, "scripts/benchmarks/conflict.py", *SMALL, "--methods", "plain", "--rounds", "1",
               "--clock", "cpu", "--batch", "1,2", "--dtype", "fp32,fp16", "--out", path)
    found = json.loads(path.read_text())["rows"]
    assert [(row["utterances"], row["dtype"]) for row in found] == [
        (utterances, dtype) for utterances in (1, 2) for dtype in ("fp32", "fp16")]
    assert {(row["clock"], row["threads"], row["tf32"], row["speech_s"]) for row in found} == {("cpu", 1, False, 1.0)}
    plain = {(row["utterances"], row["dtype"]): row for row in found}
    for one, two in (((1, "fp32"), (2, "fp32")), ((1, "fp16"), (2, "fp16"))):
        assert plain[one]["peak_over_params"] < plain[two]["peak_over_params"]
    assert plain[1, "fp32"]["kernels"] < plain[1, "fp16"]["kernels"]  # which widens for norms and losses
    assert done.stdout == table(found)
    assert "busy" not in done.stdout


def test_losses_that_are_not_finite_are_refused():
    measured = workload()
    check_losses(measured)
    torch.nn.init.constant_(measured.network.decoder.embedding.weight, torch.nan)
    with pytest.raises(FloatingPointError, match=r"expected finite losses, found .*nan"):
        check_losses(measured)


def test_the_thin_network_is_as_deep_as_the_papers():
    with FakeTensorMode():
        thin, paper = (Workload.build(size, Shape.one(0.5), "cpu") for size in ("thin", "0.2"))
    assert [name for name, _ in thin.network.named_parameters()] == [
        name for name, _ in paper.network.named_parameters()]
    without_vocabulary = [parameter.numel() for parameter in thin.parameters if VOCABULARY not in parameter.shape]
    assert sum(without_vocabulary) < 200_000


def test_the_floor_does_not_depend_on_the_number_of_utterances():
    with FakeTensorMode():
        one, three = (floor(Workload.build("0.003", Shape(count, 8_000, 24, 28), "cpu")) for count in (1, 3))
    assert one == pytest.approx(three, rel=1e-12)


def test_three_gradients_are_the_operators_of_three_backward_passes():
    measured = workload()
    passes = []
    for losses in (("st",), ("st", "asr", "mt")):
        measured.clear()
        with Operators(fake=False) as operators:
            of_tasks = measured.losses(PLAIN)
            forward = operators.kernels
            for task in losses:
                torch.autograd.grad(of_tasks[task], measured.parameters, retain_graph=True, allow_unused=True)
        passes.append(operators.kernels)
    profiled = profile_cpu(measured, STEPS["three_gradients"](measured), fake=False)
    assert forward < passes[0] < passes[1] == profiled.kernels
    assert all(parameter.grad is None for parameter in measured.parameters)


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
    (("--sizes", "3"), "expected some of thin, 0.003"), (("--methods", "all"), "expected some of plain, published"),
    (("--dtype", "fp64"), "expected some of fp32, fp16, bf16"), (("--batch", "2,0"), "from 1 on, found '0'"),
    (("--seconds", "x"), "expected seconds from 0.1"), (("--rounds", "0"), "expected a whole number from 1 on"),
])
def test_errors_say_what_was_expected(options, message, refused):
    status, said = refused("benchmarks/conflict", *options)
    assert status == 2
    assert message in said


def test_tf32_needs_a_gpu(refused):
    status, said = refused("benchmarks/conflict", *SMALL, "--tf32")
    assert status == 2
    assert "--tf32: expected --device cuda, found cpu" in said
