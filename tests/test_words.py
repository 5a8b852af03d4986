"""One word, one thing: a word of the glossary keeps to its rooms, and no two classes share a name."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.fixtures import REPOSITORY

PACKAGE = REPOSITORY / "mgcm_fairseq"
WORDS = {  # a word, where it would have a second meaning, and what may be there all the same
    r"segments?": (
        ["core/conflict", "preparation", "spoken", "evaluation", "data", "docs/corpora.md"],
        r"segments\.(lst|\{|en|de)|segment_(noise|count|ms)|longest_segment|source.segment|wait-segment|Segment[A-Z]|\.segments|"
        r"get_segments|pushpop\(segment\)|= SpeechSegment|\"segments\""),
    r"blocks?": (
        ["common", "core/conflict", "preparation", "data", "spoken", "evaluation", "training", "recipes", "compat",
         "scripts/benchmarks/preparation.py", "docs/corpora.md", "docs/conflict_engine.md"],
        r"front.end.block|file\.blocks\(|\"block\" in error|block-wise|block_style"),
    r"workers?": (
        ["preparation", "spoken", "commands", "evaluation", "agents", "decoding", "checks/fuzzing", "checks/faults",
         "docs/corpora.md"],
        r"num.workers|workers of a training|two_workers|--destdir"),
    r"places?": (
        ["spoken", "preparation", "evaluation", "decoding", "agents", "commands", "models", "modules", "data",
         "checks", "docs/reliability.md", "docs/oracles.md"], r"in[ _](the )?place|(its|their|no) place"),
    r"frames?": (
        ["preparation", "spoken", "data", "commands", "docs/corpora.md"],
        r"\.frames|frames=|n_frames|8 n frames|frame in container|resample\(frame\)|--frames|\"frames\"|DataFrame|"
        r"AudioFrame|frame\.sample_rate|encode\(frame\)|whole frame|of_frames|frames [%-]|frame_samples"),
    r"lags?": (["evaluation", "preparation", "data", "benchmarks", "docs/evaluation.md", "docs/corpora.md"],
               r"\"lag\"|word lag|a lag counts"),
    r"stages?": (["recipes", "commands", "evaluation", "agents", "preparation", "spoken", "data"], r"$^"),
    r"pieces?": (["core/conflict", "training", "checks/mutation", "live", "measuring", "mgcm_fairseq/data/recording.py",
                  "mgcm_fairseq/data/pipe.py", "mgcm_fairseq/data/resampling.py", "mgcm_fairseq/checks/flat_hour.py",
                  "mgcm_fairseq/evaluation/listening.py", "mgcm_fairseq/modules/front_end_stream.py"],
                 r"ctc.pieces|piece_bias"),
    r"engines?": (["checks/fuzzing", "evaluation", "preparation", "data", "spoken", "agents"], r"$^"),
    r"sample": (["criterions", "training", "recipes"],
                r"(?i)sample_(size|rate)|(train|valid)_step|def \w+\(self, sample|sample\["),
    r"tasks?": (["preparation", "spoken", "common", "measuring"], r"<task track="),
    r"history": (["compat", "training", "recipes"], r"optimizer_history|(end|encoder)_history"),
    r"rules?": (["spoken", "preparation", "data", "evaluation", "agents"], r"rule_name"),
    r"(?-i:Memory)": (["benchmarks", "recipes", "measuring"], r"GpuMemory|^\W*Memory [a-z]|[\"#] ?Memory"),
    r"windows?": (
        ["common", "core", "modules", "preparation", "evaluation", "recipes", "checks", "CONTRIBUTING.md",
         "docs/corpora.md"],
        r"Kaiser|scale.window|SCALE_WINDOW|of a window|on windows|A window that begins|--windows|tasks/windows"),
    r"bands?": (["core", "data", "modules", "preparation", "analysis", "CONTRIBUTING.md"], r"$^"),
    r"expectations?": (
        ["common", "preparation", "data", "evaluation", "agents", "decoding", "training", "recipes"], r"$^"),
    r"recipes?": (["core", "preparation", "data", "spoken", "docs/corpora.md"], r"$^"),
    r"updates?": (["common", "preparation", "spoken", "evaluation", "live", "core/conflict"],
                  r"\.update\(|UPDATE rows|updates a second"),
    r"conflicts?": (["common", "preparation", "spoken", "evaluation", "agents", "decoding", "live"], r"plot.conflicts"),
    r"scopes?": (["common", "preparation", "spoken", "evaluation", "agents", "decoding", "modules", "live"],
                 r"scope=\"(module|session)\""),
    r"granularit(y|ies)": (["common", "preparation", "data", "spoken", "evaluation", "agents", "decoding"], r"$^"),
    r"components?": (["common", "preparation", "spoken", "evaluation", "agents", "decoding", "live"], r"$^"),
    r"polic(y|ies)": (["common", "preparation", "spoken", "training", "core/conflict", "compat"], r"$^"),
    r"signatures?": (["core", "modules", "compat", "agents", "live", "training"], r"$^"),
    r"boundar(y|ies)": (["common", "preparation", "data", "spoken", "evaluation", "core/conflict", "training"], r"$^"),
    r"talks?": (["common", "training", "recipes"], r"$^"),
    r"utterances?": (["live", "compat", "measuring"], r"$^"),
    r"front.ends?": (["preparation", "spoken", "evaluation", "live"], r"front_end\.block"),
    r"manifests?": (["core", "modules", "models", "decoding", "live"], r"$^"),
    r"famil(y|ies)|dialects?|relatedness": (
        ["common", "core", "training", "modules", "models", "criterions", "recipes", "live", "agents", "decoding"],
        r"font-family"),
    r"interludes?|lead.ins?|onsets?": (["preparation", "evaluation", "recipes", "live"], r"$^"),
}
UNAMBIGUOUS = {  # terms of the glossary that need no row, and why
    "abbreviations and names of the literature": {
        "ST", "ASR", "MT", "FFN", "CTC", "LayerDrop", "DiSeg", "L_num", "L_ctr", "wait-k", "wait-segment", "AlignAtt",
        "EDAtt", "AL", "LAAL", "AP", "DAL", "ATD", "YAAL", "LongYAAL", "StreamLAAL", "RTF", "BLEU", "chrF", "COMET",
        "MGCM", "IMTL", "DWA", "FAMO", "PCGrad", "GradVac", "Gramian", "fp32", "fp16", "bf16", "P"},
    "two words that mean something together": {
        "primary task", "auxiliary task", "receptive field", "local agreement", "operating point", "negative delay",
        "paired bootstrap", "task weight", "run of frames", "looking back", "local convolution", "contrast of states",
        "conflict rate", "noise floor", "re-segmentation", "all-reduce"},
    "the field's own name": {"simultaneous", "blank", "consistency"},
    "Python's and PyTorch's word too, as the head of the glossary says": {"module"},
}


def spelt(line: str) -> str:
    """The line with the words of its names apart: segment_words and SegmentWords both have the word segment."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", line).replace("_", " ")


