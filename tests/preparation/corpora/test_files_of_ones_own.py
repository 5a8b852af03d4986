"""Files of one's own: preparation writes over none of them, removes none, and notices one that has changed."""

import pytest

from mgcm_fairseq.commands.prepare import main
from tests.data.sounds import noise, write_sound
from tests.preparation.corpora.tables import ROWS, prepare, sound, write_table


def test_a_manifest_is_not_overwritten_by_what_is_made_of_it(folder, capsys):
    write_table(folder / "train.tsv", ("audio", "src_text", "tgt_text"), ROWS)
    before = (folder / "train.tsv").read_bytes()
    assert main(["--manifest", f"train={folder / 'train.tsv'}", "--out", str(folder), "--lang", "de"]) == 2
    assert "--out: expected a folder without the manifests that are read" in capsys.readouterr().err
    assert (folder / "train.tsv").read_bytes() == before


def test_audio_is_not_overwritten_by_what_is_made_of_it(folder, capsys):
    path = folder / "out" / "audio" / "train" / "mine.wav"
    write_sound(path, noise(0.5, 1, 44_100), 44_100)
    before = path.read_bytes()
    write_table(folder / "train.tsv", ("audio", "src_text", "tgt_text"), [(path, "One.", "Eins."), ROWS[0]])
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 2
    assert f"--out: expected a folder whose audio/train is free for new audio, found {path}" in (
        capsys.readouterr().err)
    write_sound(folder / "other.wav", noise(0.5, 1, 44_100), 44_100)
    write_table(folder / "train.tsv", ("audio", "src_text", "tgt_text"), [("other.wav", "One.", "Eins."), ROWS[0]])
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize("way", ["out/audio/train", "wavs/../out/audio/train", "link"])
def test_audio_that_stays_where_converted_audio_goes_is_refused(folder, way, capsys):
    """mine.wav is ready as it lies; its neighbour has to be converted, into mine.wav's folder."""
    own = folder / "out" / "audio" / "train"
    write_sound(own / "mine.wav", sound("mine"), 16_000)
    (own / "mine.json").write_text('{"speaker": "me"}')
    (folder / "link").symlink_to(own)
    before = {path: path.read_bytes() for path in own.iterdir()}
    write_sound(folder / "other.wav", noise(0.5, 1, 44_100), 44_100)
    rows = [(f"{way}/mine.wav", "One.", "Eins."), ("other.wav", "Two.", "Zwei.")]
    write_table(folder / "train.tsv", ("audio", "src_text", "tgt_text"), rows)
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 2
    assert (f"--out: expected a folder whose audio/train is free for new audio, found {folder / way / 'mine.wav'}"
            in capsys.readouterr().err)
    assert {path: path.read_bytes() for path in own.iterdir()} == before


@pytest.mark.parametrize("own", ["dev", "dev.tmp"])
def test_audio_where_simulevals_wavs_go_is_refused(folder, own, capsys):
    """They are ready as they lie, so that nothing is converted."""
    path = folder / "out" / "simuleval" / own / "dev_0_0.wav"
    write_sound(path, sound("mine"), 16_000)
    before = path.read_bytes()
    columns = ("audio", "src_text", "tgt_text")
    write_table(folder / "train.tsv", columns, ROWS)
    write_table(folder / "dev.tsv", columns, [(path, "One.", "Eins.")])
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 2
    assert f"--out: expected a folder whose simuleval/{own} is free for new audio, found {path}" in (
        capsys.readouterr().err)
    assert path.read_bytes() == before


def test_changed_audio_of_a_list_with_carriage_returns_is_noticed(folder):
    for name, lines in (("lst", [path for path, _, _ in ROWS]), ("en", [text for _, text, _ in ROWS]),
                        ("de", [text for _, _, text in ROWS])):
        (folder / f"train.{name}").write_bytes("".join(f"{line} \r\n" for line in lines).encode())
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 0
    write_sound(folder / ROWS[0][0], noise(2.0, 7, 16_000), 16_000, subtype="PCM_16")
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 0
    assert ":0:32000" in (folder / "out" / "train.tsv").read_text()


def test_audio_that_was_packed_is_removed_once_nothing_is_packed(folder):
    write_table(folder / "train.tsv", ("audio", "src_text", "tgt_text"), ROWS)
    packs = folder / "out" / "audio" / "train"
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder), "--pack") == 0
    assert list(packs.glob("*.wav"))
    (packs / "mine.wav").touch()
    assert prepare(folder, "--corpus", "manifest", "--root", str(folder)) == 0
    assert [path.name for path in packs.iterdir()] == ["mine.wav"]
    assert str(packs) not in (folder / "out" / "train.tsv").read_text()
