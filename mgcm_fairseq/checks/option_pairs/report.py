"""What a sweep found, as Markdown: how many pairs trained, and a row for each reason of a refusal."""

from collections import defaultdict
from collections.abc import Iterable

from mgcm_fairseq.checks.option_pairs.design import Pair, pairs
from mgcm_fairseq.checks.option_pairs.factors import default
from mgcm_fairseq.checks.option_pairs.sweep import Sweep
from mgcm_fairseq.checks.option_pairs.trial import UPDATES
from mgcm_fairseq.evaluation.table import markdown


def report(sweep: Sweep) -> str:
    """The counts, a table of what was refused, and every failure with its combination."""
    refused = sweep.given_up()
    total = len(pairs(sweep.factors))
    lines = [f"{len(sweep.factors)} options, {total:,} pairs of values, {sweep.trials} trainings of {UPDATES} updates, "
             f"{sweep.remembered} of them remembered: "
             f"{total - len(refused) - len(sweep.open_pairs):,} pairs trained, {len(refused):,} were refused in every "
             f"combination that was tried, {len(sweep.open_pairs)} are open, {len(sweep.failures)} failures.", ""]
    by_reason = defaultdict(list)
    for pair, reason in refused.items():
        by_reason[reason].append(pair)
    rows = [[reason.replace("|", "\\|"), _texts(of_reason)] for reason, of_reason in sorted(by_reason.items())]
    lines += markdown([["reason", "refused pairs"], *rows]) if rows else []
    for outcome, combination in sweep.failures.items():
        odd = ", ".join(f"{name} {value}" for name, value in sorted(combination.items()) if value != default(name))
        lines += ["", f"FAILED: {outcome.reason} ({odd})"]
    return "\n".join(lines) + "\n"


def _texts(refused: Iterable[Pair]) -> str:
    """Pairs that share a value stand together."""
    left = list(refused)
    texts = []
    while left:
        shared = max(sorted({value for pair in left for value in pair}),
                     key=lambda value: sum(value in pair for pair in left))
        others = sorted(" ".join(other) for pair in left if shared in pair for other in pair - {shared})
        texts.append(f"{' '.join(shared)} with {', '.join(others)}")
        left = [pair for pair in left if shared not in pair]
    return "; ".join(texts)
