"""Private parts learn by a multiple of the rate, with every optimizer and in every precision that can."""

from types import SimpleNamespace

import pytest
import torch
from fairseq.logging import metrics

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.training.private_rate import private_rate
from tests.training.test_untouched import OPTIMIZERS, Two, optimizer_of

RATES = (0.001, 0.01, 0.004)  # as a schedule sets them: warm-up and decay
FACTOR = 2.5
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16, "memory-efficient": torch.bfloat16}


def learnt(precision, chosen, factor, times=1.0):
    """Weights of the first layer, and of the second, whose rate is `factor` times that of all, after three updates."""
    model = Two().to(DTYPES[precision])
    optimizer, generator = optimizer_of(model, chosen[0], precision, *chosen[1:]), torch.Generator().manual_seed(1)
    for rate in RATES:
        optimizer.set_lr(times * rate)
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
        optimizer._needs_sync = True  # as backward() says
        optimizer.clip_grad_norm(1.0)
        with private_rate(optimizer, list(model.second.parameters()), factor):
            optimizer.step()
        assert len(optimizer.optimizer.param_groups) == 1
        assert optimizer.get_lr() == times * rate
    return [torch.cat([parameter.detach().flatten() for parameter in layer.parameters()])
            for layer in (model.first, model.second)]


@pytest.mark.parametrize(("precision", "chosen"), [
    *(("fp32", one) for one in OPTIMIZERS if one[0] not in ("nag", "adafactor")),
    *((precision, OPTIMIZERS[0]) for precision in DTYPES)], ids=lambda part: part if isinstance(part, str) else part[0])
def test_it_is_as_if_the_others_had_learnt_by_another_rate(precision, chosen):
    first, second = learnt(precision, chosen, FACTOR)
    assert torch.equal(first, learnt(precision, chosen, 1.0)[0])
    assert torch.equal(second, learnt(precision, chosen, 1.0, FACTOR)[1])
    assert not torch.equal(second, learnt(precision, chosen, 1.0)[1])


def test_the_log_has_the_rate_of_each_update():
    with metrics.aggregate(new_root=True) as found:
        learnt("fp32", OPTIMIZERS[0], FACTOR)
    assert found.get_smoothed_value("private_lr") == FACTOR * RATES[-1]


def test_optimizers_that_cannot_are_refused(monkeypatch):
    with pytest.raises(InputError, match="remembers by parameter, found NAG"):
        learnt("fp32", ("nag",), FACTOR)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: None)  # what a parameter on the CPU calls its device
    model = Two().half()
    for optimizer, message in ((optimizer_of(model, "adam", "flat fp16"), "found one of all of them. Add --fp16-no-fl"),
                               (SimpleNamespace(optimizer=SimpleNamespace(param_groups=[{}, {}])), "found 2")):
        with pytest.raises(InputError, match=message), private_rate(optimizer, list(model.parameters()), FACTOR):
            pass
