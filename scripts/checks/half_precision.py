"""Trains the demo's model in half precision, all losses and parts of the segmentation on: is every number finite?

fairseq-train takes --fp16 and --bf16 for a GPU's; here its optimizers run directly, so that a CPU can show it too.
"""

import itertools
import sys
import time
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, open_dict
from torch import Tensor

import mgcm_fairseq.tasks  # noqa: F401 - registers the task, model and criterion
from mgcm_fairseq.common.arguments import Parser, positive
from mgcm_fairseq.common.program import program

SCRIPT = "scripts/checks/half_precision.py"
DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}
OPTIONS = """--user-dir mgcm_fairseq --task simul_st --arch simul_st_demo --criterion multitask_cross_entropy
    --ctc-weight 1 --front-end-block 640 --segmentation-variant repaired --differentiable-waiting
    --conflict-rule mgcm --optimizer adam --lr 1e-3 --conflict-scope above-front-end --clip-norm 5 --adam-betas
    (0.9,0.98) --fp16-init-scale 128 --cpu"""
WARMUP = 200  # updates
EVERY = 50  # updates between two lines


@program(SCRIPT)
def main() -> None:
    args = _parser().parse_args()
    overflows = train(args.corpus, args.precision, args.updates, args.all_from, args.max_tokens)
    print(f"{args.precision}: every loss and parameter finite in {args.updates} updates; "
          f"{overflows} skipped by the loss scale")


def train(corpus: Path, precision: str, updates: int, all_from: int, max_tokens: int) -> int:
    """Returns the updates that the loss scale skipped; FloatingPointError at the first number that is not finite.

    `all_from`: update from which every part of the segmentation is on.
    """
    from fairseq import options, tasks, utils
    from fairseq.dataclass.utils import convert_namespace_to_omegaconf
    from fairseq.optim.fp16_optimizer import FP16Optimizer

    torch.set_num_threads(1)
    parser = options.get_training_parser()
    line = [str(corpus), *OPTIONS.split(), "--max-tokens", str(max_tokens)]
    for thirds, parts in enumerate((["segment"], ["noise", "segment-number"], ["multipath"], ["contrastive"])):
        line += [word for part in parts for word in (f"--{part}-from", str(all_from * thirds // 3))]
    cfg: DictConfig = convert_namespace_to_omegaconf(options.parse_args_and_arch(parser, line))
    with open_dict(cfg):
        cfg.common.bf16, cfg.common.fp16_no_flatten_grads = precision == "bf16", True
    utils.set_torch_seed(1)
    task = tasks.setup_task(cfg.task)
    model, criterion = task.build_model(cfg.model).to(DTYPES[precision]), task.build_criterion(cfg.criterion)
    task.load_dataset("train")
    optimizer = FP16Optimizer.build_optimizer(cfg, [one for one in model.parameters() if one.requires_grad])
    batches = task.get_batch_iterator(task.dataset("train"), max_tokens=max_tokens, seed=1).next_epoch_itr(shuffle=True)
    overflows, began = 0, time.time()
    for update, sample in enumerate(itertools.islice(itertools.cycle(batches), updates)):
        utils.set_torch_seed(1 + update)
        loss, size, log = task.train_step(_cast(sample, DTYPES[precision]), model, criterion, optimizer, update, False)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"{precision}: expected a finite loss, found {float(loss)} at update {update}")
        optimizer.multiply_grads(1 / size)
        optimizer.set_lr(cfg.optimization.lr[0] * min(1, (update + 1) / WARMUP))
        try:
            optimizer.clip_grad_norm(cfg.optimization.clip_norm)
            optimizer.step()
        except OverflowError:
            overflows += 1
        optimizer.zero_grad()
        if (update + 1) % EVERY == 0:
            nll = ", ".join(f"{name} {float(log[f'{name}_nll']) / float(log[f'{name}_tokens']):.3f}"
                            for name in ("st", "asr", "mt"))
            print(f"{precision}: {update + 1} updates, {time.time() - began:.0f} s, nll {nll}", flush=True)
    broken = [name for name, one in model.named_parameters() if not torch.isfinite(one).all()]
    if broken:
        raise FloatingPointError(f"{precision}: expected finite parameters, found {broken[:3]}")
    return overflows


def _cast(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, dict):
        return {name: _cast(one, dtype) for name, one in value.items()}
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="prepared corpus")
    parser.add_argument("--precision", choices=DTYPES, required=True, help="of parameters and activations")
    parser.add_argument("--updates", type=positive, default=500, metavar="N", help="to train for")
    parser.add_argument("--all-from", type=positive, default=150, metavar="N",
                        help="update from which every part of the segmentation is on")
    parser.add_argument("--max-tokens", type=positive, default=128_000, metavar="N",
                        help="samples in a batch, at least those of the longest utterance")
    return parser


if __name__ == "__main__":
    sys.exit(main())
