"""Where a parameter stands: the module that owns it, the layer around that, and which component of the layer it is."""

import re
from itertools import accumulate
from typing import NamedTuple

from torch import nn

_PARAMETRIZED = re.compile(r"(\.)?parametrizations\.\w+$")  # where torch.nn.utils.parametrize keeps its parameters
_COMPILED = re.compile(r"(^|\.)_orig_mod(?=\.|$)")  # what torch.compile puts around a module
_INDEXED = re.compile(r"(?:^|.*?\.)\d+(?=\.|$)")  # up to the first index, as in encoder.layers.3

COMPONENTS = ("attention", "ffn", "norm", "other")


class Place(NamedTuple):
    """Names of what surrounds a parameter; layer and module are paths in the model."""

    layer: str  # the outermost indexed part, as encoder.layers.3; the module itself where there is none
    component: str  # one of COMPONENTS
    module: str  # the smallest unit that computes its own gradient (arXiv 2409.15911, II-B): weight and bias together


def place(model: nn.Module, parameter: str) -> Place:
    """The place of the parameter named as in model.named_parameters().

    A layer's attention and feed-forward network are told by names of classes: what lies in a class whose name contains
    Attention is attention, what is called a norm is norm, the rest is the feed-forward network if the layer has
    attention, and other if not.
    """
    module = _PARAMETRIZED.sub("", parameter.rpartition(".")[0])
    indexed = _INDEXED.match(module)
    layer = indexed[0] if indexed else module
    ancestors = list(map(model.get_submodule, accumulate(module.split("."), "{}.{}".format)))  # without the root
    if type(ancestors[-1]).__name__.endswith("Norm") or isinstance(ancestors[-1], nn.modules.batchnorm._NormBase):
        component = "norm"
    elif any(_is_attention(ancestor) for ancestor in ancestors):
        component = "attention"
    elif indexed and any(_is_attention(part) for part in model.get_submodule(layer).modules()):
        component = "ffn"
    else:
        component = "other"
    return Place(clean(layer), component, clean(module))


def clean(name: str) -> str:
    """A name as it was before torch.compile."""
    return _COMPILED.sub("", name).lstrip(".")


def _is_attention(module: nn.Module) -> bool:
    return "attention" in type(module).__name__.lower()
