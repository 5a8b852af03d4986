"""How numbers are written: each metric with its decimals, its unit and its spread."""

from collections.abc import Mapping

from mgcm_fairseq.evaluation.table import ABSENT

RATIOS = {"AP": 2, "AP_CA": 2, "before_end": 3, "before_end_CA": 3, "expected_before_end": 3, "RTF": 3,
          "length_ratio": 2, "LongAP": 2, "LongAP_CA": 2, "empty": 3, "negative_delays": 3, "after_end": 3,
          "after_end_CA": 3}
DECIMALS = {"BLEU": 2, "chrF": 2, **RATIOS}  # of a latency in ms: none


def header(metric: str) -> str:
    """The name with its unit."""
    return metric if metric in DECIMALS or _is_comet(metric) else f"{metric} (ms)"


def number(metric: str, value: float | None, sign: str = "") -> str:
    """A value of the metric; `sign` as in format specifications."""
    decimals = 4 if _is_comet(metric) else DECIMALS.get(metric, 0)
    return ABSENT if value is None else f"{value:{sign}z.{decimals}f}"


def with_spread(metric: str, spread: Mapping[str, float | None] | None, seeds: int) -> str:
    """Mean ± standard deviation of a Spread's fields, the latter only where there is one; of how many, if not all."""
    if spread is None or not spread["n"]:
        return ABSENT
    deviation = "" if spread["std"] is None else f" ± {number(metric, spread['std'])}"
    fewer = "" if spread["n"] == seeds else f" ({spread['n']} of {seeds})"
    return number(metric, spread["mean"]) + deviation + fewer


def _is_comet(metric: str) -> bool:
    return "comet" in metric.lower()  # as `comet_models` demands
