"""scripts/benchmarks/padding.py counts shapes and padding without a grid and with it."""

import json

from mgcm_fairseq.data.length_grid import LengthGrid
from tests.data.test_dataset import load


def test_rows_and_environment(run_script, tiny_corpus, tmp_path, capsys):
    run_script("benchmarks/padding", "--data", tiny_corpus, "--max-tokens", "128000", "--out", tmp_path / "b.json")
    found = json.loads((tmp_path / "b.json").read_text())
    never, always = found["rows"]
    assert (never["grid"], always["grid"]) == ("never", "always")
    assert never["audio_more"] == never["token_more"] == 0
    assert always["lengths"] <= always["shapes"] <= never["shapes"]
    assert 0 < always["audio_more"] < 1
    assert always["audio_padding"] > never["audio_padding"]
    assert found["environment"]["torch"]
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| {grid} | 1 | {batches} | {lengths} | {shapes} | {audio_padding:.2%} | {audio_more:.2%} | "
        "{token_padding:.2%} | {token_more:.2%} |".format(**row) for row in found["rows"]]


def test_what_is_more_is_more_samples(run_script, tiny_corpus, tmp_path):
    """Batches of one have no padding but the grid's."""
    run_script("benchmarks/padding", "--data", tiny_corpus, "--batch-size", "1", "--max-tokens", "480000", "--out",
               tmp_path / "b.json")
    [never, always] = json.loads((tmp_path / "b.json").read_text())["rows"]
    length = load(tiny_corpus).audio_lengths
    rounded = LengthGrid().samples(length)
    assert never["audio_padding"] == never["token_padding"] == 0
    assert always["audio_more"] == rounded.sum() / length.sum() - 1
    assert always["audio_padding"] == 1 - length.sum() / rounded.sum()
    assert (never["batches"], always["batches"], always["lengths"]) == (40, 40, len(set(rounded)))


def test_speed_makes_epochs_differ(run_script, tiny_corpus, tmp_path):
    run_script("benchmarks/padding", "--data", tiny_corpus, "--epochs", "2", "--augment-speed", "0.8,1.25", "--out",
               tmp_path / "b.json")
    rows = json.loads((tmp_path / "b.json").read_text())["rows"]
    assert [(row["grid"], row["epoch"]) for row in rows] == [("never", 1), ("never", 2), ("always", 1), ("always", 2)]
    assert rows[0]["audio_padding"] != rows[1]["audio_padding"]


def test_a_missing_corpus_is_named(refused, tmp_path):
    assert refused("benchmarks/padding", "--data", tmp_path)[0] == 2
