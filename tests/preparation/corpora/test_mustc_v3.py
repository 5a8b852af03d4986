"""MuST-C v3: the layout of v1 and v2 with other languages, and test sets that only --splits names."""

import json

import pytest

from mgcm_fairseq.commands.prepare import main
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.data.vocabulary import Vocabulary

CHINESE = ("早上好！", "狗看见了老房子。", "（笑声）为什么没有人听？", "孩子们在绿色的花园里玩耍。", "我们明天会回来。")


@pytest.fixture
def english_chinese(corpus):
    corpus.write_split("tst2019", style="v2")
    for split in ("train", "dev", "tst-COMMON", "tst2019"):
        corpus.txt(split, "de").rename(corpus.txt(split, "zh"))
        corpus.txt(split, "zh").write_text("".join(f"{text}\n" for text in CHINESE), encoding="utf-8")
    corpus.pair.rename(corpus.root / "en-zh")
    return corpus.root / "en-zh"


def prepare(folder, *more):
    return main(["--root", str(folder.parent), "--lang", "zh", "--vocab-size", "90", "--processes", "1", *more])


def test_english_to_chinese(english_chinese):
    assert prepare(english_chinese) == 0
    assert [row.tgt_text for row in read_manifest(english_chinese / "dev.tsv")] == [
        CHINESE[1], CHINESE[0], *CHINESE[2:]]
    vocabulary = Vocabulary.load(english_chinese, CorpusConfig.read(english_chinese))
    assert vocabulary.decode(vocabulary.encode(CHINESE[3])) == CHINESE[3]
    report = json.loads((english_chinese / "prep_report.json").read_text())
    assert report["vocabulary"]["unknown_characters"] == 0
    assert "tst2019" not in report


def test_another_test_set_is_prepared_when_named(english_chinese):
    assert prepare(english_chinese, "--splits", "train", "dev", "tst2019") == 0
    assert len((english_chinese / "simuleval" / "tst2019.source").read_text().splitlines()) == 5
