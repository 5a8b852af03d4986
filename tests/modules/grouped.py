"""Sharing plans for the test networks' languages, and grouped networks that were divided from shared ones."""

import json
from typing import Any

import torch

from mgcm_fairseq.core.sharing.plan import GroupedLayer, PlanSource, PlanStats, SharingPlan
from mgcm_fairseq.models.sharing import Division
from mgcm_fairseq.models.simul_st import SimulSTModel
from mgcm_fairseq.modules.simul_st import SimulSTNetwork
from tests.modules.networks import LANGUAGES, config, network

GROUPS = {"g0": ("qaa", "qab"), "g1": ("qac",)}


def grouped_ffn(layer: int, private: tuple[int, ...], groups: dict[str, tuple[str, ...]] = GROUPS) -> GroupedLayer:
    """Of the encoder's layer, counted from 0."""
    return GroupedLayer(f"encoder.layers.{layer}.ffn", groups, private, PlanStats(0.1, 0.01, 0.5, 1.0))


def plan_of_layers(*layers: GroupedLayer, checkpoint: str = "ab" * 32) -> SharingPlan:
    """For all languages of the layers, in the order of the alphabet; `checkpoint`: the sha256 of what it divides."""
    languages = sorted({language for layer in layers for group in layer.groups.values() for language in group})
    return SharingPlan(PlanSource(checkpoint, "spoken", tuple(languages or LANGUAGES), 32, 1), layers)


def plan_text(*layers: GroupedLayer) -> str:
    """As the configuration of a model has it."""
    plan = plan_of_layers(*layers)
    return json.dumps({"sha256": plan.digest(), "plan": plan.record()})


def divided(shared: SimulSTNetwork, *layers: GroupedLayer, init: str = "units", **changes: Any) -> SimulSTNetwork:
    """A grouped network with the weights of a shared one, whose options `changes` are."""
    made = network(1, sharing_plan=plan_text(*layers), sharing_init=init, **changes).to(next(shared.parameters()).dtype)
    model = SimulSTModel(made, division=Division(plan_of_layers(*layers), config(**changes).ffn_dim, init))
    model.load_state_dict(SimulSTModel(shared).state_dict())
    return made


def told_apart(grouped: SimulSTNetwork) -> SimulSTNetwork:
    """The same with private parts that differ."""
    for layer in grouped.encoder.layers:
        for parameter in layer.private.parameters() if layer.private is not None else ():
            torch.nn.init.normal_(parameter)
    return grouped
