"""Checked before training: numbers that have no meaning below 0."""

from typing import Any

from mgcm_fairseq.common.errors import InputError

WEIGHTS = ("criterion.ctc_weight", "criterion.state_contrast", "criterion.segment_number_weight",
           "criterion.contrastive_weight")
UPDATES = ("criterion.segment_number_from", "criterion.contrastive_from", "model.freeze_front_end_updates",
           "model.segment_from", "model.noise_from", "model.multipath_from", "model.shrink_from")
UNITS = {**dict.fromkeys(WEIGHTS, "a weight"), **dict.fromkeys(UPDATES, "a number of updates"),
         "model.segment_noise": "a standard deviation", "task.eval_lag": "a number of segments"}
"""Group and option -> what it is."""


def check_at_least_zero(cfg: Any) -> None:
    """InputError for a number below 0, or that is none.

    Args:
        cfg: of fairseq, whole.
    """
    for key, unit in UNITS.items():
        group, option = key.split(".")
        given = getattr(cfg[group], option, 0)
        if not given >= 0:
            raise InputError(f"--{option.replace('_', '-')}", f"{unit} from 0 on", f"{given:g}", "Correct it.")
