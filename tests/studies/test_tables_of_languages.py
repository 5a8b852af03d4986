"""A study of several source languages: means over them, and each of them."""

from dataclasses import replace

import numpy as np

from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.evaluation.comparison.bootstrap import bleu_statistics
from mgcm_fairseq.studies.report import assemble, tables
from mgcm_fairseq.studies.results import TrialResult
from mgcm_fairseq.studies.study_file import read_study

STUDY = read_study(CONFIGS / "studies" / "sharing.yaml", "small")
REFERENCES = [f"der Hund {number} sieht das Haus im Garten" for number in range(20)]
RUNS = ("offline-1", "offline-5")


def outcome(system: str, seed: int, wrong: dict[str, int]) -> TrialResult:
    """Of a system that makes so many mistakes in each language."""
    texts = {language: [line.replace("Haus", "Auto") if number < count else line
                        for number, line in enumerate(REFERENCES)] for language, count in wrong.items()}
    statistics: list[np.ndarray] = [bleu_statistics(of, REFERENCES) for of in texts.values()]
    by_language = {language: {run: {"BLEU": 100.0 - count} for run in RUNS} for language, count in wrong.items()}
    mean = sum(100.0 - count for count in wrong.values()) / len(wrong)
    return TrialResult(system, seed, {run: {"BLEU": mean} for run in RUNS}, by_language, [(500, mean, 1.0)], 60.0,
                       dict.fromkeys(RUNS, statistics), {"commit": "abc"})


def test_each_language_stands_beside_the_mean() -> None:
    outcomes = [outcome("shared", seed, {"qaa": 8, "qab": 4}) for seed in (1, 2)]
    outcomes += [outcome("found", seed, {"qaa": 2, "qab": 4}) for seed in (1, 2)]
    found = assemble(STUDY, outcomes)
    system = found["systems"]["found"]
    qaa, qab = (system["by_language"][language]["effects"]["offline-1"] for language in ("qaa", "qab"))
    assert qaa["difference"] > 5 > abs(qab["difference"]) == 0
    assert system["effects"]["offline-1"]["difference"] == (qaa["difference"] + qab["difference"]) / 2
    assert system["by_language"]["qaa"]["mean"]["offline-1"] == (98.0, 0.0)
    assert system["mean"]["offline-1"]["BLEU"] == (97.0, 0.0)
    text = tables(found)
    assert "## By source language" in text
    assert [line.split()[1:6:2] for line in text.splitlines() if line.startswith("| offline-")] == \
        [["offline-1", "qaa", "qab"], ["offline-5", "qaa", "qab"]]
    assert found["systems"]["shared"]["by_language"]["qaa"]["effects"] == {}


def test_one_language_has_no_such_table() -> None:
    outcomes = [replace(outcome("shared", 1, {"": 3}), by_language={})]
    found = assemble(STUDY, outcomes)
    assert "By source language" not in tables(found)
    assert "by_language" not in found["trials"][0]
