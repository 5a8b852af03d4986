"""A packed corpus sounds and reads as the one it was packed from."""

import shutil

import numpy as np
import pytest
import soundfile

from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.manifest import write_manifest
from mgcm_fairseq.data.packing import main
from mgcm_fairseq.data.vocabulary import Vocabulary

SPLITS = {"train": 40, "dev": 7, "tst-COMMON": 7}


def contents(folder, split):
    return [(row.id, row.src_text, row.tgt_text, row.speaker, row.src_lang, row.tgt_lang, row.n_frames)
            for row in Columns(folder / f"{split}.tsv")]


@pytest.mark.parametrize(("hours", "several"), [("1", False), ("0.005", True)])
def test_audio_and_texts_are_the_same(tiny_corpus, tmp_path, capsys, hours, several):
    assert main(["--corpus", str(tiny_corpus), "--out", str(tmp_path / "out"), "--hours", hours]) == 0
    told = capsys.readouterr().out
    moved = tmp_path / "moved"  # paths are relative
    shutil.move(tmp_path / "out", moved)
    for split, count in SPLITS.items():
        assert f"{split}: {count} utterances" in told
        assert contents(moved, split) == contents(tiny_corpus, split)
        rows = zip(Columns(moved / f"{split}.tsv"), Columns(tiny_corpus / f"{split}.tsv"), strict=True)
        assert all(np.array_equal(ours.audio.read(), theirs.audio.read()) for ours, theirs in rows)
    assert (len(list((moved / "packed").glob("train_*.wav"))) > 1) == several
    assert len(Vocabulary.load(moved, CorpusConfig.read(moved))) == len(
        Vocabulary.load(tiny_corpus, CorpusConfig.read(tiny_corpus)))


def test_finer_samples_are_rounded_to_16_bits(tiny_corpus, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(tiny_corpus, source, ignore=shutil.ignore_patterns("data", "simuleval"))
    for split in SPLITS:
        rows = Columns(tiny_corpus / f"{split}.tsv")[:1]
        write_manifest(source / f"{split}.tsv", rows)
    loud = np.linspace(-1.2, 1.2, rows[0].n_frames)
    path = source / "a.wav"
    soundfile.write(path, loud, 16_000, "FLOAT")
    line = (source / "train.tsv").read_text().splitlines()
    fields = line[1].split("\t")
    fields[1:3] = f"a.wav:0:{len(loud)}", str(len(loud))
    (source / "train.tsv").write_text("\n".join([line[0], "\t".join(fields)]) + "\n")
    assert main(["--corpus", str(source), "--out", str(tmp_path / "out")]) == 0
    samples = Columns(tmp_path / "out" / "train.tsv")[0].audio.read()
    assert np.abs(samples - loud.clip(-1, 1 - 2**-15)).max() <= 2**-16 + 1e-7


def test_a_corpus_is_not_packed_onto_itself(tiny_corpus, capsys):
    assert main(["--corpus", str(tiny_corpus), "--out", str(tiny_corpus)]) == 2
    assert "--out: expected a folder of its own" in capsys.readouterr().err
