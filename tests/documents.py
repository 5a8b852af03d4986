"""README, CONTRIBUTING and docs: their texts, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.fixtures import REPOSITORY

MARKS = ("", "gpu", "corpus")
"""What stands behind ```bash: nothing where a test runs the command, else what it needs that tests do not have."""


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
    """All commands in ```bash blocks, and behind the $ of ```console blocks, which show the demo's output."""
    return [Command(str(path.relative_to(REPOSITORY)), mark, words)
            for path in pages() for mark, words in commands_of(path.read_text())]


def commands_of(text: str) -> Iterator[tuple[str, list[str]]]:
    """Mark and words of each command of a page; of a pipe, of what stands at its end, which is ours."""
    for info, block in blocks(text):
        language, _, mark = info.partition(" ")
        if language not in ("bash", "console"):
            continue
        lines = "\n".join(block).replace("\\\n", " ").splitlines()
        shown = [line.removeprefix("$ ") for line in lines if language == "bash" or line.startswith("$ ")]
        for line in shown:
            words = shlex.split(line, comments=True)
            words = words[len(words) - words[::-1].index("|"):] if "|" in words else words
            if words:
                yield mark or ("corpus" if language == "console" else ""), words


def blocks(text: str) -> list[tuple[str, list[str]]]:
    """What stands behind the opening fence of each block, and the block's lines; text without a fence has "" there."""
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
    """Command lines that stand in indented blocks or in blocks of another language, where `commands` misses them."""
    lines = [line for info, block in blocks(text) for line in block
             if not info.startswith(("bash", "console")) and (info or line.startswith("    "))]
    begins = r"\s*(\$ )?(bash|python|pip|fairseq-\w+|simuleval|source|pytest|mgcm-[\w-]+|git) \S"
    return [line.strip() for line in lines if re.match(begins, line)]
