"""Checked before training: what decides which checkpoint is best."""

from typing import Any

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.models.metrics import HIGHER_IS_BETTER, logged


def check_goal(cfg: Any) -> None:
    """InputError where validation does not log the metric that decides, or the worst would be kept as the best.

    Early stopping and reduce_lr_on_plateau go by the same metric and direction.

    Args:
        cfg: of fairseq, whole.
    """
    if not getattr(cfg.criterion, "tasks", None):
        raise InputError("--criterion", "multitask_cross_entropy", str(getattr(cfg.criterion, "_name", None)),
                         "The model has no other losses: leave the option out.")
    checkpoint, plateau = cfg.checkpoint, getattr(cfg.lr_scheduler, "_name", None) == "reduce_lr_on_plateau"
    if cfg.dataset.disable_validation:
        waiting = "--lr-scheduler reduce_lr_on_plateau" if plateau else f"--patience {checkpoint.patience}"
        if plateau or checkpoint.patience > 0:
            raise InputError(waiting, "a validation whose metric it can watch", "--disable-validation",
                             "Leave one of the two out.")
        return
    train = cfg.dataset.train_subset
    if train in cfg.dataset.valid_subset.split(","):
        raise InputError("--valid-subset", "splits that are not trained on: validation would set its data back to "
                         "the first epoch, and training would go on with them", train,
                         f"Copy {train}.tsv under another name, and name that.")
    metric, higher = checkpoint.best_checkpoint_metric, checkpoint.maximize_best_checkpoint_metric
    known = logged(cfg.criterion.tasks.split(","), cfg.task.eval_bleu)
    if metric not in known:
        remedy = "Add --eval-bleu (task.eval_bleu=true)." if metric == "bleu" else "Name one of these."
        raise InputError("--best-checkpoint-metric", f"one that a checkpoint can be chosen by: {', '.join(known)}",
                         repr(metric), remedy)
    source, needed = ("text", "mt") if cfg.task.eval_source == "text" else ("speech", "st")
    if metric.startswith("bleu") and needed not in cfg.criterion.tasks.split(","):
        raise InputError("--best-checkpoint-metric", f"{needed} among --tasks for {metric} of {source}, by "
                         f"--eval-source {source}", cfg.criterion.tasks,
                         f"Train {needed}, choose another --eval-source, or name a metric of what is trained.")
    if higher != HIGHER_IS_BETTER[metric]:
        option = "--maximize-best-checkpoint-metric (checkpoint.maximize_best_checkpoint_metric)"
        raise InputError("--best-checkpoint-metric", f"{metric} to be "
                         f"{'maximised' if HIGHER_IS_BETTER[metric] else 'minimised'}, since "
                         f"{'higher' if HIGHER_IS_BETTER[metric] else 'lower'} is better",
                         "the opposite", f"{'Leave out' if higher else 'Add'} {option}.")
