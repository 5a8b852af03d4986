"""A trained checkpoint with the vocabulary that it carries, ready to translate."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

import mgcm_fairseq.tasks  # noqa: F401 - registers the task and model that the checkpoint names
from mgcm_fairseq.common.device import check_device
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import in_clone
from mgcm_fairseq.common.program import command
from mgcm_fairseq.compat import load_checkpoint
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.corpus_record import CorpusRecord
from mgcm_fairseq.data.languages import language
from mgcm_fairseq.data.vocabulary import Vocabulary
from mgcm_fairseq.data.windows import Windows
from mgcm_fairseq.decoding.writing import Writing
from mgcm_fairseq.modules.schedule import Phase
from mgcm_fairseq.modules.simul_st import SimulSTNetwork
from mgcm_fairseq.modules.source import Memory

_OTHER_CHECKPOINT = f"Pass a .pt file of --save-dir, or of {command('average')}."


@dataclass(frozen=True)
class System:
    """What an agent needs of a checkpoint."""

    network: SimulSTNetwork
    phase: Phase  # in which it was trained last, for every pass through it
    vocabulary: Vocabulary
    record: CorpusRecord
    longest: int  # samples at 16 kHz of the longest utterance that it was trained on, or could be
    on_windows: bool = False  # whether it was trained on windows that can hold more than one utterance
    source_lang: str = ""  # that is spoken; "" while nobody has said which, of a model that knows several

    @property
    def corpus(self) -> CorpusConfig:
        """The languages of the checkpoint's corpus."""
        return self.record.config

    def hearing(self, source_lang: str | None) -> "System":
        """The same for speech in a language; None for the one that was said before, or the only one that it knows.

        InputError for a language that it does not know, and for none where it knows several.
        """
        source = self.corpus.source((self.source_lang or None) if source_lang is None else source_lang)
        return self if source == self.source_lang else replace(self, source_lang=source)

    def on(self, device: str, dtype: torch.dtype = torch.float32) -> "System":
        """Moves the network to a device and a precision, and returns this system.

        InputError for a GPU that torch does not see.
        """
        check_device(device)
        self.network.to(device=device, dtype=dtype)
        return self

    @property
    def language(self) -> Tensor | None:
        """(1,) the rank of the language that is spoken, as the network is told it; None where it knows one alone."""
        known = self.corpus.src_langs
        if len(known) == 1:
            return None
        return torch.tensor([known.index(self.corpus.source(self.source_lang or None))], device=self.device)

    @property
    def device(self) -> torch.device:
        return self.network.decoder.embedding.weight.device

    @property
    def tag(self) -> int:
        """Id of the piece that every hypothesis starts with."""
        return self.vocabulary.tag(self.corpus.tgt_lang)

    @property
    def frame_ms(self) -> float:
        """Between two encoder frames."""
        return self.network.encoder.frame_samples * 1000 / SAMPLE_RATE

    @property
    def forgets(self) -> bool:
        """Whether it can forget speech that was translated while it goes on to hear."""
        return self.phase.segmented and bool(self.network.encoder.front_end.block)

    @property
    def ends_sentences(self) -> bool:
        """Whether it finds itself where a sentence of a talk ends, if nothing else is to."""
        return self.on_windows and self.forgets

    @property
    def missing_bounds(self) -> list[str]:
        """Options of training that it lacks for every second of a talk to cost the same and look as in training."""
        encoder = self.network.encoder
        given = {"--front-end-history": getattr(encoder.front_end, "history", True),  # one without attention needs none
                 "--encoder-history": encoder.segmenting.history, "--longest-segment": encoder.segmenting.longest,
                 "--rotary": encoder.rotary is not None}
        return [option for option, value in given.items() if not value]

    @cached_property
    def writing(self) -> Writing:
        """How the target language is written."""
        return Writing(self.vocabulary, self.vocabulary.piece_kinds(self.corpus).target, language(self.corpus.tgt_lang))

    @torch.inference_mode()
    def encode(self, waveform_N: Tensor) -> Memory:
        """Encoder states of (N,) samples at 16 kHz, as though nothing followed."""
        samples_N = waveform_N.to(self.network.decoder.embedding.weight)
        return self.network.encoder.utterance(samples_N, self.phase, self.language)


class Trained(NamedTuple):
    """A checkpoint's model on the CPU, with the task and the configuration that it was trained with."""

    model: Any
    task: Any
    record: CorpusRecord
    cfg: Any


