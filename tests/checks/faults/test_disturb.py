"""The check sees what it looks for: programs that lose, tear, leave or hide something, and one that does not."""

import signal
import sys
from dataclasses import replace

import pytest

from mgcm_fairseq.checks.faults.disturb import Bench
from mgcm_fairseq.checks.faults.fingerprint import torn
from mgcm_fairseq.checks.faults.programs import Program
from mgcm_fairseq.checks.faults.setting import FaultsSetting

WHOLE = """
import pathlib, sys, time
out = pathlib.Path(sys.argv[1])
print("begun", flush=True)
{before}
partial = out / "one.json.tmp"
partial.write_text("[1")
time.sleep(0.5)
partial.write_text("[1, 2]")
partial.replace(out / "one.json")
{after}
time.sleep(0.5)
"""


def program(before="", after=""):
    code = WHOLE.format(before=before, after=after)
    return Program("small", lambda made, out: [sys.executable, "-c", code, str(out)], "begun")


class AtTheFile(Bench):
    """Disturbs while the file is written, and not at a moment in time, so that a test says the same every time."""

    def _await_moment(self, program, running, random, out):
        running.reaches(lambda: (out / "one.json.tmp").exists())
        return 0.0


@pytest.fixture
def alone(tmp_path):
    """A bench without a corpus."""
    return AtTheFile(FaultsSetting(tmp_path, seed=1, kills=10, quick=True), None)


def kill(bench, of, **more):
    random = bench.setting.random("a test")
    return bench.interrupted(of, random, more.get("number", signal.SIGKILL), more.get("group", True), "case")


def test_a_program_that_writes_whole_files_is_well(alone):
    export = "partial_folder = out / '.system.partial'; partial_folder.mkdir(exist_ok=True)"
    row = kill(alone, program(export, "partial_folder.rmdir()"))
    assert row["status"] == -signal.SIGKILL
    assert row["fault"] == ""
    assert row["reached"].endswith(", writing .system.partial, one.json.tmp")


@pytest.mark.parametrize(("of", "fault"), [
    (program("(out / 'two.json').exists() and sys.exit(3); (out / 'two.json').write_text('[]')"), "status 3"),
    (program("import os; (out / f'{os.getpid()}.json').write_text('[]')"), "too many: "),
    (program("(out / 'two.json').write_text('[')"), "torn: two.json"),
    (program("n = len([*out.iterdir()]); (out / 'two.json').write_text('[0]')",
             "(out / 'one.json').write_text(f'[{n}]')"), "other: one.json")])
def test_what_a_kill_spoils_is_said(alone, of, fault):
    assert fault in kill(alone, of)["fault"]


def test_a_process_that_lives_on_is_said(alone, monkeypatch):
    monkeypatch.setattr("mgcm_fairseq.checks.faults.disturb.SETTLED", 2)
    leaves = "import subprocess; subprocess.Popen(['sleep', '60'])"
    assert "1 processes live on" in kill(alone, program(leaves))["fault"]
    once = replace(program(f"(out / 'two.json').exists() or exec({leaves!r}); (out / 'two.json').write_text('[]')"),
                   name="once")
    assert kill(alone, once)["fault"] == ""
    assert "1 processes live on" in kill(alone, once, group=False)["fault"]


def test_a_traceback_and_a_deaf_program_are_said(alone, monkeypatch):
    assert "a traceback: KeyboardInterrupt" in kill(alone, program(), number=signal.SIGINT)["fault"]
    monkeypatch.setattr("mgcm_fairseq.checks.faults.disturb.SETTLED", 0.05)
    deaf = program("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    assert "still alive" in kill(alone, deaf, number=signal.SIGTERM)["fault"]


def test_torn_files_are_seen(tmp_path):
    (tmp_path / "a.json").write_text("[1")
    (tmp_path / "b.json").write_text("[1]")
    (tmp_path / "c.pt").write_bytes(b"PK")
    (tmp_path / "d.wav").write_bytes(b"RIFF")
    assert torn(tmp_path) == ["a.json", "c.pt", "d.wav"]
