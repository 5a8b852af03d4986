"""Groups: which parameters are judged together, and which are left out."""

import re
from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from mgcm_fairseq.core.conflict.places import Place, place

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
        self._index: dict[Tensor, int] = {}
        known: dict[str, int] = {}
        for name, parameter in model.named_parameters():
            if not pattern.match(name):
                continue
            where = place(model, name)
            label = {"parameter": name, "module": where.module, "component": f"{where.layer}/{where.component}",
                     "layer": where.layer, "model": "model"}[granularity]
            if label not in known:
                known[label] = len(self.names)
                self.names.append(label)
                self.places.append(where)
            self._index[parameter] = known[label]
        if not self.names:
            raise ValueError(f"conflict scope: expected a pattern that some parameter's name begins with, found "
                             f"{scope!r}; the names begin like {', '.join(_samples(model))}.")

    def of(self, parameter: Tensor) -> int | None:
        """The index of the parameter's group; None if it is out of scope."""
        return self._index.get(parameter)

    def members(self, parameters: Sequence[Tensor]) -> dict[int, list[int]]:
        """Group -> positions in `parameters`, for those in scope."""
        members: dict[int, list[int]] = {}
        for position, parameter in enumerate(parameters):
            group = self.of(parameter)
            if group is not None:
                members.setdefault(group, []).append(position)
        return members


def _samples(model: nn.Module) -> Iterable[str]:
    return sorted({".".join(name.split(".")[:2]) for name, _ in model.named_parameters()})[:8]
