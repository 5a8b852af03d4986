"""Whether a training with a sharing plan, or without, may begin or go on from a checkpoint with one, or without."""

import hashlib
from pathlib import Path
from typing import Any

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.sharing.plan import SharingPlan
from mgcm_fairseq.models.sharing import plan_in


def check_plan(path: str, before: dict[str, Any], now: dict[str, Any], anew: bool) -> None:
    """A new training may divide what was shared, by a plan made from it; else the plan stays the same.

    Args:
        path: of the checkpoint, which only the first worker needs to have; the others take its word.
        before: options of the checkpoint's model.
        now: those of this training's.
        anew: a new training, not the same one that goes on.
    Raises:
        InputError: for another plan, or one that was made from another checkpoint.
    """
    then, here = (plan_in(model.get("sharing_plan") or "") for model in (before, now))
    if then == here:
        return
    if then is not None:
        raise InputError(path, f"a checkpoint of the sharing plan {_name(here)}",
                         f"one of {_name(then)}, by which its layers are grouped",
                         "Give the --sharing-plan that it was trained with.")
    if not anew:
        raise InputError(path, f"a training with the sharing plan {_name(here)}", "one that shares all layers",
                         "To divide them, begin a new training with --finetune-from-model and another --save-dir.")
    assert here is not None
    check_source(here, Path(path))


def check_source(plan: SharingPlan, path: Path) -> None:
    """InputError for a plan that was made from another checkpoint than `path`, where that is there."""
    found = _sha256(path) if path.is_file() else plan.source.checkpoint
    if found != plan.source.checkpoint:
        raise InputError(path, f"the checkpoint that the sharing plan was made from, sha256 {plan.source.checkpoint}",
                         f"sha256 {found}, whose hidden units have other numbers",
                         "Make a plan from this checkpoint.")


def _name(plan: SharingPlan | None) -> str:
    return "none" if plan is None else plan.digest()[:16]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
