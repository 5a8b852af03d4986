"""Straight-through estimation: hard values forward, soft gradients backward (Bengio et al. 2013, arXiv 1308.3432)."""

from torch import Tensor

from mgcm_fairseq.core.segmentation.padding import LOG_ZERO


def straight_through(decisions: Tensor, probabilities: Tensor) -> Tensor:
    """0 or 1 exactly, as decided, with the gradient of the probabilities. Both of one shape; of the latter's type."""
    return decisions.to(probabilities.dtype) + (probabilities - probabilities.detach())


def straight_through_bias(visible: Tensor, bias: Tensor) -> Tensor:
    """A bool mask as an additive bias, 0 or LOG_ZERO exactly, with the gradient of the expected one.

    What is hidden gets no attention, hence no gradient: a loss can ask to hide more, but not to hide less.
    `expected_waiting` alone can be asked for both.
    """
    hard = bias.detach().new_zeros(()).expand_as(bias).masked_fill(~visible, LOG_ZERO)
    return hard + (bias - bias.detach())
