"""scripts/segmentation_report.py on a trained checkpoint."""

import json
import sys

import pytest
import torch

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.decoding.system import load_system
from tests.fixtures import HELD_OUT, run


@pytest.fixture(scope="module")
def published_checkpoint(tiny_segmenting_checkpoint, tmp_path_factory):
    """The same weights, to be counted as published."""
    state = torch.load(tiny_segmenting_checkpoint)
    state["cfg"]["model"]["segmentation_variant"] = "published"
    path = tmp_path_factory.mktemp("published") / "model.pt"
    torch.save(state, path)
    return path


def segments(checkpoint, corpus):
    """Of each test utterance, from a pass over the whole of it."""
    encoder = load_system(checkpoint, corpus).network.encoder
    counts = []
    with torch.no_grad():
        for utterance in read_manifest(corpus / "tst-COMMON.tsv"):
            waveform = torch.from_numpy(utterance.audio.read())[None]
            lengths = torch.tensor([waveform.size(1)])
            stream, frames = encoder.embed_speech(encoder.front_end(waveform, lengths, PLAIN, ("st",)), lengths, PLAIN)
            boundaries = encoder.segmenter.variant.decide(encoder.segmenter(stream.value), frames).boundaries
            counts.append(int(boundaries[0, :-1].sum()) + 1)
    return counts


def test_counts_are_those_of_whole_utterances(tiny_corpus, tiny_segmenting_checkpoint, published_checkpoint, tmp_path):
    out = tmp_path / "new" / "segments.json"
    said = run(sys.executable, "scripts/segmentation_report.py", "--checkpoint", tiny_segmenting_checkpoint,
               "--published", published_checkpoint, "--corpus", tiny_corpus, "--out", out).stdout
    found = json.loads(out.read_text())
    words = [len(utterance.src_text.split()) for utterance in read_manifest(tiny_corpus / "tst-COMMON.tsv")]
    median = sorted(words)[HELD_OUT // 2]
    assert found["groups"]["median_words"] == median
    for groups, checkpoint in ((found, tiny_segmenting_checkpoint), (found["published"], published_checkpoint)):
        counts = segments(checkpoint, tiny_corpus)
        for name, members in (("short", [w <= median for w in words]), ("long", [w > median for w in words])):
            chosen = [(s, w) for s, w, member in zip(counts, words, members, strict=True) if member]
            assert groups[name]["utterances"] == len(chosen)
            assert groups[name]["segments"] == sum(s for s, _ in chosen)
            assert groups[name]["words"] == sum(w for _, w in chosen)
            assert groups[name]["ratio"] == round(sum(s for s, _ in chosen) / sum(w for _, w in chosen), 4)
    assert found["environment"].items() >= {"split": "tst-COMMON", "variant": "repaired", "utterances": HELD_OUT,
                                            "source_segment_size_ms": 320}.items()
    assert [line.split(",")[0] for line in said.splitlines() if "short" in line][:2] == ["| repaired", "| published"]
    assert [path.name for path in out.parent.iterdir()] == ["segments.json"]


@pytest.mark.parametrize(("options", "message"), [
    ((), "found one that does not segment"),
    (("--published", "SEGMENTING"), "expected a model trained with --segmentation-variant published, found one of rep"),
    (("--split", "tst-HE"), "no such file"), (("--source-segment-size", "0"), "--source-segment-size: expected reads")])
def test_faults_are_named(options, message, tiny_corpus, tiny_checkpoint, tiny_segmenting_checkpoint, tmp_path,
                          refused):
    checkpoint = tiny_segmenting_checkpoint if options else tiny_checkpoint
    options = [tiny_segmenting_checkpoint if option == "SEGMENTING" else option for option in options]
    status, said = refused("segmentation_report", "--checkpoint", checkpoint, "--corpus", tiny_corpus, "--out",
                           tmp_path / "a.json", *options)
    assert status == 2
    assert message in said
    assert not list(tmp_path.iterdir())
