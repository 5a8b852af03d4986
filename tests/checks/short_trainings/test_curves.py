"""Losses of three short trainings, update by update, against curves in tests/curves.

The corpus is spoken by espeak-ng and cut by SentencePiece, so another version of either makes another curve; so may
another torch or processor, within the tolerance. `RENEW_CURVES=1 python -m pytest tests/checks/short_trainings` writes
the curves anew.
"""

import json
import os
import platform
from importlib import metadata

import pytest

from mgcm_fairseq.checks.short_trainings import run
from mgcm_fairseq.common.environment import cpu_model
from tests.fixtures import REPOSITORY

CURVES = REPOSITORY / "tests" / "curves"
FILES = {"mgcm, streamed": "mgcm_streamed.json",
         "mgcm, paper's layout, recomputed": "papers_layout_recomputed.json",
         "diseg, published": "diseg_published.json"}
MADE_WITH = ("torch", "fairseq-fixed", "numpy", "scipy", "sentencepiece", "espeakng-loader")
RENEW = "RENEW_CURVES=1 python -m pytest tests/checks/short_trainings"
ABOUT = ("Loss of each update of a short training on the tiny corpus of the tests. espeak-ng speaks the corpus and "
         "SentencePiece cuts it: another version of either makes another curve.")
TOLERANCE = 0.001  # of the loss


def versions():
    """What a curve may depend on."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in MADE_WITH},
            "processor": cpu_model()}


def departure(kept, losses, here):
    """What to tell if the losses are not those kept; empty if they are."""
    pairs = list(zip(kept["losses"], losses, strict=False))
    wrong = [update for update, (before, after) in enumerate(pairs, 1)
             if not abs(after - before) <= kept["tolerance"] * abs(before)]
    if len(losses) == len(kept["losses"]) and not wrong:
        return ""
    update = wrong[0] if wrong else len(pairs) + 1
    others = [f"{name} {version} and not {here.get(name)}" for name, version in kept["versions"].items()
              if here.get(name) != version]
    return (f"{kept['training']}: expected the losses {kept['losses']} within {kept['tolerance']:.1%}, found {losses}, "
            f"which differ from update {update} on. The curve was made with "
            f"{', '.join(others) or 'the versions that are here'}. If the change is meant, or these versions explain "
            f"it, write the curves anew: {RENEW}")


def written_anew(name, losses):
    """What a curve's file holds."""
    made = {"training": name, "about": ABOUT, "renew": RENEW, "tolerance": TOLERANCE, "versions": versions(),
            "losses": losses}
    return json.dumps(made, indent=1) + "\n"


def check(file, name, losses):
    """Against the file, which RENEW_CURVES writes anew before."""
    if os.environ.get("RENEW_CURVES"):
        file.write_text(written_anew(name, losses))
    told = departure(json.loads(file.read_text()), losses, versions())
    assert not told, told


@pytest.mark.parametrize("name", FILES)
def test_the_curve_is_the_one_kept(run_script, tiny_corpus, tmp_path, monkeypatch, name):
    """By the command that compares two commits."""
    monkeypatch.chdir(REPOSITORY)  # whose --user-dir it is
    run_script("checks/short_trainings", "--corpus", tiny_corpus, "--out", tmp_path, "--trainings", name)
    found = json.loads((tmp_path / "results.json").read_text())
    check(CURVES / FILES[name], name, [float(loss) for loss in found[name]["losses"]])


@pytest.mark.parametrize(("before", "says"), [
    ("8.1", "one task: losses: ['8.1'] before, ['8.0'] after"), ("8.0", "")])
def test_the_command_compares_with_results_of_another_commit(run_script, tiny_corpus, tmp_path, monkeypatch, capsys,
                                                             before, says):
    monkeypatch.setattr(run, "results", lambda *_: [("one task", {"losses": ["8.0"]})])
    (tmp_path / "before.json").write_text(json.dumps({"one task": {"losses": [before]}, "three tasks": {}}))
    command = ("checks/short_trainings", "--corpus", tiny_corpus, "--out", tmp_path, "--against",
               tmp_path / "before.json", "--trainings", "one task")
    if says:
        with pytest.raises(SystemExit, match="1"):
            run_script(*command)
    else:
        run_script(*command)
    assert capsys.readouterr().out.splitlines()[-1] == (says or "all 1 results are the same")


def test_a_wrong_file_to_compare_with_is_told_before_any_training(run_script, tiny_corpus, tmp_path, monkeypatch,
                                                                  capsys):
    monkeypatch.setattr(run, "results", lambda *_: pytest.fail("trained"))
    (tmp_path / "list.json").write_text("[1]")
    for name in ("none.json", "list.json"):
        with pytest.raises(SystemExit, match="2"):
            run_script("checks/short_trainings", "--corpus", tiny_corpus, "--out", tmp_path, "--against",
                       tmp_path / name)
        assert "--against: expected the results.json of another commit" in capsys.readouterr().err


def test_curves_are_written_anew(tmp_path, monkeypatch):
    file = tmp_path / "one.json"
    file.write_text(json.dumps(KEPT))
    with pytest.raises(AssertionError, match="differ from update 1 on"):
        check(file, "one", [1.0])
    monkeypatch.setenv("RENEW_CURVES", "1")
    check(file, "one", [1.0])
    assert json.loads(file.read_text())["losses"] == [1.0]


KEPT = {"training": "one", "tolerance": 0.01, "versions": {"torch": "2.0", "scipy": "1.0"}, "losses": [8.0, 7.0, 6.0]}


def test_what_stays_within_the_tolerance_is_no_departure():
    assert departure(KEPT, [8.07, 7.0, 5.95], {}) == ""


@pytest.mark.parametrize(("losses", "update"), [([8.0, 7.1, 6.0], 2), ([8.0, 7.0], 3), ([8.0, 7.0, 6.0, 5.0], 4),
                                                ([8.0, 7.0, float("nan")], 3)])
def test_a_departure_is_told_by_its_update_with_the_versions_that_differ_and_the_command(losses, update):
    told = departure(KEPT, losses, {"torch": "2.1", "scipy": "1.0"})
    assert f"differ from update {update} on" in told
    assert "torch 2.0 and not 2.1. If" in told
    assert told.endswith(RENEW)
