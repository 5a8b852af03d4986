"""Text from parallel files: order, splits without overlap, errors with file and line, counted reports."""

import gzip
from pathlib import Path

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.spoken.text import Sizes, file_splits

SIZES = Sizes(train=2, dev=1, test=1)


def write(folder: Path, source: list[str], target: list[str]) -> tuple[Path, Path]:
    paths = folder / "text.en", folder / "text.de"
    for path, lines in zip(paths, (source, target), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return paths


def test_splits_follow_the_file_and_do_not_overlap(tmp_path: Path) -> None:
    source, target = write(tmp_path, ["One.", "One.", "Two.", "One.", "Three.", "Three.", "Four."],
                           ["Eins.", "Ein.", "Zwei.", "Eins.", "Drei.", "Dritte.", "Vier."])
    splits, left_out = file_splits(source, target, SIZES, skip_bad=False)
    assert splits == {"dev": [("One.", "Eins.")], "tst-COMMON": [("Two.", "Zwei.")],
                      "train": [("Three.", "Drei."), ("Three.", "Dritte.")]}
    assert left_out == {"already in dev or tst-COMMON": 2}


def test_gzip_empty_lines_and_ends_of_lines_with_a_return_are_read(tmp_path: Path) -> None:
    text = "\ufeffOne  man.\r\nTwo\tmen.\r\nThree men.\r\nFour men."
    for name in ("text.en.gz", "text.de.gz"):
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    splits, _ = file_splits(tmp_path / "text.en.gz", tmp_path / "text.de.gz", SIZES, skip_bad=False)
    assert splits["dev"] == [("One man.", "One man.")]
    assert [pair[0] for pair in splits["tst-COMMON"] + splits["train"]] == ["Two men.", "Three men.", "Four men."]


@pytest.mark.parametrize(("source", "target", "name"), [
    (["A.", "", "B.", "C.", "D."], ["A.", "X.", "B.", "C.", "D."], "text.en"),
    (["A.", "X.", "B.", "C.", "D."], ["A.", "...", "B.", "C.", "D."], "text.de"),
])
def test_a_line_without_words_is_named_or_skipped_and_counted(
        tmp_path: Path, source: list[str], target: list[str], name: str) -> None:
    paths = write(tmp_path, source, target)
    with pytest.raises(InputError, match=f"{name}:2: expected a sentence") as caught:
        file_splits(*paths, SIZES, skip_bad=False)
    assert caught.value.found in ("''", "'...'")
    splits, left_out = file_splits(*paths, SIZES, skip_bad=True)
    assert [len(pairs) for pairs in splits.values()] == [1, 1, 2]
    assert left_out == {"no letter or digit": 1}


def test_files_of_different_length_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"text\.de: expected 3 lines as in .*text\.en, found 2"):
        file_splits(*write(tmp_path, ["A.", "B.", "C."], ["A.", "B."]), SIZES, skip_bad=True)


def test_too_few_lines_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected 4 usable lines, found 3"):
        file_splits(*write(tmp_path, ["A.", "B.", "C."], ["A.", "B.", "C."]), SIZES, skip_bad=False)


def test_unreadable_files_are_errors(tmp_path: Path) -> None:
    source, target = write(tmp_path, ["A."], ["A."])
    with pytest.raises(InputError, match="no such file"):
        file_splits(tmp_path / "none.en", target, SIZES, skip_bad=False)
    packed = bytearray(gzip.compress("".join(f"Sentence {number}.\n" for number in range(999)).encode()))
    packed[600:660] = bytes(60)
    (tmp_path / "spoilt.gz").write_bytes(packed)
    with pytest.raises(InputError, match=r"spoilt\.gz: expected UTF-8 text, plain or"):
        file_splits(source, tmp_path / "spoilt.gz", SIZES, skip_bad=False)
    (tmp_path / "plain.gz").write_bytes(b"A.\n")
    with pytest.raises(InputError, match=r"plain\.gz: expected UTF-8 text, plain or \(with the suffix \.gz\) gzip"):
        file_splits(source, tmp_path / "plain.gz", SIZES, skip_bad=False)
    target.write_bytes("Ä.\n".encode("latin-1"))
    with pytest.raises(InputError, match="expected UTF-8"):
        file_splits(source, target, SIZES, skip_bad=False)


@pytest.mark.parametrize("line", ['"He said ""no""."', 'He said \\"no\\".'])
def test_a_text_that_is_quoted_as_a_table_is_refused(tmp_path: Path, line: str) -> None:
    paths = write(tmp_path, ['"A."', '"B" is a "letter"', line, "D."], ["A.", "B.", "C.", "D."])
    with pytest.raises(InputError, match=r"text\.en:3: expected a sentence as it is spoken or written, found one quot"):
        file_splits(*paths, SIZES, skip_bad=True)
