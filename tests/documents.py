"""README, CONTRIBUTING and docs: their texts, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.fixtures import REPOSITORY

MARKS = ("", "gpu", "corpus")
"""What stands behind ```bash: nothing where a test runs the command, else what it needs that tests do not have."""

PROGRAM = r"(bash|python|pip|fairseq-[\w-]+|simuleval|simulstream_inference|source|pytest|mgcm-[\w-]+|git)"
"""What a command line begins with."""


class Command(NamedTuple):
    """A command line of a page."""

    page: str
    mark: str
    words: list[str]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def pages() -> list[Path]:
    """All of them; CONTRIBUTING.md if it is there."""
    heads = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md")]
    return [*(path for path in heads if path.exists()), *sorted((REPOSITORY / "docs").rglob("*.md"))]


def commands() -> list[Command]:
    """All commands: in ```bash fences, behind the $ of ```console fences, which show the demo's output, in sentences.

    A command in a sentence has no mark of its own. It has that of a fenced command that it begins with.
    """
    texts = {str(path.relative_to(REPOSITORY)): path.read_text() for path in pages()}
    found = [Command(page, mark, words) for page, text in texts.items() for mark, words in commands_of(text)]
    return found + [Command(page, next((one.mark for one in found if one.words == words[:len(one.words)]), ""), words)
                    for page, text in texts.items() for words in commands_in_sentences(text)]


def commands_of(text: str) -> Iterator[tuple[str, list[str]]]:
    """Mark and words of each command of a page; of a pipe its end, which is ours, or what stands before a grep."""
    for info, inside in fences(text):
        language, _, mark = info.partition(" ")
        if language not in ("bash", "console"):
            continue
        lines = "\n".join(inside).replace("\\\n", " ").splitlines()
        shown = [line.removeprefix("$ ") for line in lines if language == "bash" or line.startswith("$ ")]
        for line in shown:
            words = shlex.split(line.partition(" | grep ")[0], comments=True)
            words = words[len(words) - words[::-1].index("|"):] if "|" in words else words
            if words:
                yield mark or ("corpus" if language == "console" else ""), words


def commands_in_sentences(text: str) -> Iterator[list[str]]:
    """Words of each command that stands between backquotes in a sentence or a table, without its [optional parts]."""
    prose = "\n".join(line for info, inside in fences(text) if not info for line in inside)
    for found in re.finditer(rf"`((?:[A-Z_]+=\S+\s)?{PROGRAM}\s[^`]+)`", prose):
        yield shlex.split(re.sub(r" \[[^]]*\]", "", " ".join(found[1].split())))


def fences(text: str) -> list[tuple[str, list[str]]]:
    """What stands behind the opening of each fence, and the lines inside; text without a fence has "" there."""
    found: list[tuple[str, list[str]]] = [("", [])]
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
            found.append((line[3:] or "plain" if fenced else "", []))
        else:
            found[-1][1].append(line)
    return found


def unmarked_code(text: str) -> list[str]:
    """Command lines that stand that are indented or in fences of another language, where `commands` misses them."""
    lines = [line for info, inside in fences(text) for line in inside
             if not info.startswith(("bash", "console")) and (info or line.startswith("    "))]
    return [line.strip() for line in lines if re.match(rf"\s*(\$ )?{PROGRAM} \S", line)]
