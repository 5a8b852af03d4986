"""From a checkpoint and a corpus to Gramians of the languages' gradients: spread over processes, resumable, the same
for any number of them.

Each batch's gradients go to a file of their own, whole or not at all. Each file, and each parameter's Gramian, is made
by one process on one thread, so that sums have one order. The files are removed once the Gramians are there.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.lock import await_helpers, locked
from mgcm_fairseq.common.program import command
from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.common.threads import one_thread
from mgcm_fairseq.common.whole import whole, write_whole
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.corpus_record import fingerprint
from mgcm_fairseq.data.dataset import SpeechTranslationDataset
from mgcm_fairseq.data.language_batches import drawn, paired
from mgcm_fairseq.decoding.system import load_trained
from mgcm_fairseq.preparation.parallel import ProcessPool
from mgcm_fairseq.training.capture import Capture, StoredGradient, ffns, gramian, of_units, unit_sums

FORMAT = 1  # raise it when the files written here change
KIND = "capture"
T = TypeVar("T")
R = TypeVar("R")


class Setup(NamedTuple):
    """What a capture is of."""

    checkpoint: Path
    corpus: Path  # prepared
    batches: int  # of each language
    utterances: int  # of each batch
    seed: int  # by which batches are drawn
    sketched: bool  # see `Capture`
    paired: str  # a split with the same sentences in every language, of which as many batches are captured; "" for none


@dataclass(frozen=True)
class Captured:
    """N modules, F FFNs of the encoder, L languages, B = L K batches, H hidden units."""

    checkpoint: str  # sha256
    preparation: str  # fingerprint of the training manifest
    languages: list[str]
    modules: list[str]
    places: list[tuple[str, str]]  # layer and component of each module
    gramians: Tensor  # (N, B, B) float64, as all
    ffns: list[str]
    of_ffns: Tensor  # (F, B, B) of each FFN's hidden units; the output bias, which never goes private, is not in it
    dots: list[Tensor]  # of each FFN (H, L, L), of odd batches: see `unit_sums`
    own: list[Tensor]  # (H, L)
    of_pairs: Tensor | None  # (F, B, B) as of_ffns, of paired batches


class _Opened:
    """Model and batches, the same in each process."""

    def __init__(self, setup: Setup) -> None:
        trained = load_trained(setup.checkpoint, setup.corpus)
        self.capture = Capture(trained.model, trained.task.build_criterion(trained.cfg.criterion), setup.sketched)
        self.languages = trained.record.config.src_langs
        limits = trained.task.max_positions()
        self.left_out: dict[str, int] = {}
        self._batches: list[tuple[SpeechTranslationDataset, list[int]]] = []
        for split, draw in (("train", drawn), (setup.paired, paired)):
            if split:
                utterances = Columns(setup.corpus / f"{split}.tsv")
                dataset = SpeechTranslationDataset(utterances, trained.task.vocabulary, src_langs=self.languages)
                fitting, others = dataset.filter_indices_by_size(np.arange(len(dataset)), limits)
                self.left_out[split] = len(others)
                found = draw(utterances, fitting, self.languages, setup.batches, setup.utterances, setup.seed)
                self._batches += [(dataset, indices) for indices in found]

    def __len__(self) -> int:
        return len(self._batches)

    def write(self, number: int, path: Path) -> None:
        dataset, indices = self._batches[number]
        self.capture.write(dataset.collater([dataset[index] for index in indices]), path)


_open = lru_cache(1)(_Opened)


def captured(setup: Setup, folder: Path, processes: int) -> Captured:
    """The Gramians, from `folder` as far as they are there.

    Raises:
        InputError: for a corpus of one language, a checkpoint of other languages, too few utterances, a folder of
            another capture, or too little room.
    """
    languages = CorpusConfig.read(setup.corpus).src_langs
    if len(languages) < 2:
        raise InputError(setup.corpus, "a corpus of several source languages", f"{languages[0]} alone",
                         "Prepare one with several in --src-lang.")
    with locked(folder, KIND), ProcessPool(processes, folder, KIND, [__name__]) as pool, one_thread():
        await_helpers(folder, KIND)
        known = _claim(setup, folder)
        path = folder / "gramians.pt"
        if not path.is_file():
            found = _measure(setup, folder, pool, known)
            with whole(path) as partial_path:
                torch.save({name: getattr(found, name) for name in Captured.__dataclass_fields__}, partial_path)
        for file in folder.glob("*.gradients"):  # there after a kill, too
            file.unlink()
        return Captured(**torch.load(path, weights_only=True))


def _claim(setup: Setup, folder: Path) -> dict[str, str]:
    """What identifies checkpoint and corpus; InputError if the folder holds a capture of anything else."""
    manifests = [split for split in ("train", setup.paired) if split]
    known = {"checkpoint": _sha256(setup.checkpoint),
             **{split: fingerprint(_content(setup.corpus / f"{split}.tsv")) for split in manifests}}
    record = {"format": FORMAT, **known, **{name: getattr(setup, name)
                                            for name in ("batches", "utterances", "seed", "sketched", "paired")}}
    path = folder / "capture.json"
    if path.is_file():
        found = read_json(path)
        differing = [name for name in record if not isinstance(found, dict) or found.get(name) != record[name]]
        if differing:
            raise InputError(folder, "no capture, or one of the same checkpoint, corpus and options",
                             f"one that differs in {', '.join(differing)}", "Delete it, or choose another --work.")
    else:
        write_whole(path, json.dumps(record))
    return known


def _measure(setup: Setup, folder: Path, pool: ProcessPool, known: dict[str, str]) -> Captured:
    opened = _open(setup)
    for split, count in opened.left_out.items():
        if count:
            print(f"{split}: {count} utterances are longer than the training's limits and left out", flush=True)
    files = [folder / f"{number:05}.gradients" for number in range(len(opened))]
    missing = [(number, file) for number, file in enumerate(files) if not file.is_file()]
    _check_room(folder, len(missing) * opened.capture.bytes)
    for _ in _told(pool, partial(_write, setup), missing, "gradients", " batches"):
        pass
    return _summed(opened, pool, files, setup.batches, known)


def _summed(opened: _Opened, pool: ProcessPool, files: list[Path], each: int, known: dict[str, str]) -> Captured:
    capture, languages = opened.capture, list(opened.languages)
    files, pairs = files[:each * len(languages)], files[each * len(languages):]
    modules, ffn_names = list(dict.fromkeys(kept.module for kept in capture.layout)), ffns(capture.network)
    products = _told(pool, partial(_gramian, files, capture.dtype), capture.layout, "inner products", " parameters")
    gramian_NBB = torch.zeros(len(modules), len(files), len(files), dtype=torch.float64)
    of_parameters: dict[StoredGradient, Tensor] = {}
    parts = [of_units(capture.layout, ffn_name) for ffn_name in ffn_names]
    for kept, product_BB in zip(capture.layout, products, strict=True):
        gramian_NBB[modules.index(kept.module)] += product_BB
        if any(kept in of_ffn for of_ffn in parts):
            of_parameters[kept] = product_BB
    ffn_FBB = _of_ffns(parts, of_parameters)
    odd = odd_batches(len(languages), each)
    norms_FB = ffn_FBB.diagonal(dim1=1, dim2=2).sqrt()[:, odd].tolist()
    sums = partial(_unit_sums, [files[number] for number in odd], capture.dtype, len(languages))
    found = list(_told(pool, sums, list(zip(parts, norms_FB, strict=True)), "hidden units", " FFNs"))
    of_units_alone = [kept for of_ffn in parts for kept in of_ffn]
    pair_products = _told(pool, partial(_gramian, pairs, capture.dtype), of_units_alone if pairs else [],
                          "inner products of pairs", " parameters")
    of_pairs = dict(zip(of_units_alone, pair_products, strict=False))
    return Captured(known["checkpoint"], known["train"], languages, modules,
                    [capture.places[module] for module in modules], gramian_NBB, ffn_names, ffn_FBB,
                    [dots for dots, _ in found], [own for _, own in found],
                    _of_ffns(parts, of_pairs) if pairs else None)


def odd_batches(languages: int, each: int) -> list[int]:
    """The numbers of each language's batches 1, 3, 5 ..., as `core.sharing.halves` takes them."""
    return [language * each + batch for language in range(languages) for batch in range(1, each // 2 * 2, 2)]


def _of_ffns(parts: Sequence[tuple[StoredGradient, ...]], products: Mapping[StoredGradient, Tensor]) -> Tensor:
    """(F, B, B) sums over what belongs to each FFN's hidden units."""
    return torch.stack([torch.stack([products[kept] for kept in of_ffn]).sum(0) for of_ffn in parts])


def _unit_sums(files: Sequence[Path], dtype: np.dtype[Any], languages: int,
               job: tuple[tuple[StoredGradient, ...], list[float]]) -> tuple[Tensor, Tensor]:
    with one_thread():
        return unit_sums(files, job[1], languages, dtype, job[0])


def _gramian(files: Sequence[Path], dtype: np.dtype[Any], kept: StoredGradient) -> Tensor:
    with one_thread():
        return gramian(files, dtype, kept)


def _write(setup: Setup, job: tuple[int, Path]) -> None:
    with one_thread():
        _open(setup).write(*job)


def _told(pool: ProcessPool, work: Callable[[T], R], jobs: Sequence[T], what: str, unit: str) -> Iterator[R]:
    """Results in order, with their progress on the screen."""
    return iter(tqdm(pool.in_order(work, jobs), total=len(jobs), desc=what, unit=unit, disable=not jobs))


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(folder, f"room for {needed / 1e9:.1f} GB of gradients", f"{free / 1e9:.1f} GB free",
                         "Choose a --work with more room, fewer --batches, or --sketch.")


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise InputError(path, "a checkpoint", "no such file", "Correct --checkpoint.")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _content(manifest: Path) -> bytes:
    if not manifest.is_file():
        raise InputError(manifest, "a manifest", "no such file", f"Run {command('prepare')} first.")
    return manifest.read_bytes()
