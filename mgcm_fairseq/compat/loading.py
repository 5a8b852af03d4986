"""Checkpoints are loaded without running code, and what is wrong with one is said."""

import logging
import pickle
import re
import types
import typing
import zipfile
from argparse import Namespace
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from mgcm_fairseq.common.errors import InputError


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


def allow_fairseq_checkpoints() -> None:
    """Lets torch.load read the configurations in fairseq's checkpoints without running code.

    Since torch 2.6 it refuses every class that it does not know. Old checkpoints hold their options as a Namespace,
    some newer ones as an omegaconf object. Those of a model with a configuration dataclass, as ours, hold plain
    dictionaries and load as they are. A resumed training of several workers sends the checkpoint from the first to the
    others with a class of fairseq's in place of each tensor. A published HuBERT holds the Dictionary of its targets.
    """
    from fairseq.data.dictionary import Dictionary
    from fairseq.distributed.utils import _TensorPlaceholder
    from omegaconf import ListConfig
    from omegaconf.base import ContainerMetadata, Metadata
    from omegaconf.nodes import AnyNode

    containers = [DictConfig, ListConfig, AnyNode, ContainerMetadata, Metadata, typing.Any]
    torch.serialization.add_safe_globals([Namespace, *containers, _TensorPlaceholder, Dictionary, defaultdict, dict,
                                          list, int])


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


def _load(file: Any, name: str | Path, *args: Any, **options: Any) -> Any:
    try:
        return torch.load(file, *args, **options)
    except Exception as error:  # bytes that are no checkpoint fail in any way
        refused = re.search(r"GLOBAL (\S+)", str(error)) if isinstance(error, pickle.UnpicklingError) else None
        if refused:
            raise InputError(name, "a checkpoint of weights and plain configuration",
                             f"the Python object {refused[1]}, which may run code when it is loaded",
                             "Get one without it. A wav2vec 2.0 or HuBERT file whose maker you trust loads with "
                             "trust=True (fairseq-train: --w2v-trust).") from error
        reason = re.search(r"WeightsUnpickler error:\s*(.+)", str(error))  # behind advice to load it all the same
        summary = f"{type(error).__name__}: {reason[1] if reason else error}".splitlines()[0]
        raise InputError(name, "a complete PyTorch checkpoint", summary, "Copy or download it again.") from error
