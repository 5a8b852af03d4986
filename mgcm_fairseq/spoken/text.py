"""The sentence pairs of a corpus, split into dev, tst-COMMON and train: from the grammar or from parallel files."""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.preparation.corpora.quoting import refuse_quoted
from mgcm_fairseq.spoken.grammar import LONGEST, sentences

Pair = tuple[str, str]  # source, target
Splits = dict[str, list[Pair]]
TRAIN = "train"
MOST_IN_VAIN = 100_000  # sentences drawn in a row that are no new ones
COUNTED = 20_000  # sentences in which words are counted


@dataclass(frozen=True)
class Sizes:
    """Utterances of each split."""

    train: int
    dev: int
    test: int

    def by_split(self) -> dict[str, int]:
        """In the order in which sentences are taken: so dev and test stay the same whatever the size of train."""
        return {"dev": self.dev, "tst-COMMON": self.test, TRAIN: self.train}


@dataclass(frozen=True)
class SimpleText:
    """Which sentences of the grammar a corpus has."""

    longest: int = LONGEST  # source words of a sentence at most
    words: int | None = None  # only those of so many source words, the most frequent of sentences so long; None: all


def grammar_splits(sizes: Sizes, seed: int, kept: SimpleText = SimpleText()) -> Splits:
    """Pairs of the built-in grammar; no source sentence occurs twice anywhere.

    Raises:
        InputError: there are not so many different sentences.
    """
    known = None if kept.words is None else _frequent(kept.longest, kept.words)
    seen: set[str] = set()
    splits: Splits = {}
    for split, size in sizes.by_split().items():
        pairs = splits[split] = []
        drawn, in_vain = sentences(f"{seed}/{split}"), 0
        while len(pairs) < size:
            pair = next(drawn)
            in_vain += 1
            if in_vain > MOST_IN_VAIN:
                raise InputError("--longest, --words", f"as many different sentences as asked for, {size} of {split}",
                                 f"{len(pairs)}, and no new one among {MOST_IN_VAIN:,}", "Ask for fewer utterances.")
            fits = len(pair[0].split()) <= kept.longest and (known is None or known.issuperset(source_words(pair[0])))
            if fits and pair[0] not in seen:
                in_vain = 0
                seen.add(pair[0])
                pairs.append(pair)
    return splits


def source_words(sentence: str) -> list[str]:
    """In lower case, without punctuation, hyphenated words taken apart."""
    return re.findall(r"[^\W_]+(?:'\w+)?", sentence.lower())


@cache
def _frequent(longest: int, words: int) -> set[str]:
    """The most frequent source words of the grammar's sentences of at most `longest`; the same in every corpus."""
    drawn = (source for source, _ in islice(sentences("words"), COUNTED) if len(source.split()) <= longest)
    counts = Counter(word for source in drawn for word in source_words(source))
    return {word for word, _ in counts.most_common(words)}


def file_splits(source: Path, target: Path, sizes: Sizes, skip_bad: bool) -> tuple[Splits, Counter[str]]:
    """Pairs of two parallel text files (UTF-8, .gz or plain) in file order: dev, tst-COMMON, train.

    Lines whose source sentence is in an earlier split are passed over, and repetitions within dev or tst-COMMON.

    Returns:
        the splits, and how many lines were passed over, by reason.

    Raises:
        InputError: the files cannot be read or differ in length, a line is unusable (unless skip_bad), or there are
            fewer lines than `sizes` asks for.
    """
    left_out: Counter[str] = Counter()
    lines = _usable(source, target, skip_bad, left_out)
    held_out: set[str] = set()
    splits: Splits = {}
    for split, size in sizes.by_split().items():
        pairs = splits[split] = []
        while len(pairs) < size:
            pair = next(lines, None)
            if pair is None:
                found = sum(len(taken) for taken in splits.values())
                raise InputError(source, f"{sum(sizes.by_split().values())} usable lines",
                                 f"{found} (passed over: {dict(left_out)})", "Ask for fewer utterances.")
            if pair[0] in held_out:
                left_out["already in dev or tst-COMMON"] += 1
                continue
            if split != TRAIN:
                held_out.add(pair[0])
            pairs.append(pair)
    return splits, left_out


def _usable(source: Path, target: Path, skip_bad: bool, left_out: Counter[str]) -> Iterator[Pair]:
    sources, targets = _read_lines(source), _read_lines(target)
    if len(sources) != len(targets):
        raise InputError(target, f"{len(sources)} lines as in {source}", str(len(targets)),
                         "Give files that are aligned line by line.")
    for number, pair in enumerate(zip(sources, targets, strict=True), start=1):
        bad = next((path for path, text in zip((source, target), pair, strict=True) if not _is_sentence(text)), None)
        if bad is None:
            yield pair
        elif skip_bad:
            left_out["no letter or digit"] += 1
        else:
            raise InputError((bad, number), "a sentence with at least one letter or digit", repr(pair[bad == target]),
                             "Correct it, or pass --skip-bad to leave such lines out.")


def _is_sentence(text: str) -> bool:
    return any(mark.isalnum() for mark in text)


def _read_lines(path: Path) -> list[str]:
    if not path.is_file():
        raise InputError(path, "a text file with one sentence a line", "no such file", "Check the path.")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = content.decode("utf-8-sig").split("\n")
    except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise InputError(path, "UTF-8 text, plain or (with the suffix .gz) gzip", str(error), "Convert it.") from error
    refuse_quoted(path, (line.strip() for line in lines))
    return [" ".join(line.split()) for line in (lines[:-1] if lines[-1] == "" else lines)]
