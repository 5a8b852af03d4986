"""Trials whose plans say the same under two names, and which differ in nothing else: trained once, with one result."""

from collections.abc import Sequence
from dataclasses import replace

from mgcm_fairseq.core.sharing import SharingPlan
from mgcm_fairseq.data.sharing_plan import read_plan
from mgcm_fairseq.studies.results import TrialResult, read_result
from mgcm_fairseq.studies.trial import Trial


def trained_by(plan: SharingPlan) -> list[tuple[object, ...]]:
    """What a training takes from its plan: not the statistics that speak for it."""
    return [(layer.ffn, layer.groups, layer.private) for layer in plan.layers]


def repeated(trials: Sequence[Trial]) -> dict[str, Trial]:
    """Name of a trial that is left to train -> the trial that is the same training: one that is done, or the first.

    Both have their seed, their options and what their plans were made from in common. A trial whose plan is not made
    yet is not there, nor is one without a plan.
    """
    first: dict[str, Trial] = {}
    found = {}
    for trial in sorted(trials, key=lambda one: not one.done):
        if trial.plan is not None and trial.plan.is_file():
            plan = read_plan(trial.plan)
            training = repr((trial.study.of_training(trial.system, trial.seed), plan.source, trained_by(plan)))
            kept = first.setdefault(training, trial)
            if kept is not trial and not trial.done:
                found[trial.name] = kept
    return found


def results(trials: Sequence[Trial]) -> list[TrialResult]:
    """Of those that are done, and of those that take over what another one came to, which name it."""
    same = repeated(trials)
    return [read_result(trial) if trial.done else replace(
                read_result(same[trial.name]), system=trial.system, same_plan_as=same[trial.name].system)
            for trial in trials if trial.done or (trial.name in same and same[trial.name].done)]
