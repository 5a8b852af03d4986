"""A trained checkpoint and the vocabulary of its corpus, ready to translate."""

import pickle
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

import mgcm_fairseq.tasks  # noqa: F401 - registers the task and model that the checkpoint names
from mgcm_fairseq.agents.writing import Writing
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.data.languages import language
from mgcm_fairseq.data.vocabulary import Vocabulary
from mgcm_fairseq.modules.encoder import Memory
from mgcm_fairseq.modules.simul_st import SimulSTNetwork


@dataclass(frozen=True)
class System:
    """What an agent needs of a checkpoint."""

    network: SimulSTNetwork
    vocabulary: Vocabulary
    corpus: CorpusConfig

    @property
    def device(self) -> torch.device:
        return self.network.decoder.embedding.weight.device

    @property
    def tag(self) -> int:
        """Id of the piece that every hypothesis starts with."""
        return self.vocabulary.tag(self.corpus.tgt_lang)

    @cached_property
    def writing(self) -> Writing:
        """How the target language is written."""
        return Writing(self.vocabulary, self.vocabulary.piece_kinds(self.corpus).target, language(self.corpus.tgt_lang))

    @torch.inference_mode()
    def encode(self, waveform_N: Tensor) -> Memory:
        """Encoder states of (N,) samples at 16 kHz, as though nothing followed."""
        return self.network.encoder.utterance(waveform_N.to(self.network.decoder.embedding.weight))


def load_system(checkpoint: Path, corpus: Path | None) -> System:
    """Loads a simul_st checkpoint in evaluation mode on the CPU.

    Args:
        checkpoint: a file that fairseq-train or scripts/average_checkpoints.py wrote.
        corpus: folder with config.yaml and vocabulary; None for the one that the checkpoint was trained on.
    """
    from fairseq import checkpoint_utils  # after mgcm_fairseq.tasks, which repairs what this imports

    if not checkpoint.is_file():
        raise InputError(checkpoint, "a checkpoint", "no such file",
                         "Correct --checkpoint, or make the demo's model with scripts/demo.sh.")
    overrides = {} if corpus is None else {"data": str(corpus)}
    try:
        models, _, task = checkpoint_utils.load_model_ensemble_and_task([str(checkpoint)], arg_overrides=overrides)
    except (RuntimeError, pickle.UnpicklingError, EOFError, IndexError, KeyError) as error:
        raise InputError(checkpoint, "a checkpoint of fairseq-train", f"{type(error).__name__}: {error}".split("\n")[0],
                         "Pass a .pt file of --save-dir, or of scripts/average_checkpoints.py.") from error
    network = getattr(models[0], "network", None)
    if not isinstance(network, SimulSTNetwork):
        raise InputError(checkpoint, "a simul_st model", type(models[0]).__name__, "Train it with --arch simul_st_*.")
    return System(network.eval(), task.vocabulary, task.corpus)
