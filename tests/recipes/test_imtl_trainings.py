"""IMTL's rows as their YAMLs have them, all five mechanisms on, at next to no size: three updates and a validation."""

import re

import pytest
from fairseq_cli import train

from mgcm_fairseq.checks.gpu.random_wav2vec2 import SMALL as FRONT_END
from mgcm_fairseq.checks.gpu.random_wav2vec2 import save_random
from mgcm_fairseq.criterions import multitask
from mgcm_fairseq.criterions.modality import state_contrast
from mgcm_fairseq.recipes.configuration import resolve
from tests.training.here import as_new, weights

SIZES = ["model.model_dim=16", "model.ffn_dim=24", "model.attention_heads=2", "++model.encoder_layers=1",
         "++model.decoder_layers=1", "common.fp16=false", "common.cpu=true", "dataset.num_workers=0",
         "dataset.batch_size=4", "++dataset.batch_size_valid=8", "common.log_interval=1"]
SCHEDULE = ["model.freeze_front_end_updates=1", "model.shrink_from=1", "task.task_weight_interval=1",
            "task.asr_until=2", "lr_scheduler.warmup_updates=1", "checkpoint.save_interval_updates=2"]
NOISE = ["task.transcript_noise='1,0.2'"]  # of each utterance, since there are few


def trained(row, corpus, folder, updates):
    """The weights behind so many updates."""
    save_random(folder / "w2v.pt", FRONT_END)
    cfg = resolve(row, [f"task.data={corpus}", f"checkpoint.save_dir={folder}", f"model.w2v_path={folder / 'w2v.pt'}",
                        f"optimization.max_update={updates}", *SIZES, *SCHEDULE, *NOISE])
    with as_new():
        train.main(cfg)
    return weights(folder / "checkpoint_last.pt")


@pytest.mark.parametrize("row", ["imtl_multi_task", "mgcm_imtl_multi_task"])
def test_a_row_trains_with_every_mechanism_on(tiny_corpus, tmp_path, caplog, monkeypatch, row):
    contrasts = []
    monkeypatch.setattr(multitask, "state_contrast", lambda *given: contrasts.append(state_contrast(*given))
                        or contrasts[-1])
    with caplog.at_level("INFO"):
        found = trained(row, tiny_corpus, tmp_path, 3)
    assert all(weight.isfinite().all() for weight in found.values())
    assert found["network.encoder.shrinker._extra_state"], "speech is shrunk"
    assert "network.encoder.layers.0.local.depthwise.weight" in found
    assert len(contrasts) == 3
    assert re.findall(r"update (\d+): task weights", caplog.text) == ["1", "2", "3"]
    with_asr, without = (re.search(rf"asr_weight=.*num_updates={update}", caplog.text)[0] for update in (2, 3))
    assert "asr_nll=None" not in with_asr
    assert "asr_weight=0" in without
    assert "asr_nll=None" in without
    assert re.search(r"ctc_pieces=[\d.]+", without), "ST has it now"
    assert "nothing reads" not in caplog.text
