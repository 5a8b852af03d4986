"""A toy network over streams, with what makes the real one hard: a shared pass, tied weights, a task alone."""

import torch
import torch.nn.functional as F
from torch import nn

from mgcm_fairseq.core.conflict import PLAIN

TASKS = ("st", "asr", "mt")


class ToyAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.q_proj, self.k_proj, self.out_proj = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x, memory):
        weights = torch.softmax(self.q_proj(x) @ self.k_proj(memory).transpose(1, 2), dim=-1)
        return self.out_proj(weights @ memory)


class ToyLayer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.attention, self.norm = ToyAttention(dim), nn.LayerNorm(dim)
        self.fc1, self.fc2 = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)

    def forward(self, x, memory=None):
        x = x + self.attention(x, x if memory is None else memory)
        return self.norm(x + self.fc2(torch.relu(self.fc1(x))))


class Toy(nn.Module):
    """speech (B, T, D) and tokens (B, U) -> one loss a task."""

    def __init__(self, dim=8, vocabulary=11, layers=2):
        super().__init__()
        self.front = nn.Linear(dim, dim)
        self.embedding = nn.Embedding(vocabulary, dim)
        self.encoder = nn.ModuleList(ToyLayer(dim) for _ in range(layers))
        self.decoder = nn.ModuleList(ToyLayer(dim) for _ in range(layers))
        self.letters = nn.Linear(dim, vocabulary)  # of asr alone

    def forward(self, speech, source, target, passing=PLAIN, recompute=False):
        [front] = passing.run(self.front, [(passing.start(speech, ("st", "asr")),)])
        text = passing.start(self.use(F.embedding, "mt", source, passing), ("mt",))
        encoded = [front, text]
        for layer in self.encoder:
            encoded = passing.run(layer, [(stream,) for stream in encoded], recompute)
        memory = {"st": passing.branch(encoded[0], "st"), "asr": passing.branch(encoded[0], "asr"), "mt": encoded[1]}
        wanted = {"st": target, "asr": source, "mt": target}
        decoded = [passing.start(self.use(F.embedding, task, wanted[task], passing), (task,)) for task in TASKS]
        for layer in self.decoder:
            decoded = passing.run(layer, list(zip(decoded, memory.values(), strict=True)), recompute)
        [letters] = passing.run(self.letters, [(passing.branch(front, "asr"),)])
        logits = {task: self.use(F.linear, task, stream.value, passing)
                  for task, stream in zip(TASKS, decoded, strict=True)}
        losses = {task: F.cross_entropy(logits[task].flatten(0, 1), wanted[task].flatten()) for task in TASKS}
        losses["asr"] = losses["asr"] + letters.value.logsumexp(-1).mean()
        return losses

    def use(self, function, task, rows, passing):
        """The embedding's weight, which is used in many places."""
        return passing.by_rows(function, [self.embedding.weight], task, rows)


def toy(seed=3, dtype=torch.float64, **sizes):
    """The network and a batch for it; with this seed many modules are in conflict."""
    torch.manual_seed(seed)
    model = typed(Toy(**sizes), dtype)
    with torch.no_grad():
        model.embedding.weight.mul_(0.5)
    speech = torch.randn(3, 7, model.front.in_features).to(dtype)  # the same for every type
    return model, (speech, torch.randint(11, (3, 5)), torch.randint(11, (3, 5)))


def typed(model, dtype):
    """The model in that type; left alone if it has it, for a model of fake tensors cannot be converted."""
    return model if next(model.parameters()).dtype == dtype else model.to(dtype)
