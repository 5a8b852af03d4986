"""On a GPU: the peak of a real step is the plan's, in every precision's layout."""

from types import SimpleNamespace

import pytest
import torch

from mgcm_fairseq.recipes.step_cost import LATE, MetaTraining
from tests.recipes.test_step_cost import parts

pytestmark = pytest.mark.cuda
LARGER = ["++model.dropout=0.1", "++model.model_dim=256", "++model.ffn_dim=1024", "++model.encoder_layers=6",
          "++model.decoder_layers=6"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("row", ["multi_task", "mgcm_multi_task", "mgcm_diseg"])
def test_memory_is_that_of_the_allocator(tiny_corpus, row, dtype):
    task, model, criterion, batch = parts(tiny_corpus, row, *LARGER)
    counted = MetaTraining(task, model, criterion, dtype, gpu=True).cost(batch).peak_bytes
    task, model, criterion, batch = parts(tiny_corpus, row, *LARGER)
    model.to("cuda", dtype)
    from fairseq.utils import move_to_cuda

    batch = move_to_cuda(batch)
    batch["net_input"]["src_tokens"] = batch["net_input"]["src_tokens"].to(dtype)
    optimizer = SimpleNamespace(backward=lambda loss: loss.backward())
    before = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        torch.cuda.synchronize()
        start = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        task.train_step(batch, model, criterion, optimizer, LATE)
        assert counted == pytest.approx(torch.cuda.max_memory_allocated() - start, rel=0.1)
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)
