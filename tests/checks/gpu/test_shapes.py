"""Shapes of batches against the tensors that training would get."""

import pytest

from mgcm_fairseq.benchmarks.conflict.workload import Shape
from mgcm_fairseq.checks.gpu import shapes
from mgcm_fairseq.checks.gpu.setting import GpuSetting
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.dataset import SpeechTranslationDataset
from mgcm_fairseq.data.length_grid import LengthGrid
from mgcm_fairseq.data.vocabulary import Vocabulary


@pytest.mark.parametrize("grid", [None, LengthGrid()])
def test_shapes_are_those_of_the_collated_batches(tiny_corpus, tmp_path, grid, monkeypatch):
    monkeypatch.setattr(shapes, "BATCHES", 8)  # of several utterances each
    found = shapes.shapes_of(GpuSetting(tmp_path, tiny_corpus, "cpu", False, 60), grid)
    vocabulary = Vocabulary.load(tiny_corpus, CorpusConfig.read(tiny_corpus))
    data = SpeechTranslationDataset(Columns(tiny_corpus / "train.tsv"), vocabulary, 1, grid=grid)
    most = max(int(data.audio_lengths.max()), int(data.audio_lengths.sum()) // 8)
    data.cap_grid(most)
    batches = [data.collater([data[int(index)] for index in batch])
               for batch in data.batch_by_size(data.ordered_indices(), max_tokens=most)]
    expected = [Shape(*batch["net_input"]["src_tokens"].shape, batch["transcript"].size(1), batch["target"].size(1))
                for batch in batches]
    assert sorted(found) == sorted(expected)
    assert sum(shape.utterances for shape in found) == len(data)
    assert found != sorted(found)  # as training meets them
