"""Trains combinations until every pair of values has trained or is given up; writes each outcome as it comes."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from mgcm_fairseq.checks.option_pairs.design import EXTRA, Pair, covered, pairs, propose
from mgcm_fairseq.checks.option_pairs.factors import FACTORS, complete
from mgcm_fairseq.checks.option_pairs.trial import FAILED, TRAINED, Outcome, trial
from mgcm_fairseq.common.environment import commit
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import HOME
from mgcm_fairseq.common.read_text import json_lines
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.corpus_record import fingerprint

Combination = Mapping[str, str]
ALIKE, ATTEMPTS = 3, 6  # refusals after which a pair is given up: all with one reason; with several


@dataclass
class Sweep:
    """What is known so far."""

    corpus: Path
    out: Path
    seed: int
    factors: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: FACTORS)
    trained: list[Combination] = field(default_factory=list)
    refusals: dict[Pair, list[Outcome]] = field(default_factory=lambda: defaultdict(list))  # of trials for that pair
    failures: dict[Outcome, Combination] = field(default_factory=dict)  # without a reason, and one that has it
    trials: int = 0
    remembered: int = 0  # of the trials: trained before, now or by a sweep that was interrupted
    earlier: dict[Pair, Outcome] = field(default_factory=dict)  # of each combination that was trained

    def __post_init__(self) -> None:
        """Takes up what a sweep of this code with the same seed and factors has written into `out`, or InputError."""
        self.random = Random(self.seed)
        self.open_pairs = pairs(self.factors)
        begun = {"commit": commit(HOME), "seed": self.seed, "factors": self.factors}
        if not self._file.is_file():
            write_whole(self._file, json.dumps(begun, ensure_ascii=False) + "\n")
        remedy = "Remove it, or choose another --out."
        lines = json_lines(self._file, remedy)
        _, first = next(lines, (1, None))
        if first != begun:
            raise InputError((self._file, 1), f"a sweep with {_said(begun)}", _said(first), remedy)
        for _, found in lines:
            self.earlier[frozenset(found["combination"].items())] = Outcome(found["kind"], found["reason"])

    def run(self, trials: int | None = None) -> None:
        """Until no pair is open, or `trials` combinations have been tried, remembered ones included."""
        self._try(complete({}))
        while self.open_pairs and self.trained and (trials is None or self.trials < trials):
            pair = self.random.choice(sorted(self.open_pairs, key=sorted))
            changes = 0 if self.refusals[pair] else self.random.choice(EXTRA)
            outcome = self._try(propose(pair, self.trained, self.factors, self.open_pairs, changes, self.random))
            if outcome.kind != TRAINED and not changes:
                self._refused(pair, outcome)
            print(f"{self.trials} trainings, {self.remembered} of them remembered: {len(self.open_pairs)} pairs open, "
                  f"{len(self.failures)} failures", flush=True)

    def given_up(self) -> dict[Pair, str]:
        """Pairs that never trained, with the reason that they had most often."""
        return {pair: Counter(one.reason for one in outcomes).most_common(1)[0][0]
                for pair, outcomes in self.refusals.items() if outcomes and self._enough(outcomes)}

    @property
    def _file(self) -> Path:
        return self.out / "trials.jsonl"

    def _try(self, combination: Combination) -> Outcome:
        whole = frozenset(combination.items())
        outcome = self.earlier.get(whole)
        self.remembered += outcome is not None
        if outcome is None:
            outcome = self.earlier[whole] = trial(combination, self.corpus, self.out / "trial")
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"combination": dict(combination), **vars(outcome)}, ensure_ascii=False) + "\n")
        self.trials += 1
        if outcome.kind == TRAINED:
            self.trained.append(combination)
            self.open_pairs -= covered(combination)
            for pair in covered(combination) & set(self.refusals):
                del self.refusals[pair]
        elif outcome.kind == FAILED:
            self.failures.setdefault(outcome, combination)
        return outcome

    def _refused(self, pair: Pair, outcome: Outcome) -> None:
        self.refusals[pair].append(outcome)
        if self._enough(self.refusals[pair]):
            self.open_pairs.discard(pair)

    def _enough(self, outcomes: list[Outcome]) -> bool:
        return len(outcomes) >= (ALIKE if len({one.reason for one in outcomes}) == 1 else ATTEMPTS)


def _said(begun: Any) -> str:
    """Of the first line of a file of trials."""
    if not isinstance(begun, dict) or "commit" not in begun:
        return "no line that says with what it was begun"
    factors = fingerprint(json.dumps(begun.get("factors")).encode())
    return f"commit {begun['commit']}, seed {begun.get('seed')} and factors {factors}"
