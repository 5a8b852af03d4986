"""What conflict handling cannot be combined with, refused at the start with the reason."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from fairseq.optim.bmuf import FairseqBMUF

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.training.config import ConflictConfig
from mgcm_fairseq.training.rule import name_of, rule_of
from mgcm_fairseq.training.task_weights_options import may_end

_WRAPPERS = {"ModuleProxyWrapper", "DistributedDataParallel", "LegacyDistributedDataParallel",
             "DistributedTimeoutWrapper"}


def unwrap(model: Any) -> Any:
    """The model below fairseq's data-parallel wrappers; InputError for one whose gradients are not whole."""
    while hasattr(model, "module"):
        if type(model).__name__ not in _WRAPPERS:
            raise InputError("--ddp-backend", "legacy_ddp or pytorch_ddp, whose workers hold whole gradients",
                             type(model).__name__, "Choose one of the two, or --conflict-rule none.")
        model = model.module
    return model


def check_config(cfg: ConflictConfig) -> None:
    """InputError for options that contradict each other."""
    if cfg.conflict_granularity == "model" and cfg.conflict_engine == "streamed":
        raise InputError("--conflict-granularity", "a granularity that lies inside a stage for the streamed engine",
                         "model", "Add --conflict-engine stash.")
    if cfg.conflict_scope_interval < 1:
        raise InputError("--conflict-scope-interval", "a number of updates from 1 on", str(cfg.conflict_scope_interval),
                         "Leave it out for 200.")


@contextmanager
def unused_parts_named() -> Iterator[None]:
    """Has pytorch_ddp's complaint about parameters without a gradient end in the option that is missing."""
    try:
        yield
    except RuntimeError as error:
        if "Expected to have finished reduction in the prior iteration" not in str(error):
            raise
        raise InputError("--ddp-backend", "pytorch_ddp to be told that parts may be without a gradient",
                         "parameters that had none in the last update",
                         "Add --find-unused-parameters, or use --ddp-backend legacy_ddp.") from error


def check_training(cfg: ConflictConfig, criterion: Any, optimizer: Any, wrapped: Any, workers: int) -> None:
    """InputError for a training that would go wrong; `wrapped` is the model in its data-parallel wrappers."""
    model, finds_unused = unwrap(wrapped), _finds_unused(wrapped)
    if not hasattr(criterion, "by_task"):
        raise InputError("--criterion", "one with a loss for each task", type(criterion).__name__,
                         "Use multitask_cross_entropy, or --conflict-rule none.")
    if len(criterion.tasks) < 2:
        raise InputError("--tasks", "at least two, for their gradients to conflict", ",".join(criterion.tasks),
                         "Add asr or mt, or leave --conflict-rule out.")
    if isinstance(optimizer, FairseqBMUF):
        raise InputError("--use-bmuf", "an optimizer that averages gradients", "block-wise model updates",
                         "Leave it out, or use --conflict-rule none.")
    rule = rule_of(cfg)
    if workers > 1 and cfg.conflict_reduce == "local" and rule.stateful:
        raise InputError("--conflict-reduce", f"global for {name_of(cfg)}, since what it remembers must be the "
                         "same on all workers to be saved", "local", "Use --conflict-reduce global.")
    if rule.halves:
        _check_halves(cfg, criterion, model, workers)
    if (workers > 1 and cfg.task_weight_variant == "published" and cfg.conflict_reduce == "global"
            and not rule.whole_gramian):
        raise InputError("--task-weight-variant", "repaired, where workers share the primary task's gradient alone: "
                         "published needs the inner product of ASR's and MT's", "published",
                         "Use --conflict-reduce local, or one worker.")
    check_unused(cfg, wrapped)
    drop = model.network.encoder.front_end.layer_drop
    frozen, later = model.schedule.front_end_from, model.schedule.segment_from or 0
    shrunk = model.schedule.shrink_from or 0
    if not finds_unused and (drop > 0 or frozen > 0 or later > 0 or shrunk > 0):
        raise InputError("--ddp-backend", "pytorch_ddp to be told that parts may be dropped, frozen or not yet in use",
                         f"LayerDrop {drop}, --freeze-front-end-updates {frozen}, "
                         f"--segment-from {later}, --shrink-from {shrunk}",
                         "Add --find-unused-parameters, or use --ddp-backend legacy_ddp.")


def _check_halves(cfg: ConflictConfig, criterion: Any, model: Any, workers: int) -> None:
    """InputError where the halves of a batch do not have losses of their own, or would be measured wrongly."""
    if criterion.state_contrast > 0:
        raise InputError("--conflict-rule", "one that judges whole batches: --state-contrast compares each utterance "
                         "with those of the other half, and halves would not be independent", name_of(cfg),
                         "Leave one of the two out.")
    segmenter = model.network.encoder.segmenter
    if segmenter is not None and segmenter.variant.counts_over_the_batch:
        raise InputError("--conflict-rule", "one that judges whole batches: the published number of segments is a norm "
                         "over a batch, which is not the sum of its halves'", name_of(cfg),
                         "Use --segmentation-variant repaired.")
    if cfg.task_weights == "norm" and cfg.conflict_reduce == "global" and workers > 1:
        raise InputError("--task-weights", "one that asks for no norm of each worker's own gradients, which are in "
                         f"halves under {name_of(cfg)}", "norm", "Use another, or one worker.")


def check_unused(cfg: ConflictConfig, wrapped: Any) -> None:
    """InputError where a task may be turned off, and the data-parallel wrapper waits for all parameters."""
    if may_end(cfg) and not _finds_unused(wrapped):
        raise InputError("--ddp-backend", "pytorch_ddp to be told that a task may be turned off, and what it alone "
                         "reaches has no gradient then", "--task-weights norm, --asr-until or a weight of 0",
                         "Add --find-unused-parameters, or use --ddp-backend legacy_ddp.")


def _finds_unused(wrapped: Any) -> bool:
    while hasattr(wrapped, "module"):
        if isinstance(wrapped, torch.nn.parallel.DistributedDataParallel):
            return bool(wrapped.find_unused_parameters)
        wrapped = wrapped.module
    return True
