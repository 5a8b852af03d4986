"""The plan of shared and private layers: what it says, as plain values that a YAML file can hold, and its checks."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

VERSION = 1


@dataclass(frozen=True)
class PlanSource:
    """What a plan was made from: the checkpoint's sha256, the corpus, its languages, batches of each, the seed."""

    checkpoint: str
    corpus: str
    languages: tuple[str, ...]
    batches: int
    seed: int


@dataclass(frozen=True)
class PlanStats:
    """What speaks for a layer's groups: see `Fit`."""

    delta: float
    p: float
    silhouette: float
    stable: float


@dataclass(frozen=True)
class GroupedLayer:
    """An FFN by its name in the model, its groups of languages, and the hidden units that each group has a copy of."""

    ffn: str
    groups: dict[str, tuple[str, ...]]
    private: tuple[int, ...]
    stats: PlanStats

    def group_of(self, language: str) -> int:
        """The number of the group that a language of the plan is in."""
        return next(number for number, group in enumerate(self.groups.values()) if language in group)


@dataclass(frozen=True)
class SharingPlan:
    """Layers that have private parts; what is not listed is shared by all languages."""

    source: PlanSource
    layers: tuple[GroupedLayer, ...] = ()

    def record(self) -> dict[str, Any]:
        """Plain values: strings, numbers, lists and dictionaries."""
        layers = [{"ffn": layer.ffn, "groups": {name: list(group) for name, group in layer.groups.items()},
                   "private": list(layer.private), "stats": asdict(layer.stats)} for layer in self.layers]
        source = {**asdict(self.source), "languages": list(self.source.languages)}
        return {"version": VERSION, "source": source, "layers": layers}

    def digest(self) -> str:
        """sha256 of what the plan says, however its file is laid out."""
        return hashlib.sha256(json.dumps(self.record(), sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def check_model(self, widths: Mapping[str, int]) -> None:
        """Raises ValueError where the plan is not for a model with these FFNs.

        Args:
            widths: the name of each FFN and its hidden units.
        """
        for layer in self.layers:
            if layer.ffn not in widths:
                raise _wrong("layers", f"FFNs of the model, {', '.join(widths)}", layer.ffn)
            if layer.private[-1] >= widths[layer.ffn] or len(layer.private) == widths[layer.ffn]:
                raise _wrong(f"private units of {layer.ffn}", f"some, not all, of units 0 to {widths[layer.ffn] - 1}",
                             f"{len(layer.private)} up to {layer.private[-1]}")


def plan_of(record: object) -> SharingPlan:
    """The plan that plain values describe, as `record` returns them, with groups in the order of their names.

    So a file that lists them in another order is the same plan, and numbers their private parts alike.

    Raises ValueError where a key is missing or unknown, a value is of another kind, a language is in no group or in
    two, or units are not in order.
    """
    found = _keys(record, "plan", ("version", "source", "layers"))
    if found["version"] != VERSION:
        raise _wrong("version", str(VERSION), repr(found["version"]))
    source = _source(found["source"])
    layers = tuple(_layer(layer, f"layers[{number}]", source.languages)
                   for number, layer in enumerate(_list(found["layers"], "layers", dict)))
    names = [layer.ffn for layer in layers]
    if len(set(names)) < len(names):
        raise _wrong("layers", "each FFN once", ", ".join(names))
    return SharingPlan(source, layers)


def _source(record: object) -> PlanSource:
    found = _keys(record, "source", ("checkpoint", "corpus", "languages", "batches", "seed"))
    checkpoint = _value(found["checkpoint"], "source.checkpoint", str)
    if not re.fullmatch("[0-9a-f]{64}", checkpoint):
        raise _wrong("source.checkpoint", "a sha256 of 64 hexadecimal digits", repr(checkpoint))
    languages = tuple(_list(found["languages"], "source.languages", str))
    if len(set(languages)) < max(2, len(languages)):
        raise _wrong("source.languages", "two or more, each once", repr(list(languages)))
    return PlanSource(checkpoint, _value(found["corpus"], "source.corpus", str), languages,
                      _value(found["batches"], "source.batches", int), _value(found["seed"], "source.seed", int))


def _layer(record: object, where: str, languages: tuple[str, ...]) -> GroupedLayer:
    found = _keys(record, where, ("ffn", "groups", "private", "stats"))
    ffn = _value(found["ffn"], f"{where}.ffn", str)
    named = _value(found["groups"], f"{where}.groups", dict)
    groups = {name: tuple(_list(named[name], f"{where}.groups.{name}", str))
              for name in sorted(_value(name, f"{where}.groups", str) for name in named)}
    members = [language for group in groups.values() for language in group]
    if sorted(members) != sorted(languages) or len(groups) < 2 or not all(groups.values()):
        raise _wrong(f"{where}.groups", f"two groups or more, with each of {', '.join(languages)} in one of them",
                     repr({name: list(group) for name, group in groups.items()}))
    private = tuple(_list(found["private"], f"{where}.private", int))
    if not private or private[0] < 0 or any(unit >= after for unit, after in pairwise(private)):
        raise _wrong(f"{where}.private", "numbers of hidden units from 0 on, in order, each once", repr(list(private)))
    stats = _keys(found["stats"], f"{where}.stats", ("delta", "p", "silhouette", "stable"))
    return GroupedLayer(ffn, groups, private,
                        PlanStats(**{name: _number(value, f"{where}.stats.{name}") for name, value in stats.items()}))


def _keys(record: object, where: str, keys: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = _value(record, where, dict)
    if set(found) != set(keys):
        raise _wrong(where, f"the keys {', '.join(keys)}", ", ".join(map(str, found)) or "none")
    return found


def _list(value: object, where: str, kind: type) -> list[Any]:
    return [_value(item, f"{where}[{number}]", kind) for number, item in enumerate(_value(value, where, list))]


def _value(value: object, where: str, kind: type) -> Any:
    if type(value) is not kind:  # True is an int to isinstance, and so is the language `no`, unquoted, to YAML
        named = {str: "text (in quotes, if YAML reads it as something else)", int: "a whole number", list: "a list",
                 dict: "names with values"}[kind]
        raise _wrong(where, named, repr(value))
    return value


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(where, "a finite number", repr(value))
    return float(value)


def _wrong(where: str, expected: str, found: str) -> ValueError:
    return ValueError(f"{where}: expected {expected}, found {found}.")
