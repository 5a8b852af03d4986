"""scripts/checks/mutation.py on a product of one function: one mutant, and nothing when given again."""

import json

import pytest

from mgcm_fairseq.checks.mutation import check, forked

PRODUCT = "def positive(value):\n    return value > 0\n"
KILLS = "from planted import positive\n\n\ndef test_sign():\n    assert positive(1) and not positive(0)\n"


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """The folder, in place of the repository; any mutant of it is killed."""
    (tmp_path / "planted.py").write_text(PRODUCT)
    (tmp_path / "test_planted.py").write_text(KILLS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:flake8\n")  # as in pyproject.toml
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name, value in {"HOME": tmp_path, "FILES": ["planted.py"], "TESTS": ["test_*.py"]}.items():
        monkeypatch.setattr(check, name, value)
    return tmp_path


def test_one_mutant(planted, run_script, capsys, monkeypatch):
    command = ("checks/mutation", "--out", planted / "out", "--mutants", "1", "--seed", "16", "--seconds", "30")
    run_script(*command)
    assert capsys.readouterr().out == "1 of 4 mutants, seed 16: 0 survived (0.0%)\n"
    [row] = map(json.loads, (planted / "out" / "results.jsonl").read_text().splitlines())
    assert row["killed by"] == "test_planted.py::test_sign"
    for name in ("results.jsonl", "map.jsonl"):
        with (planted / "out" / name).open("a") as file:
            file.write('{"mutant": "plan')  # which a kill cut off
    monkeypatch.setattr(forked.os, "fork", lambda: pytest.fail("tried again, though it was tried before"))
    run_script(*command)


def test_survivors_make_the_status_1(planted, run_script, capsys):
    (planted / "test_planted.py").write_text("from planted import positive\n\n\ndef test_it():\n    positive(1)\n")
    with pytest.raises(SystemExit, match="1"):
        run_script("checks/mutation", "--out", planted / "out", "--mutants", "1")
    assert ": 1 survived (100.0%)\nplanted.py:2 " in capsys.readouterr().out
