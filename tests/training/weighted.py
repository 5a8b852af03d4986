"""A linear model whose gradients' norms are known, trained for some updates with task weights."""

from itertools import accumulate

import torch
from torch import nn

from mgcm_fairseq.core.conflict import Stash
from mgcm_fairseq.training.config import ConflictConfig
from mgcm_fairseq.training.task_weights import TaskWeights

TASKS = ("st", "asr", "mt")
TOKENS = {"st": 10, "asr": 7, "mt": 13}
SCALES = {"st": {"front": 1.0, "encoder": 1.0, "decoder": 1.0}, "asr": {"front": 0.8, "encoder": 0.3, "decoder": 0.2},
          "mt": {"encoder": 0.9, "decoder": 0.5}}
"""Task -> part -> norm of each module's gradient for a token, in multiples of its size."""


class _Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.out_proj = nn.Linear(3, 2, dtype=torch.float64)


class _Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attn, self.fc1 = _Attention(), nn.Linear(2, 4, dtype=torch.float64)


class Known(nn.Module):
    """Two layers in each part; a loss is the sum of the parameters times directions of its own."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Module(), nn.Module()
        self.encoder.front_end = nn.ModuleList(_Layer() for _ in range(2))
        self.encoder.layers = nn.ModuleList(_Layer() for _ in range(2))
        self.decoder.layers = nn.ModuleList(_Layer() for _ in range(2))

    def losses(self, seed=0, scales=None, tokens=None):
        """Summed over tokens; the directions depend on the seed, the norms do not."""
        generator, found = torch.Generator().manual_seed(seed), {}
        for task, of_task in (SCALES if scales is None else scales).items():
            found[task] = 0.0
            for part, scale in of_task.items():
                layers = {"front": self.encoder.front_end, "encoder": self.encoder.layers,
                          "decoder": self.decoder.layers}[part]
                for layer in layers:
                    for module in (layer.self_attn.out_proj, layer.fc1):
                        flat = torch.cat([part.flatten() for part in module.parameters()])
                        direction = torch.randn(flat.shape, generator=generator, dtype=torch.float64)
                        length = (tokens or TOKENS)[task] * scale * flat.numel()
                        found[task] = found[task] + length * (flat * direction / direction.norm()).sum()
        return found


def log_of(losses, tokens=None):
    """What a criterion logs of the tasks that ran."""
    return {f"{task}_tokens": torch.tensor((tokens or TOKENS)[task]) for task in losses}


def begun(rule="mgcm", workers=None, **options):
    """A model, its engine and its weights."""
    torch.manual_seed(0)  # losses depend on the parameters, norms do not
    model = Known()
    weights = TaskWeights(ConflictConfig(**{
        "task_weights": "norm", "task_weight_interval": 2, "conflict_rule": rule, **options}))
    engine = Stash(model, TASKS, rule, workers=workers)
    engine.merger.own_squares = True
    weights.of(TASKS)
    weights.measure(engine.merger.groups)
    return model, engine, weights


def follow(model, engine, weights, updates, losses_of=lambda update: [{}], start=0):
    """The weights before each update and behind the last; `losses_of`: arguments of the losses of its micro-batches."""
    found = [list(weights.shown)]
    for update in range(start, updates):
        weights.begin()
        for arguments in losses_of(update):
            on = weights.to_run(update)
            losses = {task: loss for task, loss in model.losses(**arguments).items() if task in on}
            engine.join(weights.weigh(losses)).backward()
            weights.note(log_of(losses, arguments.get("tokens")), engine.report)
        weights.settle(update + 1, 0.1)
        found.append(list(weights.shown))
    return found


def closed_form(updates, interval=2, asr=0.8, mt=0.9):
    """The weights of ST, ASR and MT before each update and behind the last."""
    changes = [update // interval for update in range(updates + 1)]
    exponents = list(accumulate(range(1, max(changes) + 1), initial=0))
    return [[1.0, asr**exponents[min(change, 3)], mt**(exponents[min(change, 5)] / 2)] for change in changes]
