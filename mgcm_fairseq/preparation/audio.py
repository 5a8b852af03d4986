"""Where the sound of a split's files is: where it lies, or in wavs that are made from it; verified either way."""

import os
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.preparation.headers import Unusable, read_headers
from mgcm_fairseq.preparation.packs import LONGEST, Pack, WavSpan, remove_finished, remove_partial, write_pack
from mgcm_fairseq.preparation.parallel import ProcessPool
from mgcm_fairseq.preparation.store import Store

_HEADERS = 128  # in one job


def verify_headers(store: Store, split: str, pack: bool, processes: ProcessPool) -> None:
    """Locates every file that is usable as it lies, or not at all; the others, with `pack` all, are to be converted."""
    asked = store.files()  # a second time, for results come in the same order
    with tqdm(total=store.count_files(), desc=f"{split}: headers", unit=" files") as bar:
        for headers in processes.in_order(partial(read_headers, pack=pack), _chunks(store.files())):
            for path, header in zip(islice(asked, len(headers)), headers, strict=True):
                if isinstance(header, Unusable):
                    store.locate(path, header)
                elif header.ready and not pack:
                    store.locate(path, WavSpan(path, 0, header.length))
                else:
                    store.convert(path, header.length)
            bar.update(len(headers))


def convert(store: Store, folder: Path, together: bool, processes: ProcessPool) -> list[Path]:
    """Locates every file that is to be converted, in wavs in `folder`; returns these wavs.

    Finished wavs of an earlier run are kept, what is of no use any more is removed.

    Args:
        together: several files in a wav, up to an hour; else each in one of its own.
    """
    refuse_inside(folder, store.files())
    folder.mkdir(parents=True, exist_ok=True)
    remove_partial(folder)
    made = []
    packs = _plan(store.to_convert(), folder, together)
    with tqdm(total=store.count_to_convert(), desc=f"{folder.name}: converting", unit=" files") as bar:
        for job, spans in zip(_plan(store.to_convert(), folder, together), processes.in_order(write_pack, packs),
                               strict=True):
            made.append(job.wav)
            for source, span in zip(job.sources, spans, strict=True):
                store.locate(source, span)
            bar.update(len(spans))
    remove_finished(folder, made)
    return made


def forget_converted(folder: Path, store: Store) -> None:
    """Removes wavs that an earlier run made there, where the split now takes none of them."""
    if folder.is_dir() and _inside(folder, store.files()) is None:
        remove_partial(folder)
        remove_finished(folder, [])


def refuse_inside(folder: Path, files: Iterable[str]) -> None:
    """InputError if one of the files lies where wavs are written and removed."""
    if path := _inside(folder, files):
        raise InputError("--out", f"a folder whose {folder.parent.name}/{folder.name} is free for new audio", path,
                         "Choose another.")


def _inside(folder: Path, files: Iterable[str]) -> str | None:
    own, seen = folder.resolve(), None
    for path in files:
        parent = os.path.dirname(path)
        if parent != seen and Path(parent).resolve().is_relative_to(own):
            return path
        seen = parent
    return None


def _plan(files: Iterable[tuple[str, int]], folder: Path, together: bool) -> Iterator[Pack]:
    """Packs of files in order, by the samples that their headers promise."""
    if not together:
        for path, _ in files:
            name = Path(path).name
            yield Pack(folder / (name if name.endswith(".wav") else f"{name}.wav"), [path])
        return
    sources: list[str] = []
    length = number = 0
    for path, promised in files:
        if sources and length + promised > LONGEST:
            yield Pack(folder / f"pack_{number:05d}.wav", sources)
            sources, length, number = [], 0, number + 1
        sources.append(path)
        length += promised
    if sources:
        yield Pack(folder / f"pack_{number:05d}.wav", sources)


def _chunks(paths: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(paths, _HEADERS)):
        yield chunk
