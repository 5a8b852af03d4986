"""Every repair of the software stack, in one place: `install()` applies those that this machine needs.

Each repair is a function with its reason; tests/test_compat.py shows each fault without it, so that a test fails once
the repair can go.
"""

import importlib
import io
import logging
import os
import pickle
import re
import sys
import types
import typing
import warnings
import zipfile
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import dropwhile
from pathlib import Path
from typing import Any, NoReturn

import torch
from omegaconf import DictConfig
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.data.stopping import SAID
from mgcm_fairseq.data.whole import lacks_room, whole


def install() -> None:
    """Applies every repair; a second call changes nothing. To be called before fairseq reads or writes a checkpoint."""
    keep_logging_quiet()
    silence_what_only_others_can_mend()
    end_input_errors_without_a_traceback()
    let_any_text_be_printed()
    repair_torchaudio()
    with statistics_when_used():
        import fairseq  # noqa: F401
    allow_fairseq_checkpoints()
    keep_fairseq_from_running_checkpoints()
    save_checkpoints_whole()
    make_checkpoint_copies_whole()
    let_tasks_resume()
    let_tasks_check_trainings()
    end_a_training_that_is_finished()
    let_ddp_run_on_cpu()
    keep_attention_from_compiling()
    let_bf16_do_without_a_tpu()
    take_one_precision()
    name_optimizers_that_need_fp32_copies()
    let_tasks_explain_gradients_that_are_not_finite()
    save_no_checkpoint_for_input_errors()


def keep_logging_quiet() -> None:
    """Keeps other libraries from telling each of their steps.

    Importing fairseq's models sets the level of everything to DEBUG, unless logging was set up before, as fairseq's own
    programs do.
    """
    logging.basicConfig(level=logging.WARNING)


OTHERS_WARNINGS: dict[type[Warning], tuple[str, ...]] = {
    UserWarning: (
        # hydra, whose old interface fairseq reads its own options through
        "hydra.experimental", r"\s*The version_base parameter", r"\s*'config' is validated", r"\s*The strict flag",
        "In 'config': Usage of deprecated keyword",
        "'pin_memory' argument is set as true",  # fairseq asks its loaders for it on a CPU too
    ),
    FutureWarning: (
        "`torch.nn.utils.weight_norm` is deprecated",  # fairseq's wav2vec2
        r"`torch.cuda.amp.autocast\(args...\)` is deprecated",  # fairseq's train_step
        "`torch.jit.script` is deprecated",  # decorators that run when fairseq is imported; shown by torch 2.15
    ),
    DeprecationWarning: (
        r"datetime.datetime.utcfromtimestamp\(\) is deprecated",  # tqdm, as simuleval pins it, under Python 3.12
        "'audioop' is deprecated",  # pydub, which simuleval imports
        "`torch.jit.script` is deprecated",  # as above, by torch 2.13
    ),
    RuntimeWarning: ("Couldn't find ffmpeg or avconv",),  # the same; it reads mp3, which we do not
}


def silence_what_only_others_can_mend() -> None:
    """Silences exactly those warnings of other libraries that every run brings and that no user can act on."""
    for category, beginnings in OTHERS_WARNINGS.items():
        for beginning in beginnings:
            warnings.filterwarnings("ignore", beginning, category)


DIED: dict[str, str] = {
    r"DataLoader worker \(pid.*\) (is killed|exited)": "a process that loads data",
    # gloo and the store through which workers meet
    r"Connection (closed|reset) by peer|Broken pipe \[|Socket Timeout|recvBytes|Connection was likely closed|"
    r"timeout caused pair closure|"
    # NCCL
    r"remote process exit|exit of a remote peer|communicator was aborted|NCCL.* [Aa]borted|"
    r"collective operation timeout":
        "a worker of this training",
}
"""What PyTorch says once a process has died or does not answer, and which one it was."""


def end_input_errors_without_a_traceback() -> None:
    """Has fairseq's programs, which catch nothing, end with one sentence where nothing is wrong with them.

    That is: with the input, with a full disk, with a process that was killed beside them, or where their user has
    stopped them.
    """
    before = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            print(SAID, file=sys.stderr)
        elif sentence := _sentence(error):
            print(f"error: {sentence}", file=sys.stderr)
        else:
            before(kind, error, trace)

    if before.__module__ != __name__:
        sys.excepthook = show


