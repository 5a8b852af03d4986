"""Reads the hypotheses of a fairseq-generate results file, one for each utterance of a manifest."""

import re
from pathlib import Path

from mgcm_fairseq.data.errors import InputError

DETOKENISED = re.compile(r"D-(\d+)\t[^\t]*\t(.*)")  # sample id, score, hypothesis


def read_hypotheses(path: Path, count: int) -> list[str]:
    """The detokenised hypotheses (`D-` lines) of generate-SPLIT.txt in manifest order, where sample id = row index.

    Args:
        path: the file that fairseq-generate wrote below --results-path.
        count: the number of utterances in the manifest.

    Raises InputError if an utterance is missing, there twice, or not in the manifest, or if a hypothesis is still in
    SentencePiece pieces.
    """
    if not path.is_file():
        raise InputError(path, "the results of fairseq-generate", "no such file", "Run fairseq-generate first.")
    found: dict[int, str] = {}
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            match = DETOKENISED.fullmatch(line.rstrip("\n"))
            if match:
                _add(found, int(match[1]), match[2], count, (path, number))
    missing = [index for index in range(count) if index not in found]
    if missing:
        raise InputError(path, f"a D- line for each of {count} utterances", f"{len(missing)} missing {missing[:5]}",
                         "Generate again, to the end, with --required-batch-size-multiple 1: fairseq's default drops "
                         "the remainder of the last batch.")
    return [found[index] for index in range(count)]


def _add(found: dict[int, str], index: int, text: str, count: int, where: tuple[Path, int]) -> None:
    if index in found:
        raise InputError(where, "one hypothesis for each utterance", f"D-{index} again", "Generate with --nbest 1.")
    if index >= count:
        raise InputError(where, f"sample ids below {count}, the rows of the manifest", f"D-{index}",
                         "Pass the manifest of the split that was generated.")
    if "\N{LOWER ONE EIGHTH BLOCK}" in text:  # SentencePiece's mark for a space
        raise InputError(where, "words", f"pieces: {text!r}", "Generate with --bpe sentencepiece and its model.")
    found[index] = text
