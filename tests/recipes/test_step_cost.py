"""Memory and arithmetic counted on the device "meta" are those of the real step."""

import gc
from types import SimpleNamespace

import fairseq.tasks
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from mgcm_fairseq.evaluation.conflict_benchmark.live_bytes import LiveBytes
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.step_cost import LATE, MetaTraining
from tests.modules.networks import config

BATCH = [0, 1, 2]


SMALL = ["++model.model_dim=16", "++model.ffn_dim=24", "++model.attention_heads=2", "++model.encoder_layers=2",
         "++model.decoder_layers=2", "++model.dropout=0", "model.w2v_path=null"]

ATTENTION = {  # of a CPU, for which PyTorch's counter has no formula; here every argument is a shape
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu:
        lambda query, key, value, *_, **__: sdpa_flop_count(query, key, value),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward:
        lambda cotangent, query, key, value, *_, **__: sdpa_backward_flop_count(cotangent, query, key, value)}


def parts(corpus, row):
    """Task, model and criterion of a row in small, and a batch."""
    torch.manual_seed(0)
    cfg = resolve(row, [f"task.data={corpus}", *SMALL])
    cfg.model.w2v_config = config().w2v_config
    task = fairseq.tasks.setup_task(cfg.task)
    task.load_dataset("train")
    model, criterion = task.build_model(cfg.model), task.build_criterion(cfg.criterion)
    dataset = task.dataset("train")
    return task, model, criterion, dataset.collater([dataset[index] for index in BATCH])


@pytest.mark.parametrize("row", ["multi_task", "mgcm_multi_task", "mgcm_diseg", "pcgrad_diseg"])
def test_memory_is_that_of_the_real_step(tiny_corpus, row):
    fake = MetaTraining(*parts(tiny_corpus, row)[:3], torch.float32, gpu=False)
    task, model, criterion, batch = parts(tiny_corpus, row)
    assert fake.parameters == sum(parameter.numel() for parameter in model.parameters())
    weights = list(model.parameters())
    gc.collect()
    with LiveBytes(weights) as memory:
        task.train_step(batch, model, criterion, SimpleNamespace(backward=lambda loss: loss.backward()), LATE)
    real = memory.peak - sum(weight.nbytes for weight in weights)
    assert fake.cost(batch).peak_bytes == pytest.approx(real, rel=0.05)


def test_arithmetic_is_that_of_pytorchs_counter(tiny_corpus):
    task, model, criterion, batch = parts(tiny_corpus, "multi_task")
    with FlopCounterMode(display=False, custom_mapping=ATTENTION) as counter:
        task.train_step(batch, model, criterion, SimpleNamespace(backward=lambda loss: loss.backward()), LATE)
    fake = MetaTraining(*parts(tiny_corpus, "multi_task")[:3], torch.float32, gpu=False)
    assert fake.cost(batch).flops == counter.get_total_flops()


def test_half_precision_takes_half(tiny_corpus):
    costs = []
    for dtype in (torch.float32, torch.float16):
        task, model, criterion, batch = parts(tiny_corpus, "multi_task")
        costs.append(MetaTraining(task, model, criterion, dtype, gpu=True).cost(batch))
    assert 0.45 < costs[1].peak_bytes / costs[0].peak_bytes < 0.75
    assert costs[1].flops == costs[0].flops


def test_a_second_step_costs_the_same(tiny_corpus):
    task, model, criterion, batch = parts(tiny_corpus, "mgcm_diseg")
    training = MetaTraining(task, model, criterion, torch.float32, gpu=True)
    assert training.cost(batch).flops == training.cost(batch).flops
