"""What SimulEval reads: one wav per utterance, a list of their paths and a list of references in the same order."""

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import soundfile
from tqdm import tqdm

from mgcm_fairseq.common.program import command
from mgcm_fairseq.common.read_text import read_text
from mgcm_fairseq.common.whole import room_in, write_whole
from mgcm_fairseq.data.audio import SAMPLE_RATE, AudioSpan
from mgcm_fairseq.data.manifest import Utterance


def write_lists(folder: Path, split: str, utterances: Sequence[Utterance], threads: int = 2) -> list[Path]:
    """Writes folder/SPLIT/ID.wav, folder/SPLIT.source and folder/SPLIT.target; returns every file written.

    Paths in the list are absolute because SimulEval looks relative ones up in the folder where it was started.
    Wavs of an earlier preparation are removed.
    """
    wavs, partial = folder / split, folder / f"{split}.tmp"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    names = [f"{utterance.id}.wav" for utterance in utterances]
    with room_in(partial, wavs), ThreadPoolExecutor(threads) as pool:
        jobs = pool.map(lambda name, utterance: _cut(utterance.audio, partial / name), names, utterances)
        for _ in tqdm(jobs, desc=f"{split}: SimulEval wavs", total=len(names)):
            pass
    shutil.rmtree(wavs, ignore_errors=True)
    partial.rename(wavs)
    paths = [wavs / name for name in names]
    source, target = folder / f"{split}.source", folder / f"{split}.target"
    write_whole(source, "".join(f"{path.resolve()}\n" for path in paths))
    write_whole(target, "".join(f"{utterance.tgt_text}\n" for utterance in utterances))
    return [*paths, source, target]


def read_list(path: Path) -> list[str]:
    """The wavs in a list, whose names may hold any character that ends no line there; InputError if it is not utf-8."""
    text = read_text(path, f"Save the list in utf-8, or write it with {command('prepare')}.")
    return text.removesuffix("\n").split("\n")


def _cut(span: AudioSpan, path: Path) -> None:
    """Copies the span sample by sample: 16-bit stays 16-bit, since floats would be rounded on their way back."""
    if soundfile.info(span.path).subtype == "PCM_16":
        samples, _ = soundfile.read(span.path, start=span.offset, frames=span.length, dtype="int16")
        soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
    else:
        soundfile.write(path, span.read(), SAMPLE_RATE, subtype="FLOAT")
