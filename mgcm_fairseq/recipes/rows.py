"""The rows of the paper's table (arXiv 2409.15911, Table I), those of IMTL and GDPS, and the trainings that each takes.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import command

STARTS_FROM: dict[str, str | None] = {
    "single_task": None,
    "multi_task": None,
    "mgcm_multi_task": None,
    "pcgrad_multi_task": None,
    "discard_multi_task": None,
    "diseg": "multi_task",
    "mgcm_diseg": "mgcm_multi_task",
    "pcgrad_diseg": "pcgrad_multi_task",
    "discard_diseg": "discard_multi_task",
    "imtl_multi_task": None,
    "mgcm_imtl_multi_task": None,
    "gdps_multi_task": "multi_task",
    "mgcm_gdps_multi_task": "mgcm_multi_task",
}
"""Row, and YAML in configs/paper -> the row whose model it starts from: the same rule, every source whole."""

TEXTS = ("mt", "imtl_mt")
"""The trainings on text alone that may come before a row: the second before IMTL's, whose models have other sizes."""


def trainings_of(row: str, text_first: bool) -> list[str]:
    """The trainings that lead to `row`, which is the last; InputError for a row that there is not."""
    if row not in STARTS_FROM:
        raise InputError("ROW", f"one of {', '.join(STARTS_FROM)}", repr(row), "Name the row to train.")
    before, text = STARTS_FROM[row], TEXTS["imtl" in row.split("_")]
    return [*([text] if text_first else []), *([before] if before else []), row]


def check_sharing_plan(row: str, plan: Path | None, out: Path) -> None:
    """InputError for a row of GDPS without a plan or the model that it is made from, and for others with a plan."""
    planned = [one for one in STARTS_FROM if "gdps" in one.split("_")]
    if row not in planned:
        if plan is not None:
            raise InputError("--sharing-plan", f"a row with grouped layers, {' or '.join(planned)}", row,
                             "Leave it out.")
        return
    start = out / f"{STARTS_FROM[row]}.pt"
    if not start.is_file():
        raise InputError(start, "the model that the sharing plan is made from", "no such file",
                         f"Train the row {STARTS_FROM[row]} first, with the same --out.")
    if plan is None:
        raise InputError("--sharing-plan", f"the plan that was made from {start}", "none",
                         f"Make it: {command('sharing-plan')} --checkpoint {start} --corpus DATA --out FILE.")


def overrides_of(training: str, overrides: Sequence[str], trainings: Sequence[str]) -> list[str]:
    """Those of KEY=VALUE, for all trainings, and of TRAINING:KEY=VALUE that are for `training`.

    Raises:
        InputError: for one that is for none of `trainings`.
    """
    found = []
    for override in overrides:
        named = re.match(r"(\w+):(.*)", override)
        if named and named[1] not in trainings:
            raise InputError("KEY=VALUE", f"TRAINING: as one of {', '.join(trainings)}", repr(override), "Correct it.")
        if not named or named[1] == training:
            found.append(named[2] if named else override)
    return found
