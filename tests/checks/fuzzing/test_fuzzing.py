"""Fuzzing finds what is planted, its inputs come back by their number, and a short run finds nothing in the product."""

import json
from importlib import import_module
from random import Random

import pytest

from mgcm_fairseq.checks.fuzzing import generators
from mgcm_fairseq.checks.fuzzing.attempt import ACCEPTED, FAULTS, REFUSED, Verdict, attempt, write_input
from mgcm_fairseq.checks.fuzzing.check import main
from mgcm_fairseq.checks.fuzzing.guard import fuzz
from mgcm_fairseq.checks.fuzzing.jobs import Job
from mgcm_fairseq.checks.fuzzing.report import Kept, row, table
from mgcm_fairseq.checks.fuzzing.targets import TARGETS
from mgcm_fairseq.checks.fuzzing.targets.arguments import LINES, Arguments
from tests.checks.fuzzing import planted

SLOW = {"overrides": 6, "checkpoint": 8, "wav2vec2": 16, "table": 40, "list": 40, "europarl-st": 40, "covost2": 40,
        "mustc": 60, "results": 60}  # inputs of a short run
FEW = 200
SEED = 5


def make(name):
    module, _, target = TARGETS[name].target.partition(":")
    return getattr(import_module(module), target)


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run_finds_no_fault(name, tmp_path):
    for part in ("shared", "input"):
        (tmp_path / part).mkdir()
    target, found = make(name)(tmp_path / "shared"), []
    for number in range(SLOW.get(name, FEW)):
        write_input(tmp_path / "input", target.draw(Random(f"{SEED} {name} {number}")))
        found.append(attempt(target, tmp_path / "input", 60.0))
    assert [one for one in found if one.kind in FAULTS] == []
    assert {one.kind for one in found} == {ACCEPTED, REFUSED} - ({REFUSED} if name == "packs" else set())


def test_every_unspoilt_command_line_is_accepted(tmp_path):
    for part in ("shared", "input"):
        (tmp_path / part).mkdir()
    target = Arguments(tmp_path / "shared")
    for program, line in LINES.items():
        write_input(tmp_path / "input", {"line.json": json.dumps([program, line]).encode()})
        assert (program, attempt(target, tmp_path / "input", 60.0)) == (program, Verdict(ACCEPTED))


def job(tmp_path, target, generator="mutate", **more):
    return Job(**{"target": f"tests.checks.fuzzing.planted:{target}", "name": "planted", "generator": generator,
                  "seed": 1, "first": 0, "count": planted.COUNT, "folder": tmp_path, "seconds": 2, "memory": 2**28,
                  **more})


@pytest.mark.parametrize(("target", "kind", "says"), [
    ("Traceback", "traceback", "KeyError: 'planted'"), ("Exits", "traceback", "SystemExit: 1"),
    ("Loses", "silent loss", "rows: read 2, where 3 is written"), ("Hangs", "hang", "more than 2 s"),
    ("HangsInC", "hang", ""), ("Crashes", "crash", ""), ("Swells", "out of memory", "MemoryError")])
def test_what_is_planted_is_found_and_all_other_inputs_are_read(target, kind, says, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    tally = fuzz(job(scratch, target), Kept(tmp_path / "faults", "planted"))
    assert (tally.inputs, tally.accepted, tally.faults.total()) == (planted.COUNT, planted.COUNT - 1, 1)
    assert {found for found, _ in tally.faults} == {kind}
    assert (tmp_path / "faults" / "planted-5" / "number").read_text() == planted.BAD
    assert says in (tmp_path / "faults" / "planted-5" / "FAULT.txt").read_text()
    found = {"generator": "mutate", "seed": 1, "targets": {"planted": row(tally)}}
    assert f"- planted: {kind}: " in table(found)


@pytest.mark.parametrize("generator", ["mutate", "hypothesis"])
def test_without_a_fault_all_are_accepted_or_refused(generator, tmp_path):
    tally = fuzz(job(tmp_path, "Sound", generator), lambda fault: pytest.fail(fault.detail))
    assert tally.inputs == tally.accepted + tally.refused == planted.COUNT
    assert tally.accepted > 0
    assert tally.refusals >= {"number: expected an even one, found * Draw again*"}


def test_an_input_comes_back_by_its_number(tmp_path):
    """Of a later process as of the first: 5 alone is the bad one."""
    kept = Kept(tmp_path / "faults", "planted")
    assert fuzz(job(tmp_path, "Traceback", first=6, count=6), kept).faults.total() == 0
    assert fuzz(job(tmp_path, "Traceback", first=5, count=1), kept).faults.total() == 1


@pytest.mark.parametrize("name", ["wav", "sound", "table", "mustc", "packs", "vocabulary", "wav2vec2", "results"])
def test_inputs_depend_on_the_random_numbers_alone(name, tmp_path):
    """But for torch's old file format, into which it writes addresses."""
    draws = []
    for folder in ("one", "another one"):
        (tmp_path / folder / "shared").mkdir(parents=True)
        target = make(name)(tmp_path / folder / "shared")
        draws.append([target.draw(Random(number)) for number in range(12)])
    for one, other in zip(*draws, strict=True):
        assert one == other or all(content.startswith(b"\x80\x02") for content in one.values())


def test_random_numbers_from_bytes_are_those_bytes():
    same = [generators._OfBytes(b"\x01\x80\xff\x00").getrandbits(16) for _ in range(2)]
    assert same == [0x180, 0x180]
    assert generators._OfBytes(b"").choice("abc") == "a"
    assert 0 <= generators._OfBytes(b"\xff" * 8).random() < 1
    assert generators._OfBytes(b"abcd").randbytes(4) == b"abcd"


def test_the_command(tmp_path, capsys):
    assert main(["--out", str(tmp_path), "--target", "manifest", "--inputs", "5", "--seed", "3"]) == 0
    assert "| manifest |      5 |" in capsys.readouterr().out
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["seed"], results["targets"]["manifest"]["inputs"]) == (3, 5)
    assert (tmp_path / "table.md").read_text().startswith("| target")


def test_a_generator_that_is_not_installed_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "atheris", None)
    assert main(["--out", str(tmp_path), "--generator", "atheris"]) == 2
    assert "--generator: expected a package atheris, found none" in capsys.readouterr().err
