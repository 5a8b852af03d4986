"""From --sharing-plan to grouped layers: the plan inside a model's configuration, and its shared weights divided."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from omegaconf import DictConfig, open_dict
from torch import Tensor

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import parse_json
from mgcm_fairseq.core.sharing.plan import GroupedLayer, SharingPlan, plan_of
from mgcm_fairseq.core.sharing.split import Units, as_published, relative_change, shared_and_private
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.sharing_plan import read_plan
from mgcm_fairseq.modules.encoder import PrivateShape

logger = logging.getLogger(__name__)

INITS = ("units", "published", "wide")
_SEEN = 256  # random vectors on which the change of an FFN is measured
_OPTION = "--sharing-plan"


def take_plan(cfg: DictConfig, corpus: CorpusConfig) -> None:
    """Puts the plan in the place of its file's path into cfg, which the checkpoint will carry.

    Raises:
        InputError: there is no such file, it does not fit the model, or its languages are not those of the corpus.
    """
    if not cfg.sharing_plan:
        return
    path = Path(cfg.sharing_plan)
    plan = read_plan(path)
    if len(corpus.src_langs) == 1:
        raise InputError(_OPTION, "a corpus of several source languages", f"{corpus.src_lang} alone", "Leave it out.")
    if set(plan.source.languages) != set(corpus.src_langs):
        raise InputError(path, f"a plan for the corpus's source languages, {', '.join(corpus.src_langs)}",
                         f"one for {', '.join(plan.source.languages)}", "Make a plan for this corpus.")
    try:
        plan.check_model({ffn_of(layer): cfg.ffn_dim for layer in range(cfg.encoder_layers)})
    except ValueError as error:
        raise InputError(path, "a plan for this model", str(error).rstrip("."),
                         "Make the plan from a checkpoint of this model.") from error
    with open_dict(cfg):
        cfg.sharing_plan = json.dumps({"sha256": plan.digest(), "plan": plan.record()}, ensure_ascii=False)


def plan_in(text: str) -> SharingPlan | None:
    """The plan that `take_plan` has put into a configuration; None where there is none.

    Raises:
        InputError: the text was changed.
    """
    if not text:
        return None
    try:
        found = parse_json(text)
        plan = plan_of(found["plan"])
        if plan.digest() != found["sha256"]:
            raise ValueError(f"sha256 {plan.digest()} in place of {found['sha256']}")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"the checkpoint's {_OPTION}", "the plan that it was trained with", str(error).rstrip("."),
                         "The file was changed: take another copy of it.") from error
    return plan


def ffn_of(layer: int) -> str:
    """What a plan calls the FFN of a layer of the encoder, counted from 0."""
    return f"encoder.layers.{layer}.ffn"


def private_shapes(plan: SharingPlan | None, languages: Sequence[str], layers: int,
                   init: str = "units") -> dict[int, PrivateShape]:
    """Layer -> its private parts; `languages`: of the corpus, in the order of their ranks; `init`: of INITS."""
    planned = {} if plan is None else {of.ffn: of for of in plan.layers}
    found = {layer: planned[ffn_of(layer)] for layer in range(layers) if ffn_of(layer) in planned}
    if init == "wide":  # one part, as large as all, for everybody
        return {layer: PrivateShape(len(of.private), len(of.groups) * len(of.private), (0,) * len(languages))
                for layer, of in found.items()}
    return {layer: PrivateShape(len(of.private), len(of.private), tuple(map(of.group_of, languages)))
            for layer, of in found.items()}


class Division:
    """How the weights of a shared model become those of a grouped one."""

    def __init__(self, plan: SharingPlan, hidden: int, init: str = "units") -> None:
        """`hidden`: units of a shared FFN; `init`: of INITS."""
        self.plan = plan
        self.hidden = hidden
        self.init = init

    def divide(self, state: dict[str, Tensor], new: Mapping[str, Tensor]) -> None:
        """Divides each FFN of the plan that is whole in a checkpoint's weights.

        Args:
            state: of the checkpoint; changed.
            new: the grouped model's own weights: what is random in the beginning is theirs.
        """
        for layer in self.plan.layers:
            first = state.get(_name(layer, "fc1.weight"))
            if first is None or first.size(0) != self.hidden:
                continue  # it is divided already, or of another model, which loading refuses with its reason
            whole = Units(*(state[_name(layer, name)] for name in _UNITS))
            shared, private = self._units(layer, whole, new)
            state |= zip((_name(layer, name) for name in _UNITS), shared, strict=True)
            for group, units in enumerate(private):
                state |= zip((_private(layer, group, name) for name in _UNITS), units, strict=True)
            self._tell(layer, whole, shared, private)

    def shapes(self, found: Mapping[str, tuple[int, ...]],
               own: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """Those that weights of these shapes have once they are divided; `own`: of the grouped model's."""
        state, new = ({name: torch.empty(shape, device="meta") for name, shape in of.items()} for of in (found, own))
        Division(self.plan, self.hidden, "wide" if self.init == "wide" else "units").divide(state, new)
        return {name: tuple(weight.shape) for name, weight in state.items()}

    def _units(self, layer: GroupedLayer, whole: Units, new: Mapping[str, Tensor]) -> tuple[Units, list[Units]]:
        if self.init == "units":
            shared, private = shared_and_private(whole, layer.private)
            return shared, [Units(*(weight.clone() for weight in private)) for _ in layer.groups]
        if self.init == "wide":
            shared, private = shared_and_private(whole, layer.private)
            return shared, [private.widened(Units(*(new[_private(layer, 0, name)].to(whole.b1) for name in _UNITS)))]
        groups = list(layer.groups.values())
        portions = [len(group) / sum(map(len, groups)) for group in groups]
        biases = [new[_private(layer, group, "fc1.bias")].to(whole.b1) for group in range(len(groups))]
        return as_published(whole, len(layer.private), portions, biases)

    def _tell(self, layer: GroupedLayer, whole: Units, shared: Units, private: Sequence[Units]) -> None:
        if whole.w1.is_meta:
            return
        seen_ND = torch.randn(_SEEN, whole.w1.size(1), generator=torch.Generator().manual_seed(0))
        before, kept, *own = [Units(*(weight.cpu().float() for weight in units)) for units in (whole, shared, *private)]
        names = ["all"] if self.init == "wide" else list(layer.groups)
        changes = [f"{name} {relative_change(before, kept, of_group, seen_ND):.1e}"
                   for name, of_group in zip(names, own, strict=True)]
        logger.info("%s is divided, --sharing-init %s; by how much its output at step 0 differs on random vectors, "
                    "relative to what it was: %s", layer.ffn, self.init, ", ".join(changes))


_UNITS = ("fc1.weight", "fc1.bias", "fc2.weight")  # in the order of Units


def _name(layer: GroupedLayer, weight: str) -> str:
    return f"network.{layer.ffn}.{weight}"


def _private(layer: GroupedLayer, group: int, weight: str) -> str:
    return f"network.{layer.ffn.removesuffix('.ffn')}.private.parts.{group}.{weight}"
