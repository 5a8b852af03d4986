"""One word, one thing: a word of the glossary keeps to its rooms, and no two classes share a name."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.fixtures import REPOSITORY
from tests.second_senses import SECOND_SENSES

PACKAGE = REPOSITORY / "mgcm_fairseq"
GRADIENTS = [f"docs/{page}.md" for page in ("conflicts", "conflict_engine", "consistency", "scaling", "task_weights",
                                            "tutorials/conflict_log", "tutorials/own_rule")]
CORPORA = [f"docs/{page}.md" for page in ("corpora", "training_input", "tutorials/own_corpus")]
AGENTS = [f"docs/{page}.md" for page in ("agents", "evaluation", "live", "long_form", "segments", "segmentation",
                                         "tutorials/own_policy")]
WORDS = {  # a word, where it would have a second meaning, and what may be there all the same
    r"segments?": (
        ["core/conflict", "preparation", "spoken", "evaluation", "data", *GRADIENTS, *CORPORA],
        r"segments\.(lst|\{|en|de)|segment_(noise|count|ms)|longest_segment|source.segment|wait-segment|Segment[A-Z]|"
        r"\.segments|"
        r"a model that segments|one segment a word|get_segments|pushpop\(segment\)|= SpeechSegment|\"segments\""),
    r"blocks?": (
        ["common", "core/conflict", "preparation", "data", "spoken", "evaluation", "training", "recipes", "compat",
         "scripts/benchmarks/preparation.py", "docs/corpora.md", *GRADIENTS, *CORPORA],
        r"front.end.block|file\.blocks\(|\"block\" in error|block-wise|block_style"),
    r"workers?": (
        ["preparation", "spoken", "commands", "evaluation", "agents", "decoding", "checks/fuzzing", "checks/faults",
         "docs/corpora.md", "docs/agents.md", "docs/evaluation.md", "docs/live.md", "docs/long_form.md"],
        r"num.workers|workers of a training|\"two_workers\"|--destdir"),
    r"places?": (
        ["spoken", "preparation", "evaluation", "decoding", "agents", "commands", "models", "modules", "data",
         "checks", "docs/reliability.md", "docs/oracles.md", *CORPORA, *AGENTS, "configs"],
        r"in[ _](the )?place"),
    r"frames?": (
        ["preparation", "spoken", "data", "commands", "docs/corpora.md", "docs/tutorials/own_corpus.md", *GRADIENTS],
        r"\.frames|frames=|n_frames|8 n frames|frame in container|resample\(frame\)|--frames|\"frames\"|DataFrame|"
        r"AudioFrame|frame\.sample_rate|encode\(frame\)|whole frame|of_frames|frames [%-]|frame_samples"),
    r"lags?": (["evaluation", "preparation", "data", "benchmarks", "docs/evaluation.md", *GRADIENTS, *CORPORA],
               r"\"lag\"|word lag|a lag counts"),
    r"stages?": (["recipes", "commands", "evaluation", "agents", "preparation", "spoken", "data", *AGENTS, *CORPORA,
                  "configs"], r"$^"),
    r"pieces?": (["core/conflict", "training", "checks/mutation", "live", "measuring", "mgcm_fairseq/data/recording.py",
                  "mgcm_fairseq/data/pipe.py", "mgcm_fairseq/data/resampling.py", "mgcm_fairseq/checks/flat_hour.py",
                  "mgcm_fairseq/evaluation/listening.py", "mgcm_fairseq/modules/front_end_stream.py"],
                 r"ctc.pieces|piece_bias"),
    r"engines?": (["checks/fuzzing", "evaluation", "preparation", "data", "spoken", "agents", *AGENTS, *CORPORA],
                  r"$^"),
    r"sample": (["criterions", "training", "recipes", *GRADIENTS],
                r"(?i)sample_(size|rate)|(train|valid)_step|def \w+\(self, sample|sample\["),
    r"tasks?": (["preparation", "spoken", "common", "measuring", "docs/corpora.md"], r"<task track="),
    r"history": (["compat", "training", "recipes", *GRADIENTS, *CORPORA, "configs"],
                 r"optimizer_history|(end|encoder)_history"),
    r"rules?": (["spoken", "preparation", "data", "evaluation", "agents", *AGENTS, *CORPORA],
                r"rule_name|conflict.rule"),
    r"(?-i:Memory)": (["benchmarks", "recipes", "measuring"], r"GpuMemory|^\W*Memory [a-z]|[\"#] ?Memory"),
    r"windows?": (
        ["common", "core", "modules", "preparation", "evaluation", "recipes", "checks", "CONTRIBUTING.md",
         "docs/corpora.md", *GRADIENTS, "configs"],
        r"Kaiser|scale.window|SCALE_WINDOW|of a window|on windows|A window that begins|--windows|windows: |"
        r"tasks/windows"),
    r"bands?": (["core", "data", "modules", "preparation", "analysis", "CONTRIBUTING.md", *GRADIENTS, *CORPORA,
                 "configs"], r"$^"),
    r"expectations?": (
        ["common", "preparation", "data", "evaluation", "agents", "decoding", "training", "recipes", *GRADIENTS,
         *CORPORA, "configs"], r"$^"),
    r"recipes?": (["core", "preparation", "data", "spoken", "docs/corpora.md", "docs/agents.md", "docs/evaluation.md",
                     "docs/live.md", "docs/long_form.md"], r"$^"),
    r"updates?": (["common", "preparation", "spoken", "evaluation", "live", "core/conflict", "docs/corpora.md",
                   "docs/tutorials/own_corpus.md"],
                  r"\.update\(|UPDATE rows|updates a second"),
    r"conflicts?": (["common", "preparation", "spoken", "evaluation", "agents", "decoding", "live", *AGENTS, *CORPORA],
                    r"plot.conflicts|conflict.rule"),
    r"scopes?": (["common", "preparation", "spoken", "evaluation", "agents", "decoding", "modules", "live", *AGENTS,
                  *CORPORA],
                 r"scope=\"(module|session)\""),
    r"granularit(y|ies)": (["common", "preparation", "data", "spoken", "evaluation", "agents", "decoding", *AGENTS,
                            *CORPORA], r"$^"),
    r"components?": (["common", "preparation", "spoken", "evaluation", "agents", "decoding", "live", *AGENTS,
                      *CORPORA, "configs"], r"granularity=component"),
    r"polic(y|ies)": (["common", "preparation", "spoken", "training", "core/conflict", "compat", *GRADIENTS, *CORPORA,
                       "configs"], r"$^"),
    r"signatures?": (["core", "modules", "compat", "agents", "live", "training", *GRADIENTS, *CORPORA, "configs"],
                     r"$^"),
    r"boundar(y|ies)": (["common", "preparation", "data", "spoken", "evaluation", "core/conflict", "training",
                         *GRADIENTS, *CORPORA, "configs"], r"$^"),
    r"talks?": (["common", "training", "recipes", *GRADIENTS, "configs"], r"$^"),
    r"utterances?": (["live", "compat", "measuring", "docs/live.md"], r"$^"),
    r"front.ends?": (["preparation", "spoken", "evaluation", "live", "docs/live.md"], r"front_end\.block"),
    r"manifests?": (["core", "modules", "models", "decoding", "live", *GRADIENTS, "configs"], r"$^"),
    r"runs?": (["core/segmentation", "mgcm_fairseq/core/ctc_streaks.py", "tests/core/test_ctc_streaks.py"],
              r"subprocess\.run|resumed run"),
    r"streaks?": (["common", "preparation", "spoken", "data", "evaluation", "live", "commands", "training", "recipes",
                   "core/conflict", *GRADIENTS, *CORPORA], r"$^"),
    r"blanks?": (["preparation", "spoken", "evaluation", "live", "core/conflict", "training", *GRADIENTS, *CORPORA],
                 r"shrink_blanks"),
    r"shorten(s|ed|ing)?": (["core", "modules", "models", "agents", "criterions", "decoding", "docs", "README.md",
                             "configs"],
                            r"$^"),
    r"famil(y|ies)|dialects?|relatedness": (
        ["common", "core", "training", "modules", "models", "criterions", "recipes", "live", "agents", "decoding"],
        r"font-family"),
    r"interludes?|lead.ins?|onsets?": (["preparation", "evaluation", "recipes", "live", *GRADIENTS, *CORPORA,
                                        "configs", "mgcm_fairseq/core/pauses.py"], r"$^"),
    r"captur(e|es|ed|ing)": (
        ["common", "data", "preparation", "spoken", "modules", "criterions", "decoding", "agents", "live", "recipes",
         "core/conflict", "core/segmentation", *CORPORA, *AGENTS, "configs"],
        r"capture_output|audio-capture|this\.captured|capture ?log|capture_exception|capsys|CaptureFixture"),
    r"stud(y|ies)": (["core", "modules", "models", "data", "decoding", "agents", "preparation", "live", "training",
                      *GRADIENTS, *CORPORA, *AGENTS], r"studies\.md|scripts/study"),
    r"trials?": (["core", "modules", "models", "data", "decoding", "agents", "preparation", "live", "training",
                  "spoken", "evaluation", "checks/mutation", "checks/fuzzing", *GRADIENTS, *CORPORA, *AGENTS], r"$^"),
    r"systems?": (["core", "modules", "preparation", "measuring", *GRADIENTS],
                  r"SystemExit|--systems"),
}
UNAMBIGUOUS = {  # terms of the glossary that need no row, and why
    "abbreviations and names of the literature": {
        "ST", "ASR", "MT", "FFN", "CTC", "LayerDrop", "DiSeg", "L_num", "L_ctr", "wait-k", "wait-segment", "AlignAtt",
        "EDAtt", "AL", "LAAL", "AP", "DAL", "ATD", "YAAL", "LongYAAL", "StreamLAAL", "RTF", "BLEU", "chrF", "COMET",
        "MGCM", "IMTL", "RLW", "DWA", "FAMO", "PCD", "MoDo", "SDMGrad", "PCGrad", "GradVac", "Gramian",
        "fp32", "fp16", "bf16", "P"},
    "two words that mean something together": {
        "primary task", "auxiliary task", "receptive field", "local agreement", "operating point", "negative delay",
        "paired bootstrap", "task weight", "looking back", "local convolution", "contrast of states",
        "conflict rate", "noise floor", "re-segmentation", "all-reduce", "group of languages", "sharing plan",
        "private unit", "private part", "half gradient", "noise-aware MGCM"},
    "the field's own name": {"simultaneous", "consistency"},
    "Python's and PyTorch's word too, as the head of the glossary says": {"module"},
}


def spelt(line: str) -> str:
    """The line with the words of its names apart: segment_words and SegmentWords both have the word segment."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", line).replace("_", " ")


