"""A tiny corpus with two made-up source languages, prepared, and a model that has seen it for ten updates."""

import shutil
from pathlib import Path

import pytest

from mgcm_fairseq.commands.prepare import main
from tests.fixtures import made_once
from tests.tiny_mustc import UTTERANCES, TinyCorpus

LANGUAGES = ("qab", "qaa")  # not in the order of the alphabet: ranks are those of --src-lang
LETTERS = {"qaa": str.maketrans("aeiou", "eioua"), "qab": str.maketrans("bdfgk", "dfgkb")}
SPLITS = {"train": 5, "dev": 3, "tst-COMMON": 4}  # utterances of each language


def write_language(root: Path, code: str) -> TinyCorpus:
    """English of other letters in MuST-C's layout, with the same names of talks in each language."""
    made = TinyCorpus(root, code)
    spoken = [(*span, source.translate(LETTERS[code]), target) for *span, source, target in UTTERANCES]
    for split, count in SPLITS.items():
        made.write_split(split, spoken[:count])
    return made


def arguments(root: Path, *more: str) -> list[str]:
    """Of the preparation of both languages."""
    return ["--root", str(root), "--lang", "de", "--src-lang", ",".join(LANGUAGES), "--vocab-size", "60",
            "--processes", "1", *more]


@pytest.fixture(scope="session")
def two_languages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder to train on."""
    def make(root: Path) -> None:
        for code in LANGUAGES:
            write_language(root, code)
        assert main(arguments(root)) == 0

    return made_once(tmp_path_factory, "two_languages", make)


@pytest.fixture(scope="session")
def two_languages_twice(two_languages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten training utterances of each language: the five, and each once more with a longer translation."""
    def make(folder: Path) -> None:
        shutil.copytree(two_languages, folder, dirs_exist_ok=True)
        (folder / "finished").unlink()  # of what was copied
        header, *rows = (folder / "train.tsv").read_text(encoding="utf-8").splitlines()
        fields = [dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in rows]
        more = ["\t".join({**row, "id": f"again_{row['id']}", "tgt_text": f"{row['tgt_text']} Der Hund."}.values())
                for row in fields]
        (folder / "train.tsv").write_text("\n".join([header, *rows, *more]) + "\n", encoding="utf-8")

    return made_once(tmp_path_factory, "two_languages_twice", make)


@pytest.fixture(scope="session")
def two_languages_checkpoint(two_languages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.training.here import train_here  # fairseq, for those who train

    return made_once(tmp_path_factory, "two_languages_training", lambda folder: train_here(
        two_languages, folder, 10, "--eval-bleu")) / "checkpoint_last.pt"