def load_system(checkpoint: Path, corpus: Path | None) -> System:
    """Loads a simul_st checkpoint in evaluation mode on the CPU.

    Args:
        checkpoint: a file that fairseq-train or mgcm-average wrote.
        corpus: folder with config.yaml and vocabulary, which must be the checkpoint's. None for what the checkpoint
            carries inside; or, where it is too old to carry any, for the folder that it was trained on.
    """
    model, task, record, _ = load_trained(checkpoint, corpus)
    network = model.network
    phase = model.trained_phase.at_test()
    known, on_windows = record.config.src_langs, record.on_windows
    if on_windows is None:  # of an older checkpoint
        windows = Windows.parse(task.cfg.windows, task.cfg.seed)
        on_windows = windows is not None and windows.hold_several(windows.first_epoch)
    return System(network.eval(), phase, task.vocabulary, record, record.longest or task.cfg.max_source_samples,
                  on_windows, known[0] if len(known) == 1 else "")


def load_trained(checkpoint: Path, corpus: Path | None) -> Trained:
    """The same as fairseq's objects, for who goes on to take gradients."""
    from fairseq import checkpoint_utils, tasks  # after mgcm_fairseq.tasks, which repairs what this imports

    _check_is_there(checkpoint)
    try:
        state = checkpoint_utils.load_checkpoint_to_cpu(str(checkpoint))
        record = _record(state, checkpoint, corpus)
        task = tasks.setup_task(state["cfg"].task, from_checkpoint=True, record=record)
        task.check_checkpoint(state.get("task_state", {}), checkpoint)
        models, _, _ = checkpoint_utils.load_model_ensemble_and_task([str(checkpoint)], task=task, state=state)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # of a configuration or of weights that were changed, which fail in any way
        raise InputError(checkpoint, "a checkpoint of fairseq-train", f"{type(error).__name__}: {error}".split("\n")[0],
                         _OTHER_CHECKPOINT) from error
    for name, weight in models[0].network.named_parameters():
        if not torch.isfinite(weight).all():
            raise InputError(checkpoint, "weights that are numbers", f"NaN or infinity in {name}",
                             "Take another copy of it, or an earlier checkpoint.")
    return Trained(models[0], task, record, state["cfg"])


def record_of(checkpoint: Path, corpus: Path | None) -> CorpusRecord:
    """Languages and vocabulary that `load_system` would take, without the weights."""
    _check_is_there(checkpoint)
    return _record(load_checkpoint(checkpoint, mmap=True), checkpoint, corpus)


def trained_on(checkpoint: Path) -> Path:
    """The folder of the corpus that a checkpoint was trained on, wherever that is now."""
    _check_is_there(checkpoint)
    return Path(_task(load_checkpoint(checkpoint, mmap=True), checkpoint)["data"])


def is_open(folder: Path) -> bool:
    """Whether it is a folder that this user may enter. Never a PermissionError, also where one above it is closed."""
    return os.path.isdir(folder) and os.access(folder, os.X_OK)


def _check_is_there(checkpoint: Path) -> None:
    if not os.path.isfile(checkpoint):
        raise InputError(checkpoint, "a checkpoint", "no such file",
                         "Correct --checkpoint, or make the demo's model with scripts/demo.sh." if in_clone()
                         else "Correct --checkpoint.")


def _record(state: Mapping[str, Any], checkpoint: Path, corpus: Path | None) -> CorpusRecord:
    task = _task(state, checkpoint)
    kept = CorpusRecord.of_state(state.get("task_state", {}), checkpoint)
    if kept is None:
        folder = corpus or Path(task["data"])
        if not is_open(folder):
            raise InputError(checkpoint, "a checkpoint with its vocabulary inside, or its corpus",
                             f"an older checkpoint, and {folder}, which is not there or closed to you",
                             "Pass --corpus with the folder that it was trained on.")
        return CorpusRecord.read(folder)
    if corpus is not None:
        kept.check_same(CorpusRecord.read(corpus))
    return kept


def _task(state: Mapping[str, Any], checkpoint: Path) -> Mapping[str, Any]:
    """The task's part of a checkpoint's configuration."""
    cfg = state.get("cfg")
    task = cfg.get("task") if isinstance(cfg, Mapping) else None
    name = task.get("_name") if isinstance(task, Mapping) else None
    if task is None or name != "simul_st":
        raise InputError(checkpoint, "a checkpoint of fairseq-train --task simul_st",
                         f"the task {name} and the keys {sorted(map(str, state))}", _OTHER_CHECKPOINT)
    return task  # type: ignore[no-any-return]  # fairseq's tasks have no types
