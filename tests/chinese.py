"""A tiny spoken corpus with Chinese translations, and a model that writes Chinese."""

import sys
from pathlib import Path

import pytest

from tests.fixtures import HELD_OUT, made_once, run, training_command

TRAINED = [  # Latin words, digits, spaces, wide and narrow marks
    ("We flew to New York in 2019.", "我们2019年飞到了New York。"),
    ("He said that Steve Jobs used it.", "他说：“Steve Jobs用过它。”"),
    ("It is 25 degrees warm outside.", "外面有25°C。"),
    ("AI is not magic.", "AI不是魔法。"),
    ("Thank you, that is all.", "谢谢，就这些！"),
    ("From London to Beijing it is 8,000 kilometres.", "从伦敦到北京有8,000公里。"),
    ("Ten thousand people came, that is 10,000.", "来了一万人，就是10,000人。"),
    ("Google and Facebook are large companies.", "Google和Facebook是大公司。"),
    ("My father drinks green tea.", "我爸爸喝绿茶。"),
    ("DNA is a long molecule.", "DNA是一个很长的分子。"),
    ("Water, air and light are free.", "水、空气和光都是免费的。"),
    ("That costs 3.5 dollars.", "那个要3.5美元。"),
]
UNSEEN = [
    ("Is this your book?", "这是你的书吗？"),
    ("My mother reads the newspaper.", "我妈妈看报纸。"),
    ("She flew to New York with an iPhone.", "她带着iPhone飞到了New York。"),
    ("Do you know Steve Jobs?", "你知道Steve Jobs吗？"),
    ("The film 'Dream of the Red Chamber' is long.", "电影《红楼梦》很长。"),
    ("Half of the people, 50 percent, stayed.", "一半的人，50%，留下了。"),
    ("The teacher wrote on the board.", "老师在黑板上写字。"),
]
HEARD_AGAIN = [(f"{source[:-1]}!", target) for source, target in TRAINED[:HELD_OUT]]  # by other voices
UPDATES = 200


@pytest.fixture(scope="session")
def tiny_chinese_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared corpus that trains on TRAINED and is tested on HEARD_AGAIN: the folder to train on."""
    def make(folder: Path) -> None:
        lines = [*UNSEEN, *HEARD_AGAIN, *TRAINED]
        for name, texts in zip(("text.en", "text.zh"), zip(*lines, strict=True), strict=True):
            (folder / name).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        run(sys.executable, "scripts/make_spoken_corpus.py", "--source", folder / "text.en", "--target",
            folder / "text.zh", "--target-lang", "zh", "--out", folder / "corpus", "--train", str(len(TRAINED)),
            "--dev", str(len(UNSEEN)), "--test", str(HELD_OUT))
        run("bash", "scripts/prep_mustc.sh", "--root", folder / "corpus", "--lang", "zh", "--vocab-size", "160")

    return made_once(tmp_path_factory, "tiny_chinese", make) / "corpus" / "en-zh"


@pytest.fixture(scope="session")
def tiny_chinese_checkpoint(tiny_chinese_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that segments, hears in blocks and writes sentences of TRAINED, though not always those that were said.

    Its front end stays random: so it tells utterances apart after a few updates.
    """
    return made_once(tmp_path_factory, "tiny_chinese_training", lambda folder: run(*training_command(
        tiny_chinese_corpus, folder, UPDATES, "--disable-validation", "--tasks", "st", "--lr", "4e-3",
        "--freeze-front-end-updates", "1000", "--front-end-block", "320", "--segmentation-variant", "repaired",
        "--segment-from", "100"))) / "checkpoint_last.pt"
