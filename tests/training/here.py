"""fairseq-train in this process, which saves the imports of a new one."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from fairseq import checkpoint_utils, options
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq_cli import train
from omegaconf import DictConfig

import mgcm_fairseq.tasks  # noqa: F401 - registers what the options name
from tests.fixtures import training_command

SMALL = ("--model-dim", "16", "--ffn-dim", "24", "--attention-heads", "2", "--encoder-layers", "1", "--decoder-layers",
         "1", "--max-tokens", "160000", "--no-progress-bar")


def config(corpus: Path, folder: Path, updates: int, *more: str) -> DictConfig:
    """What fairseq-train makes of the command line for a small model."""
    command = training_command(corpus, folder, updates, *SMALL, *more)
    parsed = options.parse_args_and_arch(options.get_training_parser(), command[1:])
    return convert_namespace_to_omegaconf(parsed)


def train_here(corpus: Path, folder: Path, updates: int, *more: str) -> Path:
    """Trains, as though in a new process; the last checkpoint."""
    with as_new():
        train.main(config(corpus, folder, updates, *more))
    return folder / "checkpoint_last.pt"


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Of a checkpoint."""
    return torch.load(checkpoint)["model"]  # type: ignore[no-any-return]  # what a file holds has no type


@contextmanager
def as_new() -> Iterator[None]:
    """fairseq keeps the best score in attributes of two functions."""
    functions = (checkpoint_utils.save_checkpoint, train.should_stop_early)
    for function in functions:
        _forget(function)
    hook = sys.excepthook
    try:
        yield
    finally:
        sys.excepthook = hook
        for function in functions:
            _forget(function)


def _forget(function: Callable[..., object]) -> None:
    for name in ("best", "num_runs"):
        vars(function).pop(name, None)
