"""What has no gradient yet keeps its weights and no optimizer counts it: precisions, optimizers, workers, backends."""

import json
import subprocess
import sys

import pytest
import torch
from fairseq import options
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.optim import FP16Optimizer, MemoryEfficientFP16Optimizer, build_optimizer
from torch import nn

from mgcm_fairseq.training.untouched import Reached
from tests.fixtures import ENVIRONMENT, REPOSITORY, training_command

OPTIMIZERS = [("adam", "--adam-betas", "(0.9, 0.98)"), ("sgd", "--momentum", "0.9"), ("adagrad",), ("adamax",),
              ("adadelta", "--lr", "1"), ("nag",), ("adafactor",)]
FLAT = {"adam", "sgd", "adamax", "adadelta", "nag"}
PRECISIONS = {"fp32": (), "bf16": ("--bf16",), "fp16": ("--fp16", "--fp16-no-flatten-grads"), "flat fp16": ("--fp16",),
              "memory-efficient": ("--bf16", "--memory-efficient-bf16")}
CASES = [(precision, one) for precision in PRECISIONS for one in OPTIMIZERS
         if not (precision == "flat fp16" and one[0] not in FLAT)
         and not (precision == "memory-efficient" and one[0] not in ("adam", "adamax", "adafactor"))]


class Two(nn.Module):
    """Layers, of which the first is always in use and the second where that is asked for."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = (nn.Linear(5, 5) for _ in range(3))

    def forward(self, x_BD, both):
        y_BD = self.third(self.first(x_BD))
        return (self.second(y_BD) if both else y_BD).float().square().mean()


def optimizer_of(model, name, precision, *more):
    arguments = ["data", "--task", "translation", "--arch", "transformer", "--optimizer", name, "--lr", "0.01",
                 "--weight-decay", "0.5", "--fp16-scale-window", "1000", *more, *PRECISIONS[precision]]
    cfg = convert_namespace_to_omegaconf(options.parse_args_and_arch(options.get_training_parser(), arguments))
    if precision == "fp32":
        return build_optimizer(cfg.optimizer, list(model.parameters()))
    kind = MemoryEfficientFP16Optimizer if precision == "memory-efficient" else FP16Optimizer
    return kind.build_optimizer(cfg, list(model.parameters()))


def update(model, optimizer, reached, both, seed):
    """One, as fairseq's trainer makes it, of two micro-batches; the first uses what `both` says, the second less."""
    dtype = next(model.parameters()).dtype
    optimizer.zero_grad()
    for use in (both, False):
        reached.begin(model)
        x_BD = torch.randn(3, 5, generator=torch.Generator().manual_seed(seed)).to(dtype)
        optimizer.backward(model(x_BD, use))
        reached.note(model)
    for parameter in model.parameters():  # as legacy_ddp does
        parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    optimizer.multiply_grads(0.5)
    optimizer.clip_grad_norm(1.0)
    with reached.alone(optimizer, model):
        optimizer.step()


def copies(optimizer, of):
    """The fp32 values of a layer, where there are such, or its own."""
    found = getattr(optimizer, "fp32_params", None)
    if isinstance(found, dict):
        return [flat.detach()[30:60].clone() for flat in found.values()]  # 25 weights and 5 biases before, and so many
    return [copy.detach().clone() for parameter, copy in zip(optimizer.fp16_params, found, strict=True)
            if any(parameter is other for other in of.parameters())] if found else []


@pytest.mark.parametrize(("precision", "chosen"), CASES, ids=lambda part: part if isinstance(part, str) else part[0])
def test_what_joins_later_is_untouched_before(monkeypatch, precision, chosen):
    monkeypatch.setattr(torch.cuda, "current_device", lambda: None)  # what a parameter on the CPU calls its device
    dtype = {"fp32": torch.float32, "fp16": torch.float16, "flat fp16": torch.float16}.get(precision, torch.bfloat16)
    model, reached = Two().to(dtype), Reached()
    optimizer = optimizer_of(model, chosen[0], precision, *chosen[1:])
    before = [parameter.detach().clone() for parameter in model.parameters()]
    inside = copies(optimizer, model.second)
    for seed in range(3):
        update(model, optimizer, reached, False, seed)
    after = list(model.parameters())
    assert all(map(torch.equal, before[2:4], after[2:4]))
    assert not any(map(torch.equal, before[:2] + before[4:], after[:2] + after[4:])), "the others learn"
    assert all(map(torch.equal, inside, copies(optimizer, model.second)))
    update(model, optimizer, reached, True, 3)
    assert not any(map(torch.equal, before[2:4], list(model.parameters())[2:4]))
    steps = sorted(float(state["step"]) for state in optimizer.optimizer.state.values() if "step" in state)
    assert steps in ([], [4] if precision == "flat fp16" else [1, 1, 4, 4, 4, 4])


