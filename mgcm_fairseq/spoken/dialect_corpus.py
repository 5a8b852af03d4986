"""A corpus of several source languages: a folder for each, as a single one has it, and the truth beside them."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import read_text
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.spoken.corpus import Languages, Summary, make_corpus
from mgcm_fairseq.spoken.dialects import VOICE, Dialect
from mgcm_fairseq.spoken.text import TRAIN, Kept, Sizes, Splits, grammar_splits

TRUTH = "dialects.json"
_TARGET = "de"


def make_dialects(out: Path, spoken: Sequence[Dialect], sizes: Sizes, seed: int, processes: int,
                  kept: Kept = Kept()) -> dict[str, Summary]:  # noqa: B008 - frozen
    """Writes out/CODE-de/data for each language, and before them out/dialects.json; goes on where it was interrupted.

    Raises InputError if `out` holds anything else.
    """
    _claim(out, truth(spoken))
    made: dict[str, Summary] = {}
    for dialect, splits in zip(spoken, dialect_splits(spoken, sizes, seed, kept), strict=True):
        home = out / f"{dialect.code}-{_TARGET}"
        made[dialect.code] = make_corpus(home, home / "data", splits, seed, Languages(dialect.code, _TARGET, VOICE),
                                         processes)
    return made


def dialect_splits(spoken: Sequence[Dialect], sizes: Sizes, seed: int,
                   kept: Kept = Kept()) -> list[Splits]:  # noqa: B008 - frozen
    """The pairs of each language: dev and test say the same in all, train in each something else.

    Args:
        sizes: of each language.
    """
    drawn = grammar_splits(Sizes(sizes.train * len(spoken), sizes.dev, sizes.test), seed, kept)
    own = [drawn[TRAIN][number * sizes.train:(number + 1) * sizes.train] for number in range(len(spoken))]
    return [{split: [dialect.pair(pair) for pair in pairs] for split, pairs in {**drawn, TRAIN: train}.items()}
            for dialect, train in zip(spoken, own, strict=True)]


def truth(spoken: Sequence[Dialect]) -> str:
    """What an analysis of the corpus is to find, as JSON: which languages are a family, and how related they are.

    With a relatedness of 1 the languages of a family are the same but for their codes.
    """
    families = {f"family{family}": [dialect.code for dialect in members]
                for family, members in groupby(spoken, lambda dialect: dialect.family)}
    rewrites = {dialect.code: dialect.rewrites for dialect in spoken}
    return json.dumps({"relatedness": spoken[0].relatedness, "seed": spoken[0].seed, "target": _TARGET,
                       "groups": families, "rewrites": rewrites}, indent=1)


def _claim(out: Path, told: str) -> None:
    """Writes the truth into a new folder, or finds the same one there."""
    path = out / TRUTH
    if path.is_file():
        if read_text(path, "Delete the folder to make it again.") != told:
            raise InputError(out, "no corpus, or one of the same --dialects, --relatedness and --seed",
                             "another corpus", "Choose another folder, or delete this one to make it again.")
        return
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(out, "a new or empty folder", "files that are no corpus of dialects", "Choose another folder.")
    out.mkdir(parents=True, exist_ok=True)
    write_whole(path, told)
