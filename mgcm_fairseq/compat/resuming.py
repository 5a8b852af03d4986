"""What a training takes over from a checkpoint is up to its task."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.compat.loading import load_checkpoint


def let_tasks_resume() -> None:
    """Has fairseq's trainer ask a task with a method `resume` what a training may take over from a checkpoint.

    fairseq writes the task's state into every checkpoint, but reads it in generation only, never when training resumes.
    It compares neither the options of the two trainings nor the names of their parameters: the optimizer gets its state
    back by position, and the best score so far, whatever metric it was of. With the state come the options that the
    optimizer had, in place of those that are given now (weight decay, betas, momentum).
    """
    from fairseq.trainer import Trainer

    stock_load = Trainer.load_checkpoint
    if getattr(stock_load, "resumes_task", False):
        return

    def load(self: Any, filename: str, reset_optimizer: bool = False, reset_lr_scheduler: bool = False,
             optimizer_overrides: dict[str, Any] | None = None, reset_meters: bool = False) -> Any:
        rest = reset_optimizer, reset_lr_scheduler, optimizer_overrides, reset_meters
        if not Path(filename).is_file() or not hasattr(self.task, "resume"):
            return stock_load(self, filename, *rest)
        taken = self.task.resume(_contents(self, filename), self.cfg, self.get_model(), self.get_criterion(),
                                 reset_optimizer, reset_lr_scheduler)
        with _optimizer_state_in_order(taken.order):
            extra_state = stock_load(self, filename, *rest)
        if not reset_optimizer:
            _as_given(self.optimizer, optimizer_overrides or {})
        if not taken.best:
            extra_state.pop("best", None)
        return extra_state

    load.resumes_task = True  # type: ignore[attr-defined]  # a mark, by which a second call sees that it is done
    Trainer.load_checkpoint = load


def _as_given(optimizer: Any, overrides: dict[str, Any]) -> None:
    """Gives an optimizer its options, but for the rate, which is the schedule's, and for what the user overrides."""
    given = {name: value for name, value in optimizer.optimizer_config.items() if name not in ("lr", *overrides)}
    for group in optimizer.param_groups:
        group.update(given)


def _contents(trainer: Any, filename: str) -> dict[str, Any]:
    """What a checkpoint says of its training, with shapes in place of weights, the same on all workers.

    As in fairseq, only the first worker needs to read the file.

    Raises:
        InputError: on all workers, if it is no checkpoint.
    """
    from fairseq.distributed.utils import broadcast_object

    found: dict[str, Any] = {}
    if trainer.data_parallel_rank == 0:
        try:
            found = _described(filename)
        except InputError as error:
            found = {"fault": [str(part) for part in error.__reduce__()[1]]}
        except Exception as error:  # contents that are none of fairseq's fail in any way; the other workers wait here
            found = {"fault": [filename, _BY_FAIRSEQ, f"one that fails with {type(error).__name__}: {error}",
                               _OTHER_CHECKPOINT]}
    if trainer.data_parallel_world_size > 1:
        found = broadcast_object(found, src_rank=0, group=trainer.data_parallel_process_group,
                                 dist_device=trainer.device)
    if "fault" in found:
        raise InputError(*found["fault"])
    return found


_BY_FAIRSEQ, _OTHER_CHECKPOINT = "a checkpoint by fairseq", "Name another checkpoint, or copy this one again."
_PARTS: dict[str, Any] = {"model": dict, "optimizer_history": list, "extra_state": dict}
_PARTS_THAT_MAY_LACK: dict[str, Any] = {"cfg": dict | DictConfig, "last_optimizer_state": dict, "task_state": dict}


def _described(filename: str) -> dict[str, Any]:
    """The same on the worker that reads the file; InputError if it lacks what fairseq goes on from."""
    state = load_checkpoint(Path(filename), mmap=True)
    for part, kind in (_PARTS | _PARTS_THAT_MAY_LACK).items():
        value = state.get(part)
        if not isinstance(value, kind) and (value is not None or part in _PARTS):
            found = f"no {part}" if value is None else f"a {type(value).__name__} as its {part}"
            raise InputError(filename, _BY_FAIRSEQ, found, _OTHER_CHECKPOINT)
    recorded = state["optimizer_history"][-1] if state["optimizer_history"] else {}
    if not isinstance(recorded, dict):
        found = f"a {type(recorded).__name__} in its optimizer_history"
        raise InputError(filename, _BY_FAIRSEQ, found, _OTHER_CHECKPOINT)
    groups = (state.get("last_optimizer_state") or {}).get("param_groups", [])
    return {"path": filename, "cfg": state.get("cfg"), "optimizer": recorded,
            "shapes": {name: tuple(getattr(weight, "shape", ())) for name, weight in state["model"].items()},
            "optimized": [len(group["params"]) for group in groups],
            "ema": "ema" in state["extra_state"], "task_state": state.get("task_state") or {}}


@contextmanager
def _optimizer_state_in_order(order: list[int | None] | None) -> Iterator[None]:
    """Has checkpoints read with their optimizer's state in this order: for each parameter its position in the file,
    or None for one that begins without. None for all: as it is.
    """
    from fairseq import checkpoint_utils

    stock = checkpoint_utils.load_checkpoint_to_cpu

    def load(*args: Any, **kwargs: Any) -> dict[str, Any]:
        state: dict[str, Any] = stock(*args, **kwargs)
        if order is not None:
            found = state["last_optimizer_state"]
            [group] = found["param_groups"]
            kept = {now: found["state"][then] for now, then in enumerate(order) if then in found["state"]}
            state["last_optimizer_state"] = {**found, "state": kept,
                                             "param_groups": [{**group, "params": list(range(len(order)))}]}
        return state

    checkpoint_utils.load_checkpoint_to_cpu = load
    try:
        yield
    finally:
        checkpoint_utils.load_checkpoint_to_cpu = stock
