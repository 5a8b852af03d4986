"""Latency of a SimulEval run (AL, LAAL, AP, DAL, ATD), computed by SimulEval's own scorers."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict

from mgcm_fairseq.evaluation.instances import Instance

with warnings.catch_warnings():  # simuleval imports pydub, which warns about audioop (Python 3.11, 3.12) and ffmpeg
    warnings.simplefilter("ignore")
    from simuleval.evaluator.instance import LogInstance
    from simuleval.evaluator.scorers.latency_scorer import LATENCY_SCORERS_DICT

METRICS = {"AL": "ms", "LAAL": "ms", "AP": "", "DAL": "ms", "ATD": "ms"}  # name: unit; AP is a ratio


def latency(instances: Sequence[Instance]) -> dict[str, float | None]:
    """The mean of each metric over the sentences, not counting computing time; None where no sentence has a word.

    An empty hypothesis has no delay and hence no latency: SimulEval leaves it out of the mean, so do we.
    Whoever prints the figures says how many there were.
    """
    spoken = [instance for instance in instances if instance.delays]
    if not spoken:
        return dict.fromkeys(METRICS)
    # Numbered anew, because ATD looks at number 0 to find out what kind of instances it got.
    logged = {number: LogInstance(json.dumps(asdict(instance))) for number, instance in enumerate(spoken)}
    return {name: LATENCY_SCORERS_DICT[name]()(logged) for name in METRICS}
