"""Groups: which parameters are judged together, and which are left out."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from torch import Tensor, nn

from mgcm_fairseq.core.conflict.places import Place, clean, place

GRANULARITIES = ("parameter", "module", "component", "layer", "model")


class Groups:
    """The groups of a model's parameters at one granularity.

    Frozen parameters have their group too, for they may thaw. Tied parameters belong to the place of their first name.
    """

    def __init__(self, model: nn.Module, granularity: str = "module", scope: str = "") -> None:
        """Raises ValueError where granularity is unknown or the scope matches no parameter.

        Args:
            model: the model that is trained.
            granularity: one of GRANULARITIES; module is the paper's.
            scope: regular expression; parameters whose names it does not match (re.match) keep their plain sum.
        """
        if granularity not in GRANULARITIES:
            raise ValueError(f"conflict granularity: expected one of {', '.join(GRANULARITIES)}, "
                             f"found {granularity!r}.")
        try:
            pattern = re.compile(scope)
        except re.error as error:
            raise ValueError(f"conflict scope: {scope!r} is no regular expression: {error}.") from error
        self.granularity = granularity
        self.names: list[str] = []
        self.places: list[Place] = []  # of each group's first parameter
        self.elements = 0  # of all parameters in scope
        self._index: dict[int, int] = {}  # id of a parameter -> its group
        self._model = model
        self._parameters = list(model.parameters())  # held, so that no other tensor takes the id of one
        self._modules = list(model.modules())  # for the same reason
        self._holders: list[dict[str, Any]] = [held for module in self._modules
                                               for held in (module._parameters, module._modules)]
        self._held = self._what_modules_hold()
        known: dict[str, int] = {}
        for path, parameter in model.named_parameters():
            name = clean(path)
            if not pattern.match(name):
                continue
            if parameter.is_complex():
                raise ValueError(f"conflict scope: expected real parameters, found the complex {name}. Leave it out of "
                                 f"the scope.")
            where = place(model, path)
            label = {"parameter": name, "module": where.module, "component": f"{where.layer}/{where.component}",
                     "layer": where.layer, "model": "model"}[granularity]
            if label not in known:
                known[label] = len(self.names)
                self.names.append(label)
                self.places.append(where)
            self._index[id(parameter)] = known[label]
            self.elements += parameter.numel()
        if not self.names:
            raise ValueError(f"conflict scope: expected a pattern that some parameter's name begins with, found "
                             f"{scope!r}; the names begin like {', '.join(_samples(model))}.")

    def of(self, parameter: Tensor) -> int | None:
        """The index of the parameter's group; None if it is out of scope."""
        return self._index.get(id(parameter))

    def ids(self, parameters: Sequence[Tensor]) -> tuple[int | None, ...]:
        """What tells these parameters from others; those out of scope are all alike, for they may be new every time."""
        return tuple([key if key in self._index else None for key in map(id, parameters)])

    def name(self, parameter: Tensor) -> str:
        """The parameter's name in the model, for messages."""
        names = [clean(name) for name, other in self._model.named_parameters() if other is parameter]
        return names[0] if names else f"a tensor of shape {tuple(parameter.shape)} that is no parameter of the model"

    def check_model(self) -> None:
        """Raises ValueError if the model has parameters that it did not have: they would be in no group."""
        if self._what_modules_hold() == self._held:
            return
        known = set(map(id, self._parameters))
        names = [clean(name) for name, parameter in self._model.named_parameters() if id(parameter) not in known]
        if names:
            raise ValueError(f"conflict handling: expected the parameters that the model had when the engine was made, "
                             f"found {', '.join(names[:5])}{' and more' if len(names) > 5 else ''} beside or in place "
                             f"of them. Make a new engine when the model changes.")

    def _what_modules_hold(self) -> list[int]:
        """Ids of the parameters and modules of each module: cheaper than to walk through the model."""
        return list(map(id, chain.from_iterable(held.values() for held in self._holders)))

    def members(self, parameters: Sequence[Tensor]) -> dict[int, list[int]]:
        """Group -> positions in `parameters`, for those in scope."""
        members: dict[int, list[int]] = {}
        for position, parameter in enumerate(parameters):
            group = self.of(parameter)
            if group is not None:
                members.setdefault(group, []).append(position)
        return members


def _samples(model: nn.Module) -> Iterable[str]:
    return sorted({".".join(clean(name).split(".")[:2]) for name, _ in model.named_parameters()})[:8]
