"""Wavs that the preparation makes: sound files one after the other, each wav whole and recorded, or not there."""

import hashlib
import json
import os
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.common.whole import whole, write_whole
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.preparation.decode import decoded
from mgcm_fairseq.preparation.headers import Unusable

FORMAT = 2  # raise it when the samples written here change, so that audio is converted again
_RECORDED = {"key", "bytes", "parts"}  # of a wav, in the JSON beside it
LONGEST = 3600 * SAMPLE_RATE  # samples of a pack of several files


@dataclass(frozen=True, slots=True)
class WavSpan:
    """Where a file's sound is: `length` samples of the wav `path` from `offset` on."""

    path: str
    offset: int
    length: int


@dataclass(frozen=True)
class Pack:
    """A job for a process: the wav to write and the files that go into it, in order."""

    wav: Path
    sources: Sequence[str]


def write_pack(pack: Pack) -> list[WavSpan | Unusable]:
    """Where each source's sound is, or why it is not there; writes nothing if the pack is finished already.

    The wav is 16 kHz mono PCM-16. A source counts as unchanged if name, size and time of change are.
    """
    stats = [(Path(source).name, os.stat(source).st_size, os.stat(source).st_mtime_ns) for source in pack.sources]
    key = hashlib.sha256(json.dumps([FORMAT, stats]).encode()).hexdigest()
    parts = _finished(pack, key)
    if parts is None:
        parts = _write(pack)
        record = _record(pack.wav)
        write_whole(record, json.dumps({"key": key, "bytes": pack.wav.stat().st_size, "parts": parts}),
                    _partial(record))
    return [Unusable(*part) if isinstance(part[0], str) else WavSpan(str(pack.wav), *part) for part in parts]


def remove_partial(folder: Path) -> None:
    """Removes what processes that were killed had begun to write."""
    for ending in ("wav", "json"):
        for path in folder.glob(f"*.{ending}.*.tmp"):
            path.unlink()


def remove_finished(folder: Path, wanted: Container[Path]) -> None:
    """Removes wavs, but for those wanted, that `write_pack` recorded in the folder; leaves any other file alone."""
    for path in folder.glob("*.json"):
        wav = path.with_suffix(".wav")
        if wav not in wanted and _read_record(wav):
            wav.unlink()
            path.unlink()


def _record(wav: Path) -> Path:
    """The file that says what a finished pack holds."""
    return wav.with_suffix(".json")


def _read_record(wav: Path) -> dict[str, Any] | None:
    """What is recorded of the wav, if it is as it was then; None beside files of these names that are not ours."""
    try:
        record = read_json(_record(wav))
        size = wav.stat().st_size
    except (FileNotFoundError, ValueError):
        return None
    ours = isinstance(record, dict) and record.keys() == _RECORDED and record["bytes"] == size
    return record if ours else None


def _finished(pack: Pack, key: str) -> list[tuple] | None:
    record = _read_record(pack.wav)
    if record is None or record["key"] != key or not _fills(record["parts"], pack):
        return None
    return [tuple(part) for part in record["parts"]]


def _fills(parts: Any, pack: Pack) -> bool:
    """Whether there is a part for each source, and the wav is these parts one after the other."""
    if not isinstance(parts, list) or len(parts) != len(pack.sources):
        return False
    end = 0
    for part in parts:
        if not (isinstance(part, list) and len(part) == 2):
            return False
        first, second = part
        if isinstance(first, str) and isinstance(second, str):
            continue
        if type(first) is not int or type(second) is not int or first != end or second < 0:
            return False
        end += second
    try:
        return end == soundfile.info(pack.wav).frames
    except soundfile.SoundFileError:
        return False


def _write(pack: Pack) -> list[tuple]:
    """(offset, length) of each source, or (reason, found)."""
    parts: list[tuple] = []
    with (whole(pack.wav, partial=_partial(pack.wav)) as partial,
          soundfile.SoundFile(partial, "w", SAMPLE_RATE, 1, "PCM_16", format="WAV") as out):
        for source in pack.sources:
            offset = out.tell()
            try:
                for chunk in decoded(Path(source)):
                    out.write(chunk)
            except ValueError as error:
                parts.append(("unreadable audio", str(error)))
                out.seek(offset)
                out.truncate()
            else:
                parts.append((offset, out.tell() - offset))
    return parts


def _partial(path: Path) -> Path:
    """Of this process alone: one that outlives a killed preparation for a moment cannot spoil the next."""
    return path.with_name(f"{path.name}.{os.getpid()}.tmp")