def _sentence(error: BaseException) -> str:
    """What to say of an error in place of its traceback; empty where the traceback is needed.

    PyTorch brings an error from another process as text: fairseq's workers on one machine are processes that it
    starts, and so are those that load data.
    """
    if said := error if isinstance(error, InputError) else lacks_room(error):
        return str(said)
    if isinstance(error, ProcessExitedException):
        return _died("a worker of this training", str(error))
    if not isinstance(error, RuntimeError | ProcessRaisedException):
        return ""
    text = _without_traceback(str(error))
    if text.startswith(_INPUT_ERROR):
        return text.removeprefix(_INPUT_ERROR)
    if full := re.match(r"OSError: \[Errno (\d+)\] ([^:]*)(?:: '(.*)')?", text):
        return str(lacks_room(OSError(int(full[1]), full[2], full[3])) or "")
    return next((_died(who, text) for pattern, who in DIED.items() if re.search(pattern, text)), "")


_INPUT_ERROR = f"{InputError.__module__}.{InputError.__qualname__}: "  # as a traceback names it


def _without_traceback(text: str) -> str:
    """The error at the end of a traceback, or the text itself if it has none."""
    _, traceback, end = text.rpartition("Traceback (most recent call last):\n")
    return "\n".join(dropwhile(lambda line: line.startswith(" "), end.splitlines())) if traceback else text


def _died(who: str, text: str) -> str:
    return (f"{who} has died or does not answer, for lack of memory it may be. The same command goes on from the last "
            f"checkpoint. ({text.strip().splitlines()[0][:160]})")


def let_any_text_be_printed() -> None:
    """Has stdout and stderr take the text of any language: as UTF-8, like all files here, whatever the locale says.

    Python encodes by the locale, and fairseq prints hypotheses: in a locale of latin-1 the first Chinese one, in one of
    ASCII the first umlaut ended fairseq-generate. An encoding that PYTHONIOENCODING asks for stays; what it lacks comes
    out as \\u escapes.
    """
    asked = os.environ.get("PYTHONIOENCODING", "")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            if not asked.partition(":")[0]:
                stream.reconfigure(encoding="utf-8")
            elif stream.errors == "strict":
                stream.reconfigure(errors="backslashreplace")


def repair_torchaudio() -> None:
    """Makes `import torchaudio` work where its compiled part does not load.

    The wheels of torchaudio 2.11 link CUDA libraries, so on a CPU torch (or one for another CUDA) the import raises.
    Without the compiled part all of torchaudio works except forced_align and rnnt_loss.
    """
    if "torchaudio" in sys.modules:
        return
    try:
        import torchaudio
    except (OSError, RuntimeError) as error:
        sys.modules["torchaudio._extension"] = _without_extension(str(error))
        import torchaudio  # noqa: F401


def _without_extension(reason: str) -> types.ModuleType:
    """What the Python part of torchaudio imports from torchaudio._extension."""

    def fail_if_no_align(function: Callable[..., Any]) -> Callable[..., NoReturn]:
        def fail(*args: Any, **kwargs: Any) -> NoReturn:
            raise RuntimeError(f"torchaudio's {function.__name__} needs a compiled part that did not load: {reason}")

        return fail

    stub = types.ModuleType("torchaudio._extension", "Stands for a compiled part that does not load on this machine.")
    vars(stub).update(_IS_TORCHAUDIO_EXT_AVAILABLE=False, fail_if_no_align=fail_if_no_align)
    return stub


