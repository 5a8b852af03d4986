"""Two gloo workers on shards against one worker on the whole batch."""

import json
import subprocess
import sys
from itertools import product

import pytest
import torch

from tests.fixtures import ENVIRONMENT, REPOSITORY

BACKENDS, ENGINES, MICRO_BATCHES = ("legacy_ddp", "pytorch_ddp"), ("streamed", "stash"), (1, 4)
GLOBAL = [(backend, "global", engine, "mgcm", count, 0.0)
          for backend, engine, count in product(BACKENDS, ENGINES, MICRO_BATCHES)]
OTHERS = [("pytorch_ddp", "global", "streamed", rule, count, 0.0)
          for rule, count in (("discard", 1), ("pcgrad", 1), ("gradvac", 4))]
HALVES = [(backend, "global", engine, "noise-aware-mgcm", 4, 0.0)
          for backend, engine in zip(BACKENDS, reversed(ENGINES), strict=True)]
DROPPED = [("legacy_ddp", "global", engine, "mgcm", 4, 0.5) for engine in ENGINES]
GROUPED = [(backend, "global", engine, "mgcm", 1, 0.0, True) for backend, engine in zip(BACKENDS, ENGINES, strict=True)]
LOCAL = [(backend, "local", engine, "mgcm", count, 0.0)
         for (backend, engine), count in product((("pytorch_ddp", "streamed"), ("legacy_ddp", "stash")), MICRO_BATCHES)]
GROUPED_LOCAL = [("pytorch_ddp", "local", "streamed", "mgcm", 1, 0.0, True),
                 ("legacy_ddp", "local", "stash", "mgcm", 1, 0.0, True)]


def gradients(folder, world, cases):
    """What each worker's optimizer would see: one dictionary a worker, from case to gradients."""
    outs = [folder / f"{rank}.pt" for rank in range(world)]
    workers = [subprocess.Popen(
        [sys.executable, "-m", "tests.training.shards", str(rank), str(world), str(folder / "meeting"),
         json.dumps(cases), str(out)], cwd=REPOSITORY, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
        for rank, out in enumerate(outs)]
    ends = [(worker.communicate(timeout=300)[1], worker.returncode) for worker in workers]
    assert all(code == 0 for _, code in ends), ends[0][0][-3000:]
    return [dict(zip(cases, torch.load(out), strict=True)) for out in outs]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The first worker's gradients; the second's are the same."""
    first, second = gradients(tmp_path_factory.mktemp("pair"), 2,
                              GLOBAL + OTHERS + HALVES + DROPPED + GROUPED + LOCAL + GROUPED_LOCAL)
    assert all(distance(first[case], second[case]) == 0 for case in first)
    return first


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """(rule, micro-batches, LayerDrop, and whether layers are grouped) -> the gradients of one worker."""
    wanted = dict.fromkeys(("", "", "streamed", *case[3:]) for case in GLOBAL + OTHERS + HALVES + DROPPED + GROUPED)
    cases = [("legacy_ddp", "global", *case[2:]) for case in wanted]
    [found] = gradients(tmp_path_factory.mktemp("alone"), 1, cases)
    return {case[3:]: of_case for case, of_case in found.items()}


def distance(ours, theirs):
    assert ours["gradients"].keys() == theirs["gradients"].keys()
    ours, theirs = (torch.cat([part.flatten().double() for part in of["gradients"].values()]) for of in (ours, theirs))
    return ((ours - theirs).norm() / theirs.norm()).item()


@pytest.mark.parametrize("case", HALVES, ids=str)
def test_what_is_known_of_halves_is_the_same_on_one_worker_and_on_two(pair, alone, case):
    expected, found = alone[case[3:]]["state"]["sums"], pair[case]["state"]["sums"]
    assert found.keys() == expected.keys()
    for group, sums in expected.items():
        torch.testing.assert_close(found[group], sums, rtol=1e-3, atol=1e-5)
    assert sum(sums.ne(0).all().item() for sums in expected.values()) > 20


@pytest.mark.parametrize("case", GLOBAL + OTHERS + HALVES + DROPPED + GROUPED, ids=str)
def test_global_equals_one_worker(pair, alone, case):
    expected = alone[case[3:]]
    assert distance(pair[case], expected) < 1e-5
    assert pair[case]["conflicts"] == expected["conflicts"] > 0


@pytest.mark.parametrize("count", MICRO_BATCHES)
def test_local_is_the_same_for_engines_and_backends_but_not_global(pair, alone, count):
    ours, theirs = (pair[case] for case in LOCAL if case[4] == count)
    assert distance(ours, theirs) < 1e-5
    assert distance(ours, alone["mgcm", count, 0.0]) > 1e-4


def test_grouped_layers_are_judged_by_each_worker_or_by_all(pair, alone):
    """Each of the workers hears one of two groups, and has gradients of both: zero for the one that it does not hear.
    """
    ours, theirs = (pair[case] for case in GROUPED_LOCAL)
    assert distance(ours, theirs) < 1e-5
    private = {name: gradient for name, gradient in ours["gradients"].items() if ".private." in name}
    assert len(private) == 12
    assert all(gradient.any() for gradient in private.values())
    assert distance(ours, alone["mgcm", 1, 0.0, True]) > 1e-4
