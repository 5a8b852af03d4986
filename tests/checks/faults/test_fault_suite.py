"""The faults that the check has found, each at its moment; and the check itself in its shortest form."""

import json
import signal
from dataclasses import replace

import pytest

from mgcm_fairseq.checks.faults.check import main
from mgcm_fairseq.checks.faults.checkpoints import checkpoints
from mgcm_fairseq.checks.faults.deaths import deaths
from mgcm_fairseq.checks.faults.fingerprint import below, fingerprint
from mgcm_fairseq.checks.faults.kills import kills, shared_out
from mgcm_fairseq.checks.faults.programs import PROGRAMS
from mgcm_fairseq.checks.faults.report import table

SHORT = replace(PROGRAMS["training"], command=lambda made, out: [
    *PROGRAMS["training"].command(made, out), "--max-update", "3", "--save-interval-updates", "1"])


def test_kills_are_shared_out_among_all_programs():
    assert shared_out(100, quick=False)["preparation"] == 18
    assert shared_out(10, quick=True).keys() == PROGRAMS.keys() - {"evaluation"}
    assert all(sum(shared_out(count, quick).values()) == count and min(shared_out(count, quick).values()) > 0
               for count in (10, 11, 37, 100, 1000) for quick in (True, False))


def test_ten_kills_lose_nothing_and_are_not_done_again(bench, capsys):
    rows = [{"part": "kills", "case": case.name, "number": case.number, "seed": 1, **case.run()}
            for case in kills(bench)]
    assert len(rows) == 10
    assert [row["fault"] for row in rows] == [""] * 10
    assert all(row["status"] == -signal.SIGKILL for row in rows)
    results = bench.setting.out / "results.jsonl"

    def write():
        results.write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    write()
    line = ["--out", str(bench.setting.out), "--quick", "--parts", "kills"]
    assert main(line) == 0
    assert len(results.read_text().splitlines()) == 10
    assert (bench.setting.out / "table.md").read_text() == capsys.readouterr().out == table(rows)
    rows[0]["fault"] = "torn: a.json"
    write()
    assert main(line) == 1
    assert f"FAULT: {rows[0]['case']} 0: torn: a.json" in capsys.readouterr().out


def test_a_finished_training_is_left_as_it_is(bench):
    out = bench.fresh("finished")
    first = bench.start(SHORT, out)
    assert first.wait()
    assert first.status == 0, first.text()
    before, times = fingerprint(out), {path: path.stat().st_mtime_ns for path in out.glob("*.pt")}
    again = bench.start(SHORT, out)
    assert again.wait()
    assert "3 of 3 updates are done: nothing to do" in again.text()
    assert fingerprint(out) == before
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.pt")} == times


def interrupt(bench, name, reached):
    """Ctrl-C in a terminal, to all processes, once `reached` holds of the folder; the output, and all faults."""
    program = PROGRAMS[name]
    bench.undisturbed(program)
    out = bench.fresh(name, "interrupted")
    running = bench.start(program, out)
    assert running.reaches(lambda: reached(out))
    running.signal(signal.SIGINT, group=True)
    assert running.wait()
    assert running.status == 130, running.text()
    return running.text(), bench.again(program, out, running)


def test_ctrl_c_in_preparation_is_a_line(bench):
    text, faults = interrupt(bench, "preparation", lambda out: any(out.glob("audio/train/*.tmp")))
    assert text.endswith("interrupted. You can run the same command again.\n")
    assert "Traceback" not in text
    assert not faults


def test_ctrl_c_in_a_training_is_a_line(bench):
    text, faults = interrupt(bench, "training", lambda out: (out / "checkpoint_last.pt").exists())
    assert text.endswith("interrupted. You can run the same command again.\n")
    assert "Traceback" not in text
    assert not faults


def test_an_export_that_was_killed_leaves_no_weights_beside_the_next(bench):
    program = PROGRAMS["export"]
    for _ in range(8):  # a small model is written in no time: until a kill comes before the end
        out = bench.fresh("export", "killed")
        running = bench.start(program, out)
        assert running.reaches(lambda out=out: any(below(out, "model.pt*")))
        running.signal(signal.SIGKILL, group=True)
        assert running.wait()
        if [path.name for path in out.iterdir()] != ["system"]:
            break
    else:
        pytest.fail("killed too late each time to show anything")
    assert not bench.again(program, out, running)


@pytest.mark.parametrize("kind", ["a data loader", "one of two workers of a training"])
def test_a_training_says_which_process_died(bench, kind):
    row = next(case for case in deaths(bench) if case.name == kind).run()
    assert row["fault"] == ""
    assert row["status"] == 1
    assert "error: a" in row["said"]
    assert "has died or does not answer, for lack of memory it may be. The same command goes on from the last " \
           "checkpoint." in row["said"]


@pytest.mark.parametrize("case", ["resumed training: torn, 1", "averaging: torn, 1", "export: empty"])
def test_a_checkpoint_that_does_not_fit_is_named(bench, case):
    row = next(one for one in checkpoints(bench) if one.name == case).run()
    assert row["fault"] == ""
    assert ": expected a " in row["said"]
