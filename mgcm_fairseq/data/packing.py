"""A copy of a prepared corpus whose audio lies in few long wavs: for disks on which many small files are slow."""

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from mgcm_fairseq.data.audio import SAMPLE_RATE, AudioSpan
from mgcm_fairseq.data.audio_files import AudioFiles
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.data.manifest import Utterance, write_manifest
from mgcm_fairseq.data.mapped_wav import FULL_SCALE

LONGEST = 16  # hours; a wav ends at 4 GiB, which is 37


def pack(corpus: Path, out: Path, hours: float) -> dict[str, int]:
    """Writes OUT with manifests, vocabulary and wavs of about `hours`; samples of more than 16 bits are rounded.

    A split's manifest is written when its audio is complete. Returns the number of utterances of each split.
    """
    config = CorpusConfig.read(corpus)
    manifests = sorted(corpus.glob("*.tsv"))
    if out.resolve() == corpus.resolve():
        raise InputError("--out", "a folder of its own", str(out), "Name another.")
    (out / "packed").mkdir(parents=True, exist_ok=True)
    counts = {}
    for manifest in manifests:
        utterances = Columns(manifest)
        counts[manifest.stem] = len(utterances)
        write_manifest(out / manifest.name, _pack_split(utterances, out / "packed", manifest.stem, hours))
    for name in (config.vocab_filename, config.spm_filename, "config.yaml"):
        shutil.copyfile(corpus / name, out / name)
    return counts


def _pack_split(utterances: Columns, folder: Path, split: str, hours: float) -> Iterator[Utterance]:
    files, number, offset = AudioFiles(), 0, 0
    wav = _start(folder, split, number)
    for index, row in enumerate(tqdm(utterances, desc=f"{split}: packing", unit=" utterances")):
        if offset > hours * 3600 * SAMPLE_RATE:
            wav.close()
            number, offset = number + 1, 0
            wav = _start(folder, split, number)
        samples = files.read(*utterances.span(index)) * FULL_SCALE
        wav.write(np.rint(samples).clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16))
        yield replace(row, audio=AudioSpan(Path(wav.name), offset, row.n_frames))
        offset += row.n_frames
    wav.close()
    files.close()


def _start(folder: Path, split: str, number: int) -> soundfile.SoundFile:
    return soundfile.SoundFile(str(folder / f"{split}_{number:04}.wav"), "w", SAMPLE_RATE, 1, "PCM_16")


def _hours(text: str) -> float:
    value = float(text)
    if not 0 < value <= LONGEST:
        raise ValueError(text)
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 2 with a message on stderr if the input does not fit."""
    parser = argparse.ArgumentParser(prog="scripts/pack_audio.sh", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder that a preparation wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder to train on instead")
    parser.add_argument("--hours", type=_hours, default=1.0, help=f"audio in a wav, to {LONGEST} (1 h is 115 MB)")
    args = parser.parse_args(arguments)
    try:
        for split, count in pack(args.corpus, args.out, args.hours).items():
            print(f"{split}: {count} utterances")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
