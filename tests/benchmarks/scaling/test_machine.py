"""All-reduces of the assumed machine against a ring that is played through."""

import pytest

from mgcm_fairseq.benchmarks.scaling.machine import Machine, traffic


def sent_in_a_ring(workers, volume):
    """Bytes that each worker sends: chunks go round until every worker has every sum, then every result."""
    chunks = [[{worker} for _ in range(workers)] for worker in range(workers)]  # whose contributions a chunk holds
    sent = [0.0] * workers
    for offset, rounds in ((0, workers - 1), (1, workers - 1)):
        for turn in range(rounds):
            moving = [(worker, (worker + offset - turn) % workers) for worker in range(workers)]
            carried = [set(chunks[worker][chunk]) for worker, chunk in moving]
            for (worker, chunk), contributions in zip(moving, carried, strict=True):
                chunks[(worker + 1) % workers][chunk] |= contributions
                sent[worker] += volume / workers
    assert all(chunk == set(range(workers)) for own in chunks for chunk in own)
    return sent


@pytest.mark.parametrize("workers", [1, 2, 5, 8])
def test_traffic_is_that_of_a_ring(workers):
    assert sent_in_a_ring(workers, 1000.0) == pytest.approx([traffic(workers, 1000.0)] * workers)


def test_time_in_a_node_is_that_of_its_links():
    machine = Machine(inside_gb_s=100.0, latency_us=20.0)
    assert machine.transfer_s(8, 4e9) == pytest.approx(traffic(8, 4e9) / 100e9)
    assert machine.latency_s(8, 10) == pytest.approx(200e-6)


def test_between_nodes_each_gpu_carries_its_share():
    machine = Machine(node=8, inside_gb_s=100.0, between_gb_s=10.0, latency_us=20.0)
    assert machine.transfer_s(32, 4e9) == pytest.approx(traffic(8, 4e9) / 100e9 + traffic(4, 4e9 / 8) / 10e9)
    assert machine.latency_s(32, 10) == pytest.approx(3 * 200e-6)


def test_one_gpu_sends_nothing_and_waits_for_nothing():
    assert (Machine().transfer_s(1, 1e9), Machine().latency_s(1, 100), traffic(1, 1e9)) == (0, 0, 0)