class _WhenUsed(types.ModuleType):
    """Stands for a module. Its functions import the module when they are called."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return getattr(importlib.import_module(self.__name__), name)(*args, **kwargs)

        return call


@contextmanager
def statistics_when_used() -> Iterator[None]:
    """Around the first import of fairseq: keeps it from importing scikit-learn, pandas and scipy.stats.

    Each program of fairseq imports all of its tasks and criteria, two of which name five functions for scores of
    classification. They took a third of the time of all imports.
    """
    later = [name for name in ("sklearn", "sklearn.metrics", "scipy.stats") if name not in sys.modules]
    stand_ins = {name: _WhenUsed(name) for name in later}
    if "sklearn" in stand_ins:
        vars(stand_ins["sklearn"])["metrics"] = stand_ins["sklearn.metrics"]
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in later:
            del sys.modules[name]


def allow_fairseq_checkpoints() -> None:
    """Lets torch.load read the configurations in fairseq's checkpoints without running code.

    Since torch 2.6 it refuses every class that it does not know. Old checkpoints hold their options as a Namespace,
    some newer ones as an omegaconf object. Those of a model with a configuration dataclass, as ours, hold plain
    dictionaries and load as they are. A resumed training of several workers sends the checkpoint from the first to the
    others with a class of fairseq's in place of each tensor.
    """
    from fairseq.distributed.utils import _TensorPlaceholder
    from omegaconf import ListConfig
    from omegaconf.base import ContainerMetadata, Metadata
    from omegaconf.nodes import AnyNode

    containers = [DictConfig, ListConfig, AnyNode, ContainerMetadata, Metadata, typing.Any]
    torch.serialization.add_safe_globals([Namespace, *containers, _TensorPlaceholder, defaultdict, dict, list, int])


class _OnlyWeights(types.ModuleType):
    """torch as a module of fairseq's sees it: its `load` never runs code, whatever the environment asks for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def load(self, file: Any, *args: Any, **options: Any) -> Any:
        return _load(file, getattr(file, "name", "a checkpoint"), *args, **options | {"weights_only": True})


def keep_fairseq_from_running_checkpoints() -> None:
    """Has fairseq load checkpoints with the list of harmless classes alone, and say what is wrong with one.

    It calls torch.load without saying how, and TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 then makes that run code.
    """
    from fairseq import checkpoint_utils
    from fairseq.distributed import utils

    for module in (checkpoint_utils, utils):
        if not isinstance(module.torch, _OnlyWeights):
            module.torch = _OnlyWeights("torch")


def save_checkpoints_whole() -> None:
    """Has a checkpoint that finds no room end the training with one sentence, and leave none of itself behind.

    fairseq tries three times and writes each time behind what the time before has left, so that a checkpoint for which
    there was room in the end has a torn one in front, and torch.load refuses it. If there was none, the torn file stays
    on the full disk.
    """
    from fairseq import checkpoint_utils
    from fairseq.file_io import PathManager

    stock_save = checkpoint_utils.torch_persistent_save
    if getattr(stock_save, "whole", False):
        return

    def save(obj: Any, filename: str, async_write: bool = False) -> None:
        if async_write or not PathManager.supports_rename(filename):
            stock_save(obj, filename, async_write)
            return
        with whole(Path(filename), _size_of_tensors(obj)) as partial, partial.open("wb") as file:
            torch.save(obj, file)

    save.whole = True  # type: ignore[attr-defined]  # a mark, by which a second call sees that it is done
    checkpoint_utils.torch_persistent_save = save


def _size_of_tensors(state: Any) -> int:
    """Bytes."""
    if isinstance(state, torch.Tensor):
        return state.nbytes
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return sum(map(_size_of_tensors, parts))


def make_checkpoint_copies_whole() -> None:
    """Makes fairseq copy a checkpoint whole or not at all.

    It writes checkpoint_EPOCH_UPDATE.pt through a temporary file, but checkpoint_last.pt by copying onto the old one: a
    process killed while it copies leaves a torn file from which training cannot resume.
    """
    from fairseq.file_io import PathManager

    if getattr(PathManager.copy, "whole", False):
        return
    stock_copy = PathManager.copy

    def copy(src_path: str, dst_path: str, overwrite: bool = False) -> bool:
        if not (overwrite and PathManager.supports_rename(dst_path)):
            return stock_copy(src_path, dst_path, overwrite)
        with whole(Path(dst_path), os.stat(src_path).st_size) as partial:
            stock_copy(src_path, str(partial), overwrite=True)
        return True

    copy.whole = True  # type: ignore[attr-defined]  # the same
    PathManager.copy = staticmethod(copy)


