"""Simulated steps: properties, and a simulation written out step by step."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgcm_fairseq.benchmarks.scaling.corpus import Lengths, SyntheticCorpus, steps
from mgcm_fairseq.benchmarks.scaling.limits import MOST, cause, changes, limit
from mgcm_fairseq.benchmarks.scaling.machine import Machine
from mgcm_fairseq.benchmarks.scaling.memory import memory
from mgcm_fairseq.benchmarks.scaling.simulate import (
    SimulatedOutcome,
    SimulatedTraining,
    compute_s,
    efficiency,
    simulate,
)
from tests.benchmarks.scaling.inputs import PARAMETERS, P, corpus, costs

VARIANTS = list(costs().variants)
UNEQUAL = SyntheticCorpus(Lengths(4000).draw(seed=1))
EQUAL = corpus(*[6.0] * 8 * 15 * 4)  # 32 batches of 15
amounts = st.floats(0.01, 100)


def run(variant, gpus, of=UNEQUAL, machine=None, **training):
    return simulate(costs(), variant, of, machine or Machine(), SimulatedTraining(**training), gpus)


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_gpu_neither_waits_nor_sends(variant):
    found = run(variant, 1)
    assert (found.wait_ms, found.gradients_ms, found.exchange_ms, found.traffic_mb) == (0, 0, 0, 0)
    assert found.step_ms == found.compute_ms > 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_nobody_waits_where_batches_are_equal(variant):
    found = run(variant, 8, EQUAL)
    assert found.wait_ms == pytest.approx(0, abs=1e-9)
    assert run(variant, 8).wait_ms > 0


@settings(max_examples=30)
@given(gpus=st.integers(1, 100), scales=st.tuples(*[amounts] * 4), grouped=st.booleans(),
       variant=st.sampled_from(VARIANTS))
def test_no_gpu_does_more_than_alone(gpus, scales, grouped, variant):
    names = ("sustained", "between_gb_s", "inside_gb_s", "latency_us")
    machine = replace(Machine(), **{name: scale * getattr(Machine(), name)
                                    for name, scale in zip(names, scales, strict=True)})
    found, alone = (run(variant, count, machine=machine, grouped=grouped) for count in (gpus, 1))
    if not grouped:  # which drops batches
        assert efficiency(found, alone) <= 1 + 1e-9
    assert efficiency(alone, alone) == pytest.approx(1)
    assert found.exchange_ms >= found.latency_ms >= 0
    assert found.wait_ms >= -1e-9


def test_local_sends_what_plain_training_sends_and_global_more():
    sent = {variant: run(variant, 8).traffic_mb for variant in VARIANTS}
    assert sent["plain"] == sent["mgcm local"] == pytest.approx(2 * 7 / 8 * P / 2 / 1e6)
    assert sent["mgcm global"] == pytest.approx(2 * sent["plain"])
    assert sent["pcgrad global"] == pytest.approx(4 * sent["plain"])


@pytest.mark.parametrize("gpus", [3, 8, 24])
def test_agrees_with_a_simulation_step_by_step(gpus):
    made, machine = UNEQUAL.batches(1_500_000, 32), Machine()
    measured = costs()
    of_batches = compute_s(measured, measured.variants["mgcm global"], made, machine)
    total = heard = count = 0.0
    for epoch in (1, 2, 3):
        for step in steps(len(made), gpus, 1, epoch, False).tolist():
            busy = [of_batches[batch] for batch in step if batch >= 0]
            nodes = -(-gpus // 8)
            wire = sum(2 * (min(gpus, 8) - 1) / min(gpus, 8) * P / 2 / 250e9
                       + 2 * (nodes - 1) / nodes * P / 2 / min(gpus, 8) / 25e9 for _ in ("gradients", "exchange"))
            total += max(busy) + wire + 401 * 20e-6 * (1 + np.log2(nodes))
            heard += sum(made.audio_s[batch] for batch in step if batch >= 0)
            count += 1
    found = run("mgcm global", gpus)
    assert found.step_ms == pytest.approx(1e3 * total / count)
    assert found.audio_h_s == pytest.approx(heard / total / 3600)
    assert (found.updates, found.batch_s) == (count / 3, pytest.approx(heard / count))


def test_launching_operators_bounds_a_step():
    found = run("plain", 1, machine=Machine(launch_us=1000.0))
    assert found.compute_ms == pytest.approx(4000 + 1e3 * PARAMETERS * 116 / 1500e9)


def test_batches_of_like_length_and_a_gathered_exchange_help():
    many = SyntheticCorpus(Lengths(40_000).draw(seed=1))
    assert run("mgcm global", 8, many, grouped=True).wait_ms < 0.5 * run("mgcm global", 8, many).wait_ms
    plain = run("mgcm global", 8)
    gathered = run("mgcm global", 8, buckets=4)
    assert plain.latency_ms == pytest.approx(100 * gathered.latency_ms)
    assert gathered.traffic_mb == plain.traffic_mb
    assert run("plain", 8, buckets=4) == run("plain", 8)


def test_memory_adds_up():
    alone, many = (memory(costs(), "mgcm global", gpus) for gpus in (1, 8))
    assert alone.buffers == 0
    assert alone.total == pytest.approx((2 + 16) * PARAMETERS + 5e9)
    assert many.total - alone.total == pytest.approx((P + P // 20) / 2)


def test_a_limit_is_the_first_number_of_gpus_below():
    slow = Machine(latency_us=500.0)
    found = limit(costs(), "mgcm global", UNEQUAL, slow, SimulatedTraining(), 0.5)
    below, above = (efficiency(run("mgcm global", gpus, machine=slow), run("mgcm global", 1, machine=slow))
                    for gpus in (found.gpus, found.gpus // 2))
    assert below < 0.5 <= above
    assert found.cause == "latency of the exchange"
    fast = Machine(between_gb_s=1e6, inside_gb_s=1e6)
    assert limit(costs(), "plain", EQUAL, fast, SimulatedTraining(), 1e-6).gpus is None


def test_the_cause_is_the_largest_loss():
    outcome = SimulatedOutcome(gpus=2, compute_ms=100.0, wait_ms=3.0, gradients_ms=2.0, exchange_ms=5.0, latency_ms=1.0,
                               traffic_mb=0.0, audio_h_s=1.0, updates=1, batch_s=1.0)
    assert cause(outcome) == "volume of the exchange"
    assert cause(replace(outcome, wait_ms=9.0)) == "waiting for the slowest worker"


def test_changes_begin_with_none_and_differ():
    found = list(changes(Machine(), SimulatedTraining()))
    assert found[0][1:] == (Machine(), SimulatedTraining())
    assert len({text for text, _, _ in found}) == len(set(found)) == len(found)
    assert MOST >= 64
