"""The files of a MuST-C split: SPLIT.yaml as flat records with line numbers, SPLIT.LANG as lines, wav headers."""

import codecs
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import soundfile
import yaml
from tqdm import tqdm

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.errors import InputError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is an optional part of PyYAML, 16 times faster
_COMPLETE = "Unpack the corpus again, or pass the right --root, --lang and --splits."
_FLAT = "a list of flat mappings such as `- {duration: 3.5, offset: 16.08, speaker_id: spk.1, wav: ted_1.wav}`"
WavLengths = dict[str, int | tuple[str, str]]  # samples, or (kind of fault, what was found) where a wav is unusable
_REPAIR = "Repair this line of the yaml file."


@dataclass(frozen=True)
class Record:
    """One mapping of the yaml file, values as they are written, and the line (from 1) on which it starts."""

    line: int
    values: dict[str, str]


def read_records(path: Path) -> Iterator[Record]:
    """Yields the records in file order; raises InputError with file:line for yaml that is broken or not flat.

    Works on parser events: 230,000 segments take 3 s, as a yaml tree 25 s and a gigabyte more.
    """
    data = _read_bytes(path)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError((path, data.count(b"\n", 0, error.start) + 1), "text in utf-8",
                         f"byte 0x{data[error.start]:02x}", _REPAIR) from error
    try:
        yield from _records(yaml.parse(text, Loader=_LOADER), path)
    except yaml.reader.ReaderError as error:
        character = yaml.reader.Reader.NON_PRINTABLE.search(text)
        raise InputError((path, text.count("\n", 0, character.start()) + 1), "printable text",
                         repr(character.group()), _REPAIR) from error
    except yaml.MarkedYAMLError as error:
        raise InputError((path, _line(error)), "valid yaml",
                         f"a fault noticed on line {error.problem_mark.line + 1}: {error.problem}", _REPAIR) from error


def read_lines(path: Path) -> list[bytes]:
    """Lines without their line break, undecoded, so that one broken line need not spoil the file."""
    lines = _read_bytes(path).removeprefix(codecs.BOM_UTF8).split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def wav_lengths(folder: Path, names: Iterable[str], workers: int) -> WavLengths:
    """Reads the headers of the named files of `folder` in `workers` threads, each file once."""
    unique = list(dict.fromkeys(names))
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda name: _wav_length(folder / name), unique)
        return dict(tqdm(zip(unique, found, strict=True), desc=f"{folder.parent.name}: wavs", total=len(unique)))


def _wav_length(path: Path) -> int | tuple[str, str]:
    if not path.is_file():
        return "missing wav", "no such file"
    try:
        info = soundfile.info(path)
    except soundfile.SoundFileError as error:
        return "unreadable wav", str(error).rstrip(".")
    if info.samplerate != SAMPLE_RATE:
        return "wrong sampling rate", f"{info.samplerate} Hz"
    if info.channels != 1:
        return "not mono", f"{info.channels} channels"
    return int(info.frames)


def _read_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(path, "a text file of the split", "no such file", _COMPLETE)
    return path.read_bytes()


def _records(events: Iterator[yaml.Event], path: Path) -> Iterator[Record]:
    """Turns `- {key: value, ...}` events into records; a nested value is kept as an empty string."""
    next(events), next(events)  # start of the stream; start of the document, or the end of an empty stream
    top = next(events, None)
    if top is None:
        return
    if not isinstance(top, yaml.SequenceStartEvent):
        raise InputError((path, top.start_mark.line + 1), _FLAT, "something else at the top level", _REPAIR)
    for event in events:
        if isinstance(event, yaml.SequenceEndEvent):
            break
        line = event.start_mark.line + 1
        if not isinstance(event, yaml.MappingStartEvent):
            raise InputError((path, line), _FLAT, f"{getattr(event, 'value', 'a list or alias')!r}", _REPAIR)
        yield Record(line, _mapping(events))
    for event in events:  # to the end, so that nothing after the list passes unseen
        if isinstance(event, yaml.DocumentStartEvent):
            raise yaml.MarkedYAMLError(problem="a second document", problem_mark=event.start_mark)


def _mapping(events: Iterator[yaml.Event]) -> dict[str, str]:
    values: dict[str, str] = {}
    while not isinstance(key := next(events), yaml.MappingEndEvent):
        name = key.value if isinstance(key, yaml.ScalarEvent) else _skip(key, events)
        if name in values:
            raise yaml.MarkedYAMLError(problem=f"the key {name!r} twice", problem_mark=key.start_mark)
        value = next(events)
        values[name] = value.value if isinstance(value, yaml.ScalarEvent) else _skip(value, events)
    return values


def _skip(event: yaml.Event, events: Iterator[yaml.Event]) -> str:
    """Consumes a nested list or mapping that starts with `event`; MuST-C has none, extras of other corpora may."""
    depth = int(isinstance(event, yaml.CollectionStartEvent))
    while depth:
        event = next(events)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
    return ""


def _line(error: yaml.MarkedYAMLError) -> int:
    """Where the broken mapping or string starts, since the parser stumbles only over what follows it."""
    within_list = error.context_mark is None or "block" in error.context  # then the context is the whole file
    return int((error.problem_mark if within_list else error.context_mark).line) + 1
