"""Trials side by side: all are done, once; one that fails ends the others; CPU time is counted."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.studies.side_by_side import ATTEMPTS, SideBySide, TrialError, taken
from mgcm_fairseq.studies.study_file import read_study
from mgcm_fairseq.studies.trial import Trial

STUDY = read_study(CONFIGS / "studies" / "imtl.yaml", "small")


@dataclass(frozen=True)
class Written(Trial):
    """A trial whose steps are small programs."""

    code: str = ""

    def steps(self) -> Iterator[tuple[str, list[str]]]:
        for what in ("train", "average"):
            if not (self.folder / what).exists():
                yield what, [sys.executable, "-c", self.code.replace("FILE", repr(str(self.folder / what)))]


def trials(out: Path, *codes: str) -> list[Trial]:
    made = [Written(STUDY, "shrink", seed, out, out, "cpu", code) for seed, code in enumerate(codes, start=1)]
    for trial in made:
        trial.folder.mkdir(parents=True, exist_ok=True)
    return list(made)


def run(these: list[Trial], jobs: int = 2) -> None:
    with (these[0].out / "lock").open("a") as lock:
        SideBySide(these, jobs, lock.fileno()).run()


WRITES = "open(FILE, 'x').close(); sum(range(10**7))"


@pytest.mark.parametrize("jobs", [1, 3])
def test_all_steps_of_all_trials_are_done_once(tmp_path: Path, jobs: int, capsys: pytest.CaptureFixture[str]) -> None:
    these = trials(tmp_path, WRITES, WRITES, WRITES)
    run(these, jobs)
    run(these, jobs)  # every file would be there already
    assert all((trial.folder / what).exists() for trial in these for what in ("train", "average"))
    assert "done, 3 of 3" in capsys.readouterr().err
    assert all((taken(trial.folder, key) or 0) > 0 for trial in these for key in ("cpu_seconds", "seconds"))


def test_a_trial_that_fails_ends_the_others_and_names_its_log(tmp_path: Path) -> None:
    these = trials(tmp_path, "import time; time.sleep(600)", "raise ValueError('no such thing')")
    with pytest.raises(TrialError, match=r"shrink-seed2: train ended with status 1: ValueError: no such thing See .*"):
        run(these)


def test_the_time_of_a_killed_training_is_not_known(tmp_path: Path) -> None:
    (these,) = trials(tmp_path, WRITES)
    (these.folder / ATTEMPTS).write_text('{"began": 1}\n')
    run([these])
    assert taken(these.folder, "cpu_seconds") is taken(these.folder, "seconds") is None
