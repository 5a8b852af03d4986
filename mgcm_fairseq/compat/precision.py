"""Half precision: which options mean what, and what it needs of optimizers, GPUs and kernels."""

import logging
import sys
from importlib.util import find_spec
from typing import Any

import torch

from mgcm_fairseq.common.errors import InputError


def keep_attention_from_compiling() -> None:
    """Keeps PyTorch from computing attention with cuDNN, which compiles a kernel for every shape that it has not met.

    In half precision on a Hopper GPU PyTorch prefers it to its own kernels. On an H200 in fp16 the first training step
    of a new length took 1.0 s with it and 0.2 s without, where a step of a known length takes 0.1 s.
    """
    torch.backends.cuda.enable_cudnn_sdp(False)


def let_bf16_do_without_a_tpu() -> None:
    """Lets --bf16 train on a GPU or a CPU: fairseq-train takes it for a wish to use a TPU, and fails without torch_xla.

    fairseq-hydra-train does not do so. Where torch_xla is installed, --bf16 goes on meaning a TPU.
    """
    from fairseq import options

    stock = options.parse_args_and_arch
    if getattr(stock, "without_tpu", False) or find_spec("torch_xla") is not None:
        return

    def parse(parser: Any, input_args: Any = None, *args: Any, **kwargs: Any) -> Any:
        if "--tpu" in (sys.argv[1:] if input_args is None else input_args):
            raise InputError("--tpu", "the package torch_xla", "none", "Install it, or leave --tpu out.")
        parsed = stock(parser, input_args, *args, **kwargs)
        namespace = parsed[0] if isinstance(parsed, tuple) else parsed
        namespace.tpu = False
        return parsed

    parse.without_tpu = True  # type: ignore[attr-defined]  # a mark, by which a second call sees that it is done
    options.parse_args_and_arch = parse


def take_one_precision() -> None:
    """Has fairseq's trainer refuse two kinds of half precision, and take --memory-efficient-fp16 to mean --fp16.

    fairseq-train looks at neither bf16 beside fp16 nor --amp beside bf16, and would train in a mixture without scaling
    its loss. fairseq-hydra-train, given memory_efficient_bf16 alone, would train in fp32.
    """
    from fairseq.trainer import Trainer

    stock = Trainer.__init__
    if getattr(stock, "one_precision", False):
        return

    def init(self: Any, cfg: Any, *args: Any, **kwargs: Any) -> None:
        common = getattr(cfg, "common", None)  # a Namespace has none; fairseq-train makes it a configuration first
        if common is not None:
            for name in ("fp16", "bf16"):
                common[name] = common[name] or common[f"memory_efficient_{name}"]
            chosen = [name for name in ("fp16", "bf16", "amp") if common[name]]
            if len(chosen) > 1:
                raise InputError("common", "one of fp16, bf16 and amp", " and ".join(chosen), "Switch the others off.")
            _check_without_a_gpu(common)
        stock(self, cfg, *args, **kwargs)

    vars(init).update(vars(stock), one_precision=True)
    Trainer.__init__ = init


def _check_without_a_gpu(common: Any) -> None:
    """What half precision does where there is none: fairseq says nothing, or ends in the middle of CUDA."""
    if torch.cuda.is_available() and not common.cpu:
        return
    if common.fp16 and not (common.fp16_no_flatten_grads or common.memory_efficient_fp16):
        raise InputError("--fp16", "--fp16-no-flatten-grads beside it where there is no GPU", "none",
                         "Add it (common.fp16_no_flatten_grads=true), or use --bf16.")
    if common.amp:
        logging.getLogger(__name__).warning("--amp needs a GPU: without one this training is in fp32")


def name_optimizers_that_need_fp32_copies() -> None:
    """Has fairseq say which option to leave out where an optimizer cannot do without fp32 copies of the weights."""
    from fairseq.optim import MemoryEfficientFP16Optimizer

    stock = MemoryEfficientFP16Optimizer.build_optimizer.__func__
    if getattr(stock, "names_options", False):
        return

    def build(cls: Any, cfg: Any, params: Any, **kwargs: Any) -> Any:
        try:
            return stock(cls, cfg, params, **kwargs)
        except ValueError as error:
            if not str(error).startswith("Unsupported optimizer"):
                raise
            raise InputError("--optimizer", "one that needs no fp32 copies of the weights, such as adam or adafactor",
                             cfg.optimizer._name, "Leave out --memory-efficient-fp16 and --memory-efficient-bf16."
                             ) from error

    build.names_options = True  # type: ignore[attr-defined]  # the same
    MemoryEfficientFP16Optimizer.build_optimizer = classmethod(build)
