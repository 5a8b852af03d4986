"""Memory and arithmetic counted on the device "meta" are those of the real step."""

import gc
from types import SimpleNamespace

import fairseq.tasks
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from mgcm_fairseq.data.sharing_plan import write_plan
from mgcm_fairseq.measuring.live_bytes import LiveBytes
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.operators import operators_of
from mgcm_fairseq.recipes.step_cost import LATE, MetaTraining
from tests.modules.grouped import grouped_ffn, plan_of_layers
from tests.modules.networks import config
from tests.several_languages import LANGUAGES

BATCH = [0, 1, 2]


SMALL = ["++model.model_dim=16", "++model.ffn_dim=24", "++model.attention_heads=2", "++model.encoder_layers=2",
         "++model.decoder_layers=2", "++model.dropout=0", "model.w2v_path=null"]

ATTENTION = {  # of a CPU, for which PyTorch's counter has no formula; here every argument is a shape
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu:
        lambda query, key, value, *_, **__: sdpa_flop_count(query, key, value),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward:
        lambda cotangent, query, key, value, *_, **__: sdpa_backward_flop_count(cotangent, query, key, value)}


def parts(corpus, row, *more):
    """Task, model and criterion of a row in small, and a batch."""
    torch.manual_seed(0)
    cfg = resolve(row, [f"task.data={corpus}", *SMALL, *more])
    cfg.model.w2v_config = config().w2v_config
    task = fairseq.tasks.setup_task(cfg.task)
    task.load_dataset("train")
    model, criterion = task.build_model(cfg.model), task.build_criterion(cfg.criterion)
    dataset = task.dataset("train")
    return task, model, criterion, dataset.collater([dataset[index] for index in BATCH])


@pytest.mark.parametrize("row", ["multi_task", "mgcm_multi_task", "mgcm_diseg", "pcgrad_diseg", "mgcm_imtl_multi_task"])
def test_memory_is_that_of_the_real_step(tiny_corpus, row):
    check_memory(tiny_corpus, row, *(["task.asr_until=0"] if "imtl" in row else []))


def check_memory(corpus, row, *more):
    """That counted is that of a real step."""
    fake = MetaTraining(*parts(corpus, row, *more)[:3], torch.float32, gpu=False)
    task, model, criterion, batch = parts(corpus, row, *more)
    assert fake.parameters == sum(parameter.numel() for parameter in model.parameters())
    weights = list(model.parameters())
    gc.collect()
    with LiveBytes(weights) as memory:
        task.train_step(batch, model, criterion, SimpleNamespace(backward=lambda loss: loss.backward()), LATE)
    real = memory.peak - sum(weight.nbytes for weight in weights)
    assert fake.cost(batch).peak_bytes == pytest.approx(real, rel=0.05)


def test_memory_of_grouped_layers_is_that_of_the_real_step(two_languages, tmp_path):
    plan = plan_of_layers(grouped_ffn(0, (1, 5, 23), {"g0": (LANGUAGES[0],), "g1": (LANGUAGES[1],)}))
    write_plan(tmp_path / "plan.yaml", plan)
    check_memory(two_languages, "mgcm_gdps_multi_task", f"model.sharing_plan={tmp_path / 'plan.yaml'}")


def test_arithmetic_is_that_of_pytorchs_counter(tiny_corpus):
    task, model, criterion, batch = parts(tiny_corpus, "multi_task")
    with FlopCounterMode(display=False, custom_mapping=ATTENTION) as counter:
        task.train_step(batch, model, criterion, SimpleNamespace(backward=lambda loss: loss.backward()), LATE)
    fake = MetaTraining(*parts(tiny_corpus, "multi_task")[:3], torch.float32, gpu=False)
    assert fake.cost(batch).flops == counter.get_total_flops()


def test_layers_that_training_may_drop_are_counted(tiny_corpus):
    flops = []
    for drop in (0.0, 0.999):
        task, model, criterion, batch = parts(tiny_corpus, "multi_task")
        model.network.encoder.front_end.config.encoder_layerdrop = drop
        flops.append(MetaTraining(task, model, criterion, torch.float32, gpu=False).cost(batch).flops)
    assert flops[0] == flops[1]


def test_half_precision_takes_half(tiny_corpus):
    costs = []
    for dtype in (torch.float32, torch.float16):
        task, model, criterion, batch = parts(tiny_corpus, "multi_task")
        costs.append(MetaTraining(task, model, criterion, dtype, gpu=True).cost(batch))
    assert 0.45 < costs[1].peak_bytes / costs[0].peak_bytes < 0.75
    assert costs[1].flops == costs[0].flops


B, H, T, D = 3, 2, 40, 16


def kept(run):
    """Bytes that the backward pass of `run` on a fresh (B, H, T, D) holds beside its input."""
    x = torch.zeros(B, H, T, D, dtype=torch.float16, device="meta", requires_grad=True)
    with operators_of(gpu=True), LiveBytes([x]) as memory:
        answer = run(x)
        assert answer.requires_grad
        now = memory.now
    return now - x.nbytes


@pytest.mark.parametrize("probability", [0.0, 0.1])
@pytest.mark.parametrize("mask", [None, torch.bool, torch.float16])
def test_a_gpus_attention_keeps_no_weights(probability, mask):
    bias = None if mask is None else torch.zeros(B, 1, 1, T, dtype=mask, device="meta")
    found = kept(lambda x: F.scaled_dot_product_attention(x, x, x, bias, probability))
    answer = B * H * T * D * 2
    for_each_query = B * H * 32 * -(-T // 32) * 4  # the logarithm of its sum, in fp32, in tiles of 32
    small = B * T * 2 + 64  # the mask as a bias, and the state of the random numbers
    assert answer + for_each_query <= found <= answer + for_each_query + small < answer + B * H * T * T * 2


def test_a_gpus_dropout_keeps_a_byte_a_number():
    numbers = B * H * T * D
    assert kept(lambda x: F.dropout(x, 0.1, True)) == numbers * (2 + 1)
    assert kept(lambda x: torch.nn.Dropout(0.1)(x)) == numbers * (2 + 1)
    assert kept(lambda x: F.dropout(x, 0.0, True) * 1) == numbers * 2


def test_dropout_takes_less_on_a_gpu(tiny_corpus):
    costs = []
    for gpu in (False, True):
        task, model, criterion, batch = parts(tiny_corpus, "multi_task", "++model.dropout=0.1")
        costs.append(MetaTraining(task, model, criterion, torch.float32, gpu).cost(batch))
    assert costs[1].peak_bytes < costs[0].peak_bytes
    assert costs[0].flops < costs[1].flops < 1.01 * costs[0].flops  # a fused kernel makes its weights twice


def test_operators_are_pytorchs_again_afterwards():
    stock = F.scaled_dot_product_attention, F.dropout, torch.autocast
    with operators_of(gpu=True):
        assert F.dropout is not stock[1]
    assert stock == (F.scaled_dot_product_attention, F.dropout, torch.autocast)


def test_a_second_step_costs_the_same(tiny_corpus):
    task, model, criterion, batch = parts(tiny_corpus, "mgcm_diseg")
    training = MetaTraining(task, model, criterion, torch.float32, gpu=True)
    assert training.cost(batch).flops == training.cost(batch).flops
