"""How programs end: a line in argparse's form and a status, the same for all."""

import ast
import os
import subprocess
import sys
from importlib import import_module

import pytest

from mgcm_fairseq.common import installation
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import HOME, PACKAGE, SCRIPTS
from mgcm_fairseq.common.program import called, command, program

SCRIPT = "scripts/a.sh"


def ended(error, capsys):
    @program(SCRIPT)
    def main():
        if isinstance(error, BaseException):
            raise error
        return error

    return main(), capsys.readouterr().err


@pytest.mark.parametrize(("error", "status", "said"), [
    (InputError("a.tsv", "one", "two", "Mend it."), 2,
     "scripts/a.sh: error: a.tsv: expected one, found two. Mend it.\n"),
    (KeyboardInterrupt(), 130, "scripts/a.sh: interrupted. You can run the same command again.\n"),
    (FileExistsError(17, "File exists", "a/b"), 2, "scripts/a.sh: error: a/b: expected a path that can be read or "
     "written here, found File exists. Correct the option.\n"),
    (None, 0, ""), (1, 1, "")])
def test_each_way_to_end_has_its_status_and_its_line(error, status, said, capsys):
    assert ended(error, capsys) == (status, said)


def test_a_fault_of_the_program_keeps_its_traceback(capsys):
    for fault in (ZeroDivisionError(), PermissionError(1, "of a process, and of no path")):
        with pytest.raises(type(fault)):
            ended(fault, capsys)


def test_an_installed_command_is_called_by_its_own_name(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/mgcm-a"])
    assert ended(InputError("a", "b", "c", "d."), capsys) == (2, "mgcm-a: error: a: expected b, found c. d.\n")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/fairseq-train"])
    assert (called(), called(SCRIPT)) == ("fairseq-train", SCRIPT)


def test_a_message_names_what_the_user_can_start(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/fairseq-train"])
    assert command("prepare") == "scripts/prep_corpus.sh"
    monkeypatch.setattr(sys, "argv", ["/usr/bin/mgcm-evaluate"])
    assert command("prepare") == "mgcm-prepare"
    monkeypatch.setattr(sys, "argv", ["/usr/bin/fairseq-train"])
    assert installation.install("vad") == "pip install -c constraints.txt -e '.[vad]'"
    monkeypatch.setattr(installation, "HOME", tmp_path)  # where a wheel lies, without scripts/
    assert command("prepare") == "mgcm-prepare"
    assert installation.install("vad").endswith("-py3-none-any.whl[vad]'")


@pytest.mark.parametrize(("name", "script"), SCRIPTS.items())
def test_every_installed_command_has_its_script(name, script):
    assert (HOME / script).is_file()
    assert script == import_module(f"mgcm_fairseq.commands.{name.replace('-', '_')}").SCRIPT


def texts(path):
    """(line, text) of every string that is no docstring."""
    tree = ast.parse(path.read_text())
    documented = ast.Module, ast.ClassDef, ast.FunctionDef
    told = {node.body[0].value for node in ast.walk(tree) if isinstance(node, documented) and node.body
            and isinstance(node.body[0], ast.Expr)}
    return [(node.lineno, node.value) for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in told]


OF_A_CLONE = ("with scripts/demo.sh.", "to one that has fairseq-fixed.",
              "in a clone: bash scripts/replicate.sh --size ")


def test_no_message_names_a_script_that_a_wheel_lacks():
    """Of a clone alone are the demo, the setup and the checks."""
    paths = [path for path in PACKAGE.rglob("*.py")
             if path.name != "installation.py" and PACKAGE / "checks" not in path.parents]
    found = [f"{path.relative_to(PACKAGE)}:{line}: {text}" for path in paths for line, text in texts(path)
             if "scripts/" in text and not text.endswith(OF_A_CLONE)]
    assert found == []


def test_output_that_nobody_reads_any_more_is_told_by_the_status_alone():
    """Which is written when the program ends."""
    code = """
import sys
from mgcm_fairseq.common.program import program
@program("scripts/a.sh")
def main():
    print("told")
sys.exit(main())
"""
    reading, writing = os.pipe()
    os.close(reading)
    buffering = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True,
                          env=buffering)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(("reader", "status"), [(False, 141), (True, 1)])
def test_output_that_nobody_reads_ends_a_program_and_another_broken_pipe_is_a_fault(reader, status):
    code = """
import sys
from mgcm_fairseq.common.program import program
@program("scripts/a.sh")
def main():
    print("told", flush=True)
    raise BrokenPipeError("of another pipe")
sys.exit(main())
"""
    reading, writing = os.pipe()
    if not reader:
        os.close(reading)
    done = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True)
    assert done.returncode == status
    assert ("BrokenPipeError: of another pipe" in done.stderr) == reader
    assert reader or not done.stderr
