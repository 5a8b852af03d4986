"""fairseq's generator over a batch of several languages: each row passes the private parts of its own language."""

import pytest
import torch
from omegaconf import open_dict

from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.dataset import SpeechTranslationDataset
from mgcm_fairseq.decoding.system import load_trained
from mgcm_fairseq.models.simul_st import SimulSTModel
from tests.modules.grouped import grouped_ffn, plan_text, told_apart
from tests.several_languages import LANGUAGES


@pytest.fixture
def trained(two_languages_checkpoint, two_languages):
    return load_trained(two_languages_checkpoint, two_languages)


def test_rows_are_translated_as_they_are_alone(trained, two_languages):
    torch.manual_seed(3)
    with open_dict(trained.cfg.model):
        trained.cfg.model.sharing_plan = plan_text(grouped_ffn(0, (1, 5, 23), {"g0": ("qaa",), "g1": ("qab",)}))
    model = SimulSTModel.build_model(trained.cfg.model, trained.task).eval()
    told_apart(model.network)
    dataset = SpeechTranslationDataset(Columns(two_languages / "tst-COMMON.tsv"), trained.task.vocabulary,
                                       src_langs=LANGUAGES)
    generator = trained.task.build_generator([model], trained.cfg.generation)

    def translated(*rows):
        batch = dataset.collater([dataset[row] for row in rows])
        found = trained.task.inference_step(generator, [model], batch)
        return {row: (best[0]["tokens"].tolist(), float(best[0]["score"]))
                for row, best in zip(batch["id"].tolist(), found, strict=True)}

    rows = [0, 1, len(dataset) - 2, len(dataset) - 1]
    mixed = translated(*rows)
    for row in rows:
        (tokens, score), = translated(row).values()
        assert mixed[row] == (tokens, pytest.approx(score, abs=1e-4))
    batch = dataset.collater([dataset[row] for row in rows])
    assert sorted(set(batch["language"].tolist())) == [0, 1]
    other = {**batch, "language": 1 - batch["language"]}
    found = trained.task.inference_step(generator, [model], other)
    scores = [float(best[0]["score"]) for best in found]
    assert scores != pytest.approx([mixed[row][1] for row in other["id"].tolist()], abs=1e-4)
    with pytest.raises(ValueError, match="expected the languages of 4 rows, found none"):
        trained.task.inference_step(generator, [model], {**batch, "language": None})
