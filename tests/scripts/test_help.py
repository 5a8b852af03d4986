"""--help of every script and command: each option says what it is, and defaults are shown in one way."""

import argparse
import importlib
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures import ENVIRONMENT, REPOSITORY

SOURCED = {"python.sh", "surroundings.sh"}  # by others
SCRIPTS = sorted(path.relative_to(REPOSITORY) for path in (REPOSITORY / "scripts").rglob("*")
                 if path.suffix in (".py", ".sh") and path.name not in SOURCED)
SHELL = [path for path in SCRIPTS if path.suffix == ".sh"]
COMMANDS = sorted(path.stem for path in (REPOSITORY / "mgcm_fairseq" / "commands").glob("[!_]*.py"))
STARTED = re.compile(r"-m (mgcm_fairseq\.\S+)")  # by a shell script


def asked(monkeypatch, run):
    """The parser whose help `run` shows, and its help."""
    found = []
    monkeypatch.setattr(sys, "argv", ["program", "--help"])
    monkeypatch.setattr(argparse.ArgumentParser, "print_help", lambda self, file=None: found.append(self))
    with pytest.raises(SystemExit, match="0"):
        run()
    return found[0], " ".join(found[0].format_help().split())


def check(parser, text):
    assert parser.description
    for action in parser._actions:
        name = "/".join(action.option_strings) or action.dest
        assert action.help, f"{parser.prog}: {name} has no help"
        shown = parser._get_formatter()._get_help_string(action)
        given = not (action.default in (None, argparse.SUPPRESS, "") or action.default is False)
        assert shown.count("(default: ") == 1 if given else shown.count("default") == shown.count("(default: "), name
        assert not re.search(r"%\(default\)|\((all|[\d.,]+)\)|[Dd]efaults? (is|to)|default [\d%]", action.help), name
    assert "default" not in text.replace("(default: ", ""), parser.prog


@pytest.mark.parametrize("path", [path for path in SCRIPTS if path.suffix == ".py"], ids=str)
def test_python_scripts(path, monkeypatch):
    check(*asked(monkeypatch, lambda: runpy.run_path(str(REPOSITORY / path), run_name="__main__")))


@pytest.mark.parametrize("name", COMMANDS)
def test_commands(name, monkeypatch):
    check(*asked(monkeypatch, importlib.import_module(f"mgcm_fairseq.commands.{name}").main))


@pytest.mark.parametrize("path", SHELL, ids=str)
def test_shell_scripts(path, monkeypatch):
    """Those that start Python show its help: that of the module, which is asked here, without a new process."""
    text = (REPOSITORY / path).read_text()
    if started := STARTED.search(text):
        parser, help_text = asked(monkeypatch, importlib.import_module(started[1]).main)
        check(parser, help_text)
        assert text.rstrip().endswith('"$@"')
    elif path != Path("scripts/prep_mustc.sh"):  # which hands all to prep_corpus.sh
        shown = subprocess.run(["bash", path, "--help"], cwd=REPOSITORY, env=ENVIRONMENT, text=True, check=True,
                               capture_output=True).stdout
        assert str(path) in shown
        options = re.findall(r"--[a-z]+", text.partition("while [ $# -gt 0 ]")[2].partition("\ndone")[0])
        assert [option for option in set(options) - {"--help"} if f"{option} " not in shown] == []
        assert "default" not in shown.replace("(default: ", "")


FORKED = """
import importlib, logging, os, sys, torch  # what takes longest, once
for name in sys.argv[1:]:
    if not os.fork():
        importlib.import_module(f"mgcm_fairseq.commands.{name}")
        if logging.getLogger().level < logging.INFO:
            print(name, logging.getLogger().level, flush=True)
        os._exit(0)
    os.wait()
"""


def test_no_command_lets_libraries_tell_their_steps():
    """As fairseq's models do once they are imported, which set the level of all logs to DEBUG."""
    told = subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED, *COMMANDS], cwd=REPOSITORY, env=ENVIRONMENT,
                          text=True, check=True, capture_output=True)
    assert told.stdout + told.stderr == ""


def test_a_help_that_states_its_default_in_another_way_is_found():
    for help_text in ("of a GPU (8)", "of a GPU, default 8", "of a GPU; default: 8", None):
        parser = argparse.ArgumentParser(description="a")
        parser.add_argument("--option", default=8, help=help_text)
        with pytest.raises(AssertionError):
            check(parser, parser.format_help())
