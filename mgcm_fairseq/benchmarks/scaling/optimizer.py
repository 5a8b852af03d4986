"""What fairseq's optimizer for --fp16 keeps and moves, measured on one parameter."""

import gc
from typing import Any, NamedTuple

import torch
from fairseq.dataclass.configs import FairseqConfig
from fairseq.optim import FP16Optimizer
from fairseq.optim.adam import FairseqAdamConfig
from omegaconf import OmegaConf
from torch import nn

from mgcm_fairseq.measuring.live_bytes import LiveBytes
from mgcm_fairseq.measuring.work import Work

PARAMETERS = 100_000


class Update(NamedTuple):
    """Of Adam with half-precision parameters, as fairseq's FP16Optimizer wraps it."""

    kept: float  # bytes a parameter, beside the half-precision parameter and its gradient
    touched: float  # bytes a parameter read and written in one update


def measure() -> Update:
    """Counts on the second update, when Adam's averages are there."""
    parameter = nn.Parameter(torch.zeros(PARAMETERS, dtype=torch.float16))
    with LiveBytes([parameter]) as memory:
        optimizer = FP16Optimizer.build_optimizer(_config(), [parameter])
        _update(optimizer, parameter)
        with Work() as work:
            _update(optimizer, parameter)
        parameter.grad = None
        gc.collect()
        kept = memory.now - parameter.nbytes
    return Update(round(kept / PARAMETERS, 1), round(work.touched / PARAMETERS, 1))


def _update(optimizer: Any, parameter: nn.Parameter) -> None:
    optimizer.zero_grad()
    parameter.grad = torch.full_like(parameter, 1e-3)
    optimizer.multiply_grads(0.5)
    optimizer.clip_grad_norm(10.0)
    optimizer.step()


def _config() -> Any:
    config = OmegaConf.structured(FairseqConfig)
    config.common.fp16 = config.common.fp16_no_flatten_grads = True  # flat ones need a GPU, and are as large
    config.optimizer = OmegaConf.structured(FairseqAdamConfig(lr=[1e-4], weight_decay=1e-4))
    OmegaConf.set_struct(config.optimizer, False)
    config.optimizer._name = "adam"
    return config