def files(room: str) -> list[Path]:
    """A file, all pages or YAMLs of docs or configs, or all Python files of a room of the package and of its tests."""
    if (REPOSITORY / room).is_file():
        return [REPOSITORY / room]
    if room in ("docs", "configs"):
        return sorted(path for path in (REPOSITORY / room).rglob("*") if path.suffix in (".md", ".yaml"))
    return sorted(path for root in (PACKAGE, REPOSITORY / "tests") for path in (root / room).rglob("*.py"))


@cache
def lines_of(path: Path) -> list[tuple[str, str]]:
    """Each line as it is, and with the words of its names apart."""
    return [(line, spelt(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def uses(word: str, rooms: list[str], allowed: str) -> list[str]:
    """file:line of each use outside what is allowed."""
    pattern = re.compile(rf"(?i)(?<![a-z])({word})(?![a-z])")
    return [f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}" for room in rooms for path in files(room)
            for number, (line, apart) in enumerate(lines_of(path), start=1)
            if pattern.search(apart) and not re.search(allowed, line)]


def everything() -> list[Path]:
    """All files in which somebody reads words: code, tests, scripts, pages, YAMLs; not the lists of them."""
    roots = ("mgcm_fairseq", "tests", "scripts", "docs", "configs")
    found = [path for root in roots for path in (REPOSITORY / root).rglob("*")
             if path.suffix in (".py", ".sh", ".md", ".yaml", ".js", ".html")]
    heads = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "setup.py",
             "pyproject.toml")]
    return sorted({*found, *heads} - {REPOSITORY / "tests" / name for name in ("test_words.py", "second_senses.py")})


