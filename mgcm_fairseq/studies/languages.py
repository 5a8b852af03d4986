"""The same figures for each source language of a study's corpus, where it has several."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mgcm_fairseq.evaluation.table import markdown
from mgcm_fairseq.studies.differences import difference
from mgcm_fairseq.studies.effects import effect, spread
from mgcm_fairseq.studies.results import TrialResult


def by_language(seeds: Mapping[int, TrialResult], base: Mapping[int, TrialResult], common: Sequence[int]) \
        -> dict[str, Any]:
    """Source language -> means of BLEU over seeds and differences from the baseline; {} for one language alone.

    Args:
        seeds: of a system.
        base: of the baseline.
        common: seeds that both have, empty where there is nothing to compare.
    """
    languages = list(next(iter(seeds.values())).by_language)
    return {language: {
        "mean": {run: spread([one.by_language[language][run]["BLEU"] for one in seeds.values()])
                 for run in next(iter(seeds.values())).figures},
        "effects": {run: asdict(effect([[seeds[seed].statistics[run][rank]] for seed in common],
                                       [[base[seed].statistics[run][rank]] for seed in common]))
                    for run in next(iter(seeds.values())).figures if common},
    } for rank, language in enumerate(languages)}


def language_tables(found: Mapping[str, Any]) -> list[str]:
    """Lines of study.md; [] for one language alone."""
    systems = {name: system["by_language"] for name, system in found["systems"].items() if system["by_language"]}
    if not systems:
        return []
    languages = list(next(iter(systems.values())))
    lines = ["## By source language", "", "BLEU, mean over seeds; below it the difference from the baseline, its "
             "interval and p.", ""]
    for run in next(iter(systems.values()))[languages[0]]["mean"]:
        rows = [[run, *languages]]
        for name, of in systems.items():
            rows.append([name, *(f"{of[language]['mean'][run][0]:.1f}" for language in languages)])
            if of[languages[0]]["effects"]:
                rows.append(["", *(difference(of[language]["effects"][run]) for language in languages)])
        lines += [*markdown(rows), ""]
    return lines
