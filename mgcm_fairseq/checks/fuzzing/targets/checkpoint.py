"""Checkpoints of our own models: as agents load them, averaged, and asked for their updates."""

from contextlib import suppress
from pathlib import Path
from random import Random

import torch

from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.checks.fuzzing.targets.systems import corpus, state
from mgcm_fairseq.checks.fuzzing.targets.weights import saved
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.vocabulary import Vocabulary
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.models.averaging import average
from mgcm_fairseq.recipes.plan import updates_of

ALONE, BESIDE = "alone.pt", "beside_its_corpus.pt"


class Checkpoint:
    """A system has every weight of the file, or the file is refused."""

    def __init__(self, shared: Path) -> None:
        self._corpus = corpus(shared / "corpus")
        self._config = CorpusConfig.read(self._corpus)
        self._state = state(self._corpus)
        self._averaged = shared / "averaged.pt"

    def draw(self, random: Random) -> Files:
        return {random.choice((ALONE, BESIDE)): saved(random, self._state)}

    def read(self, folder: Path) -> None:
        [path] = folder.iterdir()
        for other in (lambda: average([path], self._averaged), lambda: updates_of(path)):
            with suppress(InputError):
                other()
        system = load_system(path, None if path.name == ALONE else self._corpus)
        system.encode(torch.zeros(8_000))
        if path.name == BESIDE:
            same("pieces", system.vocabulary.pieces, Vocabulary.load(self._corpus, self._config).pieces)
        weights = torch.load(path, weights_only=True)["model"]
        for name, tensor in system.network.state_dict(prefix="network.").items():
            same(f"weight {name}", torch.equal(tensor, weights[name].to(tensor)), True)
