"""MuST-C's SPLIT.yaml as flat records with line numbers, read as they are needed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.preparation.corpora.lines import present, read_lines

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is an optional part of PyYAML, 16 times faster
_FLAT = "a list of flat mappings such as `- {duration: 3.5, offset: 16.08, speaker_id: spk.1, wav: ted_1.wav}`"
_REPAIR = "Repair this line of the yaml file."


@dataclass(frozen=True)
class Record:
    """One mapping of the yaml file, values as they are written, and the line (from 1) on which it starts."""

    line: int
    values: dict[str, str]


def read_records(path: Path) -> Iterator[Record]:
    """Yields the records in file order; raises InputError with file:line for yaml that is broken or not flat.

    Works on parser events: 230,000 utterances take 5 s, as a yaml tree 25 s and a gigabyte more.
    """
    _check_characters(path)
    with present(path).open("rb") as file:
        try:
            yield from _records(yaml.parse(file, Loader=_LOADER), path)
        except yaml.MarkedYAMLError as error:
            raise InputError((path, _line(error)), "valid yaml",
                             f"a fault noticed on line {error.problem_mark.line + 1}: {error.problem}",
                             _REPAIR) from error


def _check_characters(path: Path) -> None:
    """The parser does not say on which line a character is that yaml does not know."""
    for number, line in enumerate(read_lines(path), start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError((path, number), "text in utf-8", f"byte 0x{line[error.start]:02x}", _REPAIR) from error
        if not text.isascii() or not text.isprintable():
            character = yaml.reader.Reader.NON_PRINTABLE.search(text)
            if character:
                raise InputError((path, number), "printable text", repr(character.group()), _REPAIR)


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
        value = next(events)
        text = value.value if isinstance(value, yaml.ScalarEvent) else _skip(value, events)
        if values and name[:1].isdigit() and not text:  # `duration: 1,96` is for yaml `duration: 1` and a key 96
            values[next(reversed(values))] += f",{name}"
        elif name in values:
            raise yaml.MarkedYAMLError(problem=f"the key {name!r} twice", problem_mark=key.start_mark)
        else:
            values[name] = text
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