def files(room: str) -> list[Path]:
    """A page or a script, or all Python files of a room of the package and of its tests."""
    if (REPOSITORY / room).is_file():
        return [REPOSITORY / room]
    return sorted(path for root in (PACKAGE, REPOSITORY / "tests") for path in (root / room).rglob("*.py"))


def uses(word: str, rooms: list[str], allowed: str) -> list[str]:
    """file:line of each use outside what is allowed."""
    return [f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}" for room in rooms for path in files(room)
            for number, line in enumerate(path.read_text().splitlines(), start=1)
            if re.search(rf"(?i)(?<![a-z])({word})(?![a-z])", spelt(line)) and not re.search(allowed, line)]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_keeps_to_its_rooms(word: str) -> None:
    assert uses(word, *WORDS[word]) == []


@pytest.mark.parametrize("line", ["a segment", "segment_words", "of_segments", "SegmentWriter", "tinySegment"])
def test_a_word_is_seen_in_names(line: str) -> None:
    assert re.search(r"(?i)(?<![a-z])segments?(?![a-z])", spelt(line))


def test_every_room_has_files_and_the_search_finds_a_word() -> None:
    assert [room for rooms, _ in WORDS.values() for room in rooms if not files(room)] == []
    assert uses("segment", ["core/segmentation"], r"$^")


def terms() -> set[str]:
    """Of the glossary: the lines that an indented explanation follows, at their commas."""
    found = re.findall(r"(?m)^(\S.*)\n  \S", (REPOSITORY / "docs" / "glossary.md").read_text())
    return {term for line in found for term in line.split(", ")}


def test_every_term_of_the_glossary_is_searched_for_or_unambiguous() -> None:
    reasoned = [term for group in UNAMBIGUOUS.values() for term in group]
    searched = {term for term in terms() if any(re.fullmatch(f"(?i:{word})", term) for word in WORDS)}
    assert len(terms()) > 75
    assert sorted(terms() - searched - set(reasoned)) == []
    assert sorted(set(reasoned) - terms()) == []
    assert sorted(searched & set(reasoned)) == []
    assert len(reasoned) == len(set(reasoned))


def test_no_two_classes_share_a_name() -> None:
    names = Counter(node.name for path in PACKAGE.rglob("*.py") for node in ast.parse(path.read_text()).body
                    if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))
    assert [name for name, count in names.items() if count > 1] == []