def test_what_is_left_out_for_an_update_keeps_its_moments_in_flat_copies(monkeypatch):
    monkeypatch.setattr(torch.cuda, "current_device", lambda: None)
    model, reached = Two().half(), Reached()
    optimizer = optimizer_of(model, "adam", "flat fp16")
    update(model, optimizer, reached, True, 0)
    [state] = optimizer.optimizer.state.values()
    kept = [state[name].clone() for name in ("exp_avg", "exp_avg_sq")]
    update(model, optimizer, reached, False, 1)
    for before, after in zip(kept, (state["exp_avg"], state["exp_avg_sq"]), strict=True):
        assert torch.equal(before[30:60], after[30:60])
        assert not torch.equal(before[:30], after[:30])


JOINS, UPDATES = 3, 6
TRAININGS = {  # workers and options
    "one": (1, ()), "legacy": (2, ("--ddp-backend", "no_c10d")),
    "pytorch": (2, ("--ddp-backend", "c10d", "--find-unused-parameters")),
    "one in bf16": (1, ("--bf16",)), "two in bf16": (2, ("--bf16",))}


@pytest.fixture(scope="module")
def trained(tiny_corpus, tiny_checkpoint, tmp_path_factory):
    """Checkpoints: 24 utterances an update and then 16, with a large epsilon, so that Adam makes no whole steps of
    rounding errors.
    """
    root = tmp_path_factory.mktemp("untouched")
    trainings = [[workers, str(root / name), training_command(
        tiny_corpus, root / name, UPDATES, "--max-tokens", "2000000", "--batch-size", "12", "--update-freq",
        str(2 // workers), "--curriculum", "9", "--disable-validation", "--adam-eps", "1e-3", "--weight-decay", "0.1",
        "--segmentation-variant", "repaired", "--segment-from", str(JOINS), "--freeze-front-end-updates", str(JOINS),
        "--finetune-from-model", str(tiny_checkpoint), *more)] for name, (workers, more) in TRAININGS.items()]
    found = subprocess.run([sys.executable, "-m", "tests.training.ranks", json.dumps(trainings)], cwd=REPOSITORY,
                           env=ENVIRONMENT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr[-5000:]
    return {name: torch.load(root / name / "checkpoint_last.pt") for name in TRAININGS}


def steps_of(checkpoint):
    """Steps that Adam has counted, by the order of the parameters."""
    return {index: state["step"] for index, state in checkpoint["last_optimizer_state"]["state"].items()}


@pytest.mark.parametrize(("workers", "one"), [("legacy", "one"), ("pytorch", "one"), ("two in bf16", "one in bf16")])
def test_two_workers_count_and_decay_as_one(trained, workers, one):
    expected, found = trained[one], trained[workers]
    assert steps_of(found) == steps_of(expected)
    assert {UPDATES, UPDATES - JOINS} == set(steps_of(expected).values())
    assert found["model"].keys() == expected["model"].keys()
    rtol, atol = (2e-2, 2e-3) if "bf16" in one else (1e-4, 1e-6)
    for name, weight in expected["model"].items():
        torch.testing.assert_close(found["model"][name], weight, rtol=rtol, atol=atol, msg=lambda text, name=name:
                                   f"{name}: {text}")


APART = """
import os, sys
import torch
from torch import distributed, nn
from types import SimpleNamespace
import mgcm_fairseq.tasks
from mgcm_fairseq.training.untouched import Reached

rank = 0 if os.fork() else 1
distributed.init_process_group("gloo", init_method=f"file://{sys.argv[1]}", rank=rank, world_size=2)
model, reached = nn.ModuleList(nn.Linear(1, 1, bias=False) for _ in range(3)), Reached()
reached.begin(model)
model[rank](torch.ones(1)).sum().backward()  # each worker uses another layer, and none the third
reached.note(model)
for layer in model:  # as legacy_ddp does
    layer.weight.grad = torch.zeros(1, 1) if layer.weight.grad is None else layer.weight.grad
with reached.alone(SimpleNamespace(), model):
    os.write(1, f"{[layer.weight.grad is not None for layer in model]}\\n".encode())  # whole, beside the other's
os._exit(0) if rank else os.wait()
"""


def test_what_one_worker_reached_changes_on_all(tmp_path):
    done = subprocess.run([sys.executable, "-c", APART, tmp_path / "meeting"], env=ENVIRONMENT, cwd=REPOSITORY,
                          capture_output=True, text=True)
    assert done.stdout.splitlines() == ["[True, True, False]"] * 2, done.stderr[-2000:]


def test_the_parameters_are_those_of_the_model_at_hand():
    reached = Reached()
    for model in (nn.Linear(2, 2), nn.Linear(2, 2, bias=False)):
        reached.begin(model)
        model(torch.ones(2)).sum().backward()
        reached.note(model)
        with reached.alone(None, model):
            assert all(parameter.grad is not None for parameter in model.parameters())
        assert len(reached._here) == len(list(model.parameters()))
