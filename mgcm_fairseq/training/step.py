"""A training step whose gradients an engine merges: what --conflict-rule does to fairseq's train_step."""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from fairseq.distributed import utils as distributed
from fairseq.optim.amp_optimizer import AMPOptimizer
from torch import Tensor

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import ENGINES, Stash, Streamed, Workers
from mgcm_fairseq.data.batch import Batch
from mgcm_fairseq.training.config import SCOPES, ConflictConfig
from mgcm_fairseq.training.halves import joined_loss
from mgcm_fairseq.training.noise_floor import NoiseFloor
from mgcm_fairseq.training.preconditions import check_config, check_training, unwrap
from mgcm_fairseq.training.record import Recorder
from mgcm_fairseq.training.rule import name_of, rule_of
from mgcm_fairseq.training.task_weights import TaskWeights
from mgcm_fairseq.training.telemetry import Telemetry

logger = logging.getLogger(__name__)


class ConflictStep:
    """Takes the place of forward and backward in a training step; everything else stays fairseq's.

    Micro-batches of --update-freq are judged one by one, with --conflict-reduce global over all workers, and add up.
    """

    def __init__(self, cfg: ConflictConfig, seed: int, weights: TaskWeights | None = None) -> None:
        """InputError for options that cannot work; `weights`: of the tasks, None to make them by the options."""
        check_config(cfg)
        self.cfg = cfg
        self.weights = weights or TaskWeights(cfg)
        self.rule = rule_of(cfg, seed)
        self.engine: Stash | Streamed | None = None
        self.recorder: Recorder | None = None
        self.tasks: tuple[str, ...] = ()  # primary task first, once they are known

    def state_dict(self) -> dict[str, Any]:
        """What the rule needs to go on, and the names by which it can be taken up."""
        return {"rule": name_of(self.cfg), "granularity": str(self.cfg.conflict_granularity),
                "state": self.rule.state_dict(self.tasks) if self.tasks else {}}

    def resume(self, contents: dict[str, Any], tasks: Sequence[str]) -> None:
        """Takes the rule's state from a checkpoint's contents, see compat, for a training of these tasks.

        Raises:
            InputError: its groups have other names.
        """
        self.tasks = tuple(tasks)
        kept = contents["task_state"].get("conflict", {})
        if kept and "rule" not in kept:  # of before names were saved: gradvac's targets alone, by group
            before = contents["cfg"]
            kept = {"rule": "gradvac", "granularity": before["task"]["conflict_granularity"],
                    "state": {"tasks": before["criterion"]["tasks"].split(","), "targets": kept}}
        if kept.get("state") and kept["rule"] != name_of(self.cfg):
            logger.info("%s: what %s remembered is left out", contents["path"], kept["rule"])
        elif kept.get("state"):
            granularity = str(self.cfg.conflict_granularity)
            if kept["granularity"] != granularity:
                raise InputError("--conflict-granularity", f"{kept['granularity']}, by whose groups {kept['rule']} "
                                 f"remembers what it knows in {contents['path']}", granularity,
                                 "Keep it, or begin a new training with --finetune-from-model.")
            self.rule.load_state_dict(kept["state"], self.tasks)
        elif self.rule.stateful:
            logger.info("%s: nothing that %s remembers is there; it begins anew", contents["path"],
                        name_of(self.cfg))

    def run(self, batch: Batch, model: Any, criterion: Any, optimizer: Any, update: int,
            ignore_grad: bool) -> tuple[Tensor, int, dict[str, Any]]:
        """Forward and backward; gradients of a batch to ignore are zero, but the workers still meet."""
        model.train()
        if self.engine is None or self.recorder is None:
            self.engine, self.recorder = self._start(model, criterion, optimizer, update)
        self.engine.step = update
        self.recorder.before(update)
        model.set_num_updates(update)
        tasks = self.weights.to_run(update)
        with torch.autocast("cuda", torch.float16, enabled=isinstance(optimizer, AMPOptimizer)):
            loss, sample_size, log = joined_loss(self.engine, self.weights, criterion, model, batch, tasks)
        optimizer.backward(loss * 0 if ignore_grad else loss)
        if not ignore_grad:
            self.recorder.add(self.engine.report, batch, update, tasks)
            self.weights.note(log, self.engine.report)
        return loss.detach(), sample_size, log

    def _start(self, model: Any, criterion: Any, optimizer: Any, update: int) -> tuple[Stash | Streamed, Recorder]:
        network = unwrap(model).network
        world = distributed.get_data_parallel_world_size()
        check_training(self.cfg, criterion, optimizer, model, world)
        self.tasks = tuple(criterion.tasks)
        if "st" in self.tasks[1:]:
            logger.warning("--tasks %s: the primary task is %s, the first; write st first to have it protected",
                           ",".join(self.tasks), self.tasks[0])
        self.weights.of(self.tasks)
        together = self.cfg.conflict_reduce == "global" and world > 1
        workers = Workers(distributed.get_data_parallel_group()) if together else None
        scope = SCOPES.get(self.cfg.conflict_scope, self.cfg.conflict_scope)
        try:
            engine: Stash | Streamed = ENGINES[str(self.cfg.conflict_engine)](
                network, criterion.tasks, self.rule, str(self.cfg.conflict_granularity), scope, workers)
        except ValueError as error:
            raise InputError("--conflict-scope", "a pattern that fits", repr(scope), str(error)) from error
        groups = engine.merger.groups
        self.weights.measure(groups)
        engine.merger.own_squares = self.cfg.task_weights == "norm"
        first = not torch.distributed.is_initialized() or distributed.get_data_parallel_rank() == 0
        path = self.cfg.conflict_log if first else ""
        noise = NoiseFloor(network, groups, unwrap(model), criterion) if path else None
        return engine, Recorder(Telemetry(groups, engine.tasks), self.cfg, path, noise, update, self.weights)
