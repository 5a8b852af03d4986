"""Costs as if measured, for simulations that need no network."""

import numpy as np

from mgcm_fairseq.benchmarks.scaling.corpus import SyntheticCorpus
from mgcm_fairseq.benchmarks.scaling.costs import Costs, VariantCost
from mgcm_fairseq.benchmarks.scaling.exchange import Calls, Exchange
from mgcm_fairseq.benchmarks.scaling.optimizer import Update
from mgcm_fairseq.data.audio import SAMPLE_RATE

PARAMETERS = 200_000_000
P = 4 * PARAMETERS  # bytes in fp32


def cost(work: float, backward: Calls) -> VariantCost:
    """`work`: FLOPs for a second of audio; a token costs a hundredth of that."""
    coefficients = [0.0, work, 0.01 * work, 0.01 * work, 0.0, 0.01 * work, 0.0, 0.0, 0.0, 0.0]
    return VariantCost(coefficients, 0.001, 4000, 10_000_000_000 if backward.calls else 0,
                 {"fp16": 5_000_000_000, "fp32": 9_000_000_000}, Exchange(backward, Calls(1, P, P)))


def costs() -> Costs:
    """Of a network of 0.2 B parameters."""
    return Costs(0.2, PARAMETERS, Update(16.0, 116.0), {
        "plain": cost(6e10, Calls()), "mgcm local": cost(1e11, Calls()),
        "mgcm global": cost(1e11, Calls(400, P, P // 20)), "pcgrad global": cost(1e11, Calls(3, 3 * P, P))})


def corpus(*seconds: float) -> SyntheticCorpus:
    """Utterances of these lengths."""
    samples = np.round(np.array(seconds) * SAMPLE_RATE).astype(np.int64)
    return SyntheticCorpus(np.stack([samples, 1 + samples // 4000, 1 + samples // 4000], axis=1))
