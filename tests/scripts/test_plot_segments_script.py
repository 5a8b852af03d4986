"""scripts/plot_segments.py draws utterances of a manifest and recordings."""

import sys

import pytest
import soundfile

from mgcm_fairseq.data.manifest import read_manifest
from tests.fixtures import run


@pytest.fixture
def options(tiny_corpus, tiny_segmenting_checkpoint, tmp_path):
    return ["--checkpoint", tiny_segmenting_checkpoint, "--corpus", tiny_corpus, "--lag", "1", "--out",
            tmp_path / "new" / "a.png"]


def test_an_utterance_is_found_by_index_and_by_id(options, tiny_corpus, tmp_path, run_script):
    said = run(sys.executable, "-W", "ignore", "scripts/plot_segments.py", *options, "--utterance", "2")
    assert said.stdout == f"{tmp_path / 'new' / 'a.png'}\n"
    assert said.stderr == ""
    by_index = (tmp_path / "new" / "a.png").read_bytes()
    assert by_index.startswith(b"\x89PNG")
    run_script("plot_segments", *options, "--utterance", read_manifest(tiny_corpus / "tst-COMMON.tsv")[2].id)
    assert (tmp_path / "new" / "a.png").read_bytes() == by_index
    run_script("plot_segments", *options, "--utterance", "1")
    assert (tmp_path / "new" / "a.png").read_bytes() != by_index
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_a_recording_needs_no_transcript(options, tmp_path, run_script):
    soundfile.write(tmp_path / "a.wav", [[0.1, 0.0], [0.0, 0.1]] * 8_000, 8_000)
    run_script("plot_segments", *options, "--audio", tmp_path / "a.wav")
    assert (tmp_path / "new" / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("more", "message"), [
    (("--utterance", "99"), "an index from 0 to 6, found 99"), (("--utterance", "talk"), "found talk"),
    (("--audio", "SHORT"), "which make a frame, found 399"),
    (("--utterance", "0", "--split", "tst-HE"), "no such file"),
    (("--utterance", "0", "--lag", "0"), "--lag: expected k of at least 1")])
def test_faults_are_named(options, more, message, tmp_path, refused):
    soundfile.write(tmp_path / "short.wav", [0.0] * 399, 16_000)
    more = [tmp_path / "short.wav" if option == "SHORT" else option for option in more]
    status, said = refused("plot_segments", *options, *more)
    assert status == 2
    assert message in said
    assert not (tmp_path / "new").exists()


def test_a_model_that_does_not_segment_is_refused(options, tiny_checkpoint, refused):
    status, said = refused("plot_segments", *options, "--checkpoint", tiny_checkpoint, "--utterance", "0")
    assert status == 2
    assert "found one that does not segment" in said