def let_tasks_resume() -> None:
    """Has fairseq's trainer ask a task with a method `resume` what a training may take over from a checkpoint.

    fairseq writes the task's state into every checkpoint, but reads it in generation only, never when training resumes.
    It compares neither the options of the two trainings nor the names of their parameters: the optimizer gets its state
    back by position, and the best score so far, whatever metric it was of.
    """
    from fairseq.trainer import Trainer

    stock_load = Trainer.load_checkpoint
    if getattr(stock_load, "resumes_task", False):
        return

    def load(self: Any, filename: str, reset_optimizer: bool = False, reset_lr_scheduler: bool = False, *args: Any,
             **kwargs: Any) -> Any:
        if not Path(filename).is_file() or not hasattr(self.task, "resume"):
            return stock_load(self, filename, reset_optimizer, reset_lr_scheduler, *args, **kwargs)
        taken = self.task.resume(_contents(self, filename), self.cfg, self.get_model(), self.get_criterion(),
                                 reset_optimizer, reset_lr_scheduler)
        with _optimizer_state_in_order(taken.order):
            extra_state = stock_load(self, filename, reset_optimizer, reset_lr_scheduler, *args, **kwargs)
        if not taken.best:
            extra_state.pop("best", None)
        return extra_state

    load.resumes_task = True  # type: ignore[attr-defined]  # the same
    Trainer.load_checkpoint = load


def _contents(trainer: Any, filename: str) -> dict[str, Any]:
    """What a checkpoint says of its training, the shapes of its weights in their place, the same on all workers.

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
    history = state["optimizer_history"][-1] if state["optimizer_history"] else {}
    if not isinstance(history, dict):
        found = f"a {type(history).__name__} in its optimizer_history"
        raise InputError(filename, _BY_FAIRSEQ, found, _OTHER_CHECKPOINT)
    groups = (state.get("last_optimizer_state") or {}).get("param_groups", [])
    return {"path": filename, "cfg": state.get("cfg"), "history": history,
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

    init.checks_training = True  # type: ignore[attr-defined]  # the same
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

    class DistributedDataParallel(stock):  # type: ignore[misc, valid-type]
        """torch's, without devices for a module that is on none."""

        runs_on_cpu = True

        def __init__(self, module: torch.nn.Module, **kwargs: Any) -> None:
            if not any(parameter.is_cuda for parameter in module.parameters()):
                kwargs |= {"device_ids": None, "output_device": None}
            super().__init__(module, **kwargs)

    module.DistributedDataParallel = DistributedDataParallel


def keep_attention_from_compiling() -> None:
    """Keeps PyTorch from computing attention with cuDNN, which compiles a kernel for every shape that it has not met.

    In half precision on a Hopper GPU PyTorch prefers it to its own kernels. On an H200 in fp16 the first training step
    of a new length took 1.0 s with it and 0.2 s without, where a step of a known length takes 0.1 s.
    """
    torch.backends.cuda.enable_cudnn_sdp(False)


def let_bf16_do_without_a_tpu() -> None:
    """Lets --bf16 train on a GPU or a CPU: fairseq-train takes it for a wish to use a TPU, and fails without torch_xla.

    fairseq-hydra-train knows no such rule. Where torch_xla is installed, --bf16 goes on meaning a TPU.
    """
    from fairseq import options

    stock = options.parse_args_and_arch
    if getattr(stock, "without_tpu", False) or find_spec("torch_xla") is not None:
        return

    def parse(parser: Any, input_args: Any = None, *args: Any, **kwargs: Any) -> Any:
        if "--tpu" in (sys.argv[1:] if input_args is None else input_args):
            raise InputError("--tpu", "the package torch_xla", "none", "Install it, or leave --tpu out.")
        parsed = stock(parser, input_args, *args, **kwargs)
        namespace = parsed[0] if isinstance(parsed, tuple) else parsed
        namespace.tpu = False
        return parsed

    parse.without_tpu = True  # type: ignore[attr-defined]  # the same
    options.parse_args_and_arch = parse


def take_one_precision() -> None:
    """Has fairseq's trainer refuse two kinds of half precision, and take --memory-efficient-fp16 to mean --fp16.

    fairseq-train looks at neither bf16 beside fp16 nor --amp beside bf16, and would train in a mixture without scaling
    its loss. fairseq-hydra-train, given memory_efficient_bf16 alone, would train in fp32.
    """
    from fairseq.trainer import Trainer

    stock = Trainer.__init__
    if getattr(stock, "one_precision", False):
        return

    def init(self: Any, cfg: Any, *args: Any, **kwargs: Any) -> None:
        common = getattr(cfg, "common", None)  # a Namespace has none; fairseq-train makes it a configuration first
        if common is not None:
            for name in ("fp16", "bf16"):
                common[name] = common[name] or common[f"memory_efficient_{name}"]
            chosen = [name for name in ("fp16", "bf16", "amp") if common[name]]
            if len(chosen) > 1:
                raise InputError("common", "one of fp16, bf16 and amp", " and ".join(chosen), "Switch the others off.")
            _check_without_a_gpu(common)
        stock(self, cfg, *args, **kwargs)

    vars(init).update(vars(stock), one_precision=True)
    Trainer.__init__ = init


