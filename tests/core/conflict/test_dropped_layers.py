"""Layers that are dropped at random, as LayerDrop does: every set of them has gradients of its own to lay out."""

import itertools

import torch
from torch import nn

from mgcm_fairseq.core.conflict import Stash, merge
from tests.core.conflict.reference import mgcm_by_module
from tests.core.conflict.steps import assert_same, gradients

TIMES = 8


class Dropping(nn.Module):
    def __init__(self, layers=6):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(layers)]).double()

    def losses(self, kept):
        x = torch.linspace(-1, 1, 6).double().view(2, 3)
        for index in kept:
            x = x + self.layers[index](x).tanh()
        return {"st": x.square().sum() + x.sum(), "asr": -x.sum()}


def test_layouts_stay_few_and_those_in_use_stay(monkeypatch):
    monkeypatch.setattr(merge, "_TIMES", TIMES)
    torch.manual_seed(0)
    model, whole = Dropping(), range(6)
    made = Stash(model, ("st", "asr"))
    sets = [kept for count in (5, 4, 3) for kept in itertools.combinations(whole, count)]
    assert len(sets) > 2 * TIMES
    laid_out = set()
    for kept in sets:
        for layers in (whole, kept):
            model.zero_grad()
            expected, _ = mgcm_by_module(model, model.losses(layers))
            made.join(model.losses(layers)).backward()
            assert_same(gradients(model), expected)
            if layers is whole:
                laid_out.add(id(list(made.merger._layouts.values())[-1]))
        held = sum(layout.elements for layout in made.merger._layouts.values())
        assert held == made.merger._held <= TIMES * sum(parameter.numel() for parameter in model.parameters())
    assert len(laid_out) == 1
