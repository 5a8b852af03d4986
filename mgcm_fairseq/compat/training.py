"""How a training begins, runs and ends: checks, workers on CPUs, gradients that are not finite."""

from typing import Any, NoReturn

import torch


def let_tasks_check_trainings() -> None:
    """Has fairseq's trainer show a task with a method `check_training` the whole configuration before it begins.

    fairseq shows a task its own options and the model's. Whether there is the metric that it saves by, it finds out
    once it has validated.
    """
    from fairseq.trainer import Trainer

    stock = Trainer.__init__
    if getattr(stock, "checks_training", False):
        return

    def init(self: Any, cfg: Any, task: Any, *args: Any, **kwargs: Any) -> None:
        stock(self, cfg, task, *args, **kwargs)
        if hasattr(task, "check_training"):
            task.check_training(self.cfg)

    init.checks_training = True  # type: ignore[attr-defined]  # a mark, by which a second call sees that it is done
    Trainer.__init__ = init


def end_a_training_that_is_finished() -> None:
    """Has fairseq leave a training that has all of its updates as it is.

    It makes one more update whenever the command of a finished training is given again, and writes the checkpoint anew.
    """
    import fairseq_cli.train as module  # all that it imports is imported by now

    stock = module.train
    if getattr(stock, "ends", False):
        return

    def train(cfg: Any, trainer: Any, task: Any, epoch_itr: Any) -> Any:
        updates = trainer.get_num_updates()
        if 0 < (cfg.optimization.max_update or 0) <= updates:
            module.logger.info(f"{updates} of {cfg.optimization.max_update} updates are done: nothing to do")
            return [None], True
        return stock(cfg, trainer, task, epoch_itr)

    train.ends = True  # type: ignore[attr-defined]  # the same
    module.train = train


def let_ddp_run_on_cpu() -> None:
    """Makes --ddp-backend pytorch_ddp work with --cpu, for which fairseq names a device that torch then refuses."""
    from fairseq.models import distributed_fairseq_model as module

    stock = module.DistributedDataParallel
    if getattr(stock, "runs_on_cpu", False):
        return

    class DistributedDataParallel(stock):  # type: ignore[misc, valid-type]  # a base that is known at run time alone
        """torch's, without devices for a module that is on none."""

        runs_on_cpu = True

        def __init__(self, module: torch.nn.Module, **kwargs: Any) -> None:
            if not any(parameter.is_cuda for parameter in module.parameters()):
                kwargs |= {"device_ids": None, "output_device": None}
            super().__init__(module, **kwargs)

    module.DistributedDataParallel = DistributedDataParallel


def let_tasks_explain_gradients_that_are_not_finite() -> None:
    """Asks a task that can where a gradient that is not finite comes from, in place of fairseq's NanDetector.

    NanDetector repeats the step under hooks that take each module's output for a tensor or a container of tensors.
    Our network's are streams, so that training ended in a TypeError which hid the cause.
    """
    from fairseq import trainer

    stock = trainer.Trainer.train_step
    if getattr(stock, "explains", False):
        return

    class Repeated(Exception):  # noqa: N818 - no error of its own
        """Stands for NanDetector; ends the step where fairseq would repeat it."""

        def __enter__(self) -> NoReturn:
            raise self

        def __exit__(self, *error: object) -> None:
            """What a with statement asks for."""

    def train_step(self: Any, samples: list[Any], raise_oom: bool = False) -> Any:
        explain = getattr(self.task, "explain_not_finite", None)
        if explain is None:
            return stock(self, samples, raise_oom)
        detector, trainer.NanDetector = trainer.NanDetector, Repeated
        try:
            return stock(self, samples, raise_oom)
        except Repeated as repeated:
            self._set_seed()  # for the dropout that the step had
            prepared = [self._prepare_sample(sample)[0] for sample in samples]
            raise explain(prepared, self.get_model(), self.get_criterion(), self.get_num_updates(),
                          self.cfg.common.amp, str(repeated.__context__)) from repeated.__context__
        finally:
            trainer.NanDetector = detector

    train_step.explains = True  # type: ignore[attr-defined]  # the same
    trainer.Trainer.train_step = train_step
