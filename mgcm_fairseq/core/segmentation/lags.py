"""Lags of multipath training: one for each update, drawn from a range."""

from random import Random


def sampled_lag(seed: int, update: int, lowest: int, highest: int) -> int:
    """A lag from lowest to highest, both included, with equal chances.

    The same for every worker, micro-batch and task of an update, and in a resumed run; the published code draws it
    unseeded on each GPU, from 9 on, and tests from 1.

    Raises ValueError for a range without lags or with lags below 1.
    """
    if not 1 <= lowest <= highest:
        raise ValueError(f"multipath: expected 1 <= lowest <= highest lag, found {lowest} and {highest}.")
    return Random(f"{seed}/{update}").randint(lowest, highest)
