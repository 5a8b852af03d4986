"""A measured speed is that of the training that was measured, and of no other."""

import pytest
from omegaconf import OmegaConf

from mgcm_fairseq.recipes.measured import MEASURED, find

GPU = "NVIDIA H200"
SIZE = 190_677_376


def configuration(**changes):
    cfg = OmegaConf.create({"common": {"fp16": True, "bf16": False, "amp": False},
                            "task": {"conflict_rule": "mgcm", "conflict_scope": "all", "conflict_engine": "streamed",
                                     "conflict_granularity": "module"},
                            "dataset": {"max_tokens": 12_000_000}, "model": {"checkpoint_activations": False}})
    for name, value in changes.items():
        OmegaConf.update(cfg, name.replace("__", "."), value)
    return cfg


def test_the_training_that_was_measured_is_found():
    found = find(GPU, "mgcm_multi_task", configuration(), SIZE)
    assert found in MEASURED
    assert found.training == "mgcm_multi_task"
    above = find(GPU, "mgcm_multi_task", configuration(task__conflict_scope="above-front-end"), SIZE)
    plain = find(GPU, "multi_task", configuration(task__conflict_rule="none"), SIZE)
    assert found.audio_per_s < above.audio_per_s < plain.audio_per_s


@pytest.mark.parametrize("change", [
    {"task__conflict_scope": "encoder"}, {"task__conflict_rule": "pcgrad"}, {"task__conflict_engine": "stash"},
    {"task__conflict_granularity": "layer"}, {"dataset__max_tokens": 1_500_000},
    {"model__checkpoint_activations": True}, {"common__fp16": False}])
def test_another_training_is_not(change):
    assert find(GPU, "mgcm_multi_task", configuration(**change), SIZE) is None


@pytest.mark.parametrize(("gpu", "training", "size"), [
    ("NVIDIA A100", "mgcm_multi_task", SIZE), (GPU, "mgcm_diseg", SIZE), (GPU, "mgcm_multi_task", 2 * SIZE)])
def test_nor_is_another_gpu_row_or_size(gpu, training, size):
    assert find(gpu, training, configuration(), size) is None
