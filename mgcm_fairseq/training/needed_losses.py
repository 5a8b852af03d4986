"""Checked before training: what mechanisms need of the losses that are trained."""

from typing import Any

from mgcm_fairseq.common.errors import InputError


def check_losses(cfg: Any) -> None:
    """InputError for a mechanism whose loss is not trained, or a loss whose part of the network is not there.

    Args:
        cfg: of fairseq, whole.
    """
    ctc_weight = cfg.criterion.ctc_weight
    if cfg.task.transcript_noise and "mt" not in cfg.criterion.tasks.split(","):
        raise InputError("--transcript-noise", "mt among --tasks, which reads the transcript", cfg.criterion.tasks,
                         "Add mt, or leave it out.")
    if str(getattr(cfg.model, "shrink", "none")) != "none" and not ctc_weight > 0:
        raise InputError("--shrink", "--ctc-weight above 0: without it CTC learns to hear nothing", f"{ctc_weight:g}",
                         "Add --ctc-weight 1.")
    if ctc_weight > 0 and not getattr(cfg.model, "ctc", False):
        raise InputError("--ctc-weight", "a model with --ctc, whose heads it trains", f"{ctc_weight:g} for one without",
                         "Add --ctc, or leave it out.")