def _check_without_a_gpu(common: Any) -> None:
    """What half precision does where there is none: fairseq says nothing, or ends in the middle of CUDA."""
    if torch.cuda.is_available() and not common.cpu:
        return
    if common.fp16 and not (common.fp16_no_flatten_grads or common.memory_efficient_fp16):
        raise InputError("--fp16", "--fp16-no-flatten-grads beside it where there is no GPU", "none",
                         "Add it (common.fp16_no_flatten_grads=true), or use --bf16.")
    if common.amp:
        logging.getLogger(__name__).warning("--amp needs a GPU: without one this training is in fp32")


def name_optimizers_that_need_fp32_copies() -> None:
    """Has fairseq say which option to leave out where an optimizer cannot do without fp32 copies of the weights."""
    from fairseq.optim import MemoryEfficientFP16Optimizer

    stock = MemoryEfficientFP16Optimizer.build_optimizer.__func__
    if getattr(stock, "names_options", False):
        return

    def build(cls: Any, cfg: Any, params: Any, **kwargs: Any) -> Any:
        try:
            return stock(cls, cfg, params, **kwargs)
        except ValueError as error:
            if not str(error).startswith("Unsupported optimizer"):
                raise
            raise InputError("--optimizer", "one that needs no fp32 copies of the weights, such as adam or adafactor",
                             cfg.optimizer._name, "Leave out --memory-efficient-fp16 and --memory-efficient-bf16."
                             ) from error

    build.names_options = True  # type: ignore[attr-defined]  # the same
    MemoryEfficientFP16Optimizer.build_optimizer = classmethod(build)


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


def save_no_checkpoint_for_input_errors() -> None:
    """Keeps fairseq from writing all weights to crash.pt where the input ended the training, and no number did."""
    from fairseq.trainer import Trainer

    stock = Trainer.save_checkpoint
    if getattr(stock, "but_for_input_errors", False):
        return

    def save(self: Any, filename: str, extra_state: dict[str, Any]) -> str | None:
        saved: str | None = None if isinstance(sys.exception(), InputError) else stock(self, filename, extra_state)
        return saved

    save.but_for_input_errors = True  # type: ignore[attr-defined]  # the same
    Trainer.save_checkpoint = save


def load_checkpoint(path: Path, trust: bool = False, mmap: bool = False) -> dict[str, Any]:
    """A checkpoint on the CPU, as torch.save wrote it.

    Args:
        path: a file that fairseq, or anything else in PyTorch, wrote.
        trust: load classes that are not on the list of harmless ones; whatever code the file holds then runs.
        mmap: leave weights in the file until they are used.

    Raises:
        InputError: the file is torn or no checkpoint, or holds such a class and `trust` is False.
    """
    allow_fairseq_checkpoints()
    if trust:
        logging.getLogger(__name__).warning("%s is loaded without the list of harmless classes: code in it runs", path)
    state = _load(path, path, map_location="cpu", weights_only=not trust, mmap=mmap and zipfile.is_zipfile(path))
    if not isinstance(state, dict):
        raise InputError(path, "a checkpoint with named parts", f"a {type(state).__name__}", "Pass a file by fairseq.")
    return state


def _load(file: Any, name: str | Path, *args: Any, **options: Any) -> Any:
    try:
        return torch.load(file, *args, **options)
    except Exception as error:  # bytes that are no checkpoint fail in any way
        refused = re.search(r"GLOBAL (\S+)", str(error)) if isinstance(error, pickle.UnpicklingError) else None
        if refused:
            raise InputError(name, "a checkpoint of weights and plain configuration",
                             f"the Python object {refused[1]}, which may run code when it is loaded",
                             "Get one without it. A wav2vec 2.0 file whose maker you trust loads with trust=True "
                             "(fairseq-train: --w2v-trust).") from error
        reason = re.search(r"WeightsUnpickler error:\s*(.+)", str(error))  # behind advice to load it all the same
        summary = f"{type(error).__name__}: {reason[1] if reason else error}".splitlines()[0]
        raise InputError(name, "a complete PyTorch checkpoint", summary, "Copy or download it again.") from error