@cache
def text_of(path: Path) -> str:
    """With the words of names apart, and no signs of a comment; only lines of a YAML do not go on in the next."""
    gap = "\n. " if path.suffix == ".yaml" else "\n"
    return gap.join(re.sub(r"^\s*(#|//|>)?\s*", "", apart) for _, apart in lines_of(path))


def second_senses(term: str) -> list[str]:
    """file:line of each, also where a line ends between its words; looked for around each use of the term."""
    sense = re.compile(rf"(?i)(?<![a-z])({SECOND_SENSES[term][0]})(?![a-z])".replace(" ", r"\s+"))
    near = {(path, found.start(), found[0]) for path in everything()
            for use in re.finditer(f"(?i){term}", text_of(path))
            for found in sense.finditer(text_of(path), max(0, use.start() - 50), use.end() + 50)}
    return [f"{path.relative_to(REPOSITORY)}:{text_of(path).count(chr(10), 0, start) + 1}: {found!r}"
            for path, start, found in sorted(near)]


@pytest.mark.parametrize("term", SECOND_SENSES)
def test_no_word_has_a_second_sense_anywhere(term: str) -> None:
    assert second_senses(term) == [], f"{term}: write {SECOND_SENSES[term][1]} instead"


def test_second_senses_are_seen_in_names_comments_and_across_lines(monkeypatch: pytest.MonkeyPatch,
                                                                  tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("# a worker\n# process\nrun_ids = BackgroundTask()\n")
    monkeypatch.setattr("tests.test_words.REPOSITORY", tmp_path)
    monkeypatch.setattr("tests.test_words.everything", lambda: [file])
    found = [hit for term in SECOND_SENSES for hit in second_senses(term)]
    assert found == ["x.py:3: 'run ids'", "x.py:1: 'worker\\nprocess'", "x.py:3: 'Background Task'"]


def test_every_page_and_yaml_is_searched() -> None:
    names = {str(path.relative_to(REPOSITORY)) for path in everything()}
    assert {"README.md", "CONTRIBUTING.md", "docs/glossary.md", "docs/tutorials/own_rule.md", "configs/demo.yaml",
            "configs/paper/base.yaml", "scripts/demo.sh", "mgcm_fairseq/live/page/page.js"} <= names


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
    found: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(str(path.relative_to(REPOSITORY)))
    several = {name: places for name, places in found.items() if len(places) > 1}
    assert not several, f"give one of each another name: {several}"
