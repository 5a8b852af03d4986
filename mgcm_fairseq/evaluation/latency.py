"""Latency of a SimulEval run, plain and counting computing time: SimulEval's scorers, and OmniSTEval's for the rest."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict

from omnisteval import Instance as OmniInstance
from omnisteval.scoring import ShortformDegeneracyScorer, YAALScorer

from mgcm_fairseq.evaluation.instances import Instance

with warnings.catch_warnings():  # simuleval imports pydub, which warns about audioop (Python 3.11, 3.12) and ffmpeg
    warnings.simplefilter("ignore")
    from simuleval.data.dataloader import SpeechToTextDataloader as SpeechToTextDataloader
    from simuleval.evaluator.instance import LogInstance
    from simuleval.evaluator.instance import SpeechToTextInstance as SpeechToTextInstance
    from simuleval.evaluator.scorers.latency_scorer import LATENCY_SCORERS_DICT

SIMULEVAL = ("AL", "LAAL", "AP", "DAL", "ATD")
METRICS = {"AL": "ms", "LAAL": "ms", "AP": "", "DAL": "ms", "ATD": "ms", "YAAL": "ms"}  # name: unit; AP is a ratio


def latency(instances: Sequence[Instance], computation_aware: bool = False) -> dict[str, float | None]:
    """The mean of each metric over the sentences; None where no sentence counts.

    An empty hypothesis has no delay and hence no latency: SimulEval leaves it out of the mean, so do we, and a sentence
    without sound, for which it divides by zero. YAAL leaves out words that came at or after the end of their source,
    too: `simultaneity` has the share of the others. Words are characters where the instances' unit is that; SimulEval
    counts spaces in references then, but not in hypotheses.

    Args:
        instances: the sentences.
        computation_aware: whether a word's delay includes the computing time until it was written. SimulEval 1.1.4
            prints these values for the plain metrics too, once it is asked for them; its scorers, asked one by one,
            do not.
    """
    spoken = _spoken(instances)
    if not spoken:
        return dict.fromkeys(METRICS)
    # Numbered anew, because ATD looks at number 0 to find out what kind of instances it got.
    logged = {number: LogInstance(json.dumps(asdict(instance)), instance.unit)
              for number, instance in enumerate(spoken)}
    values = {name: LATENCY_SCORERS_DICT[name](computation_aware=computation_aware)(logged) for name in SIMULEVAL}
    yaal = YAALScorer(computation_aware=computation_aware)(_omni(spoken))
    return {**values, "YAAL": None if yaal != yaal else yaal}


def simultaneity(instances: Sequence[Instance]) -> dict[str, float | bool | None]:
    """How simultaneous a policy really is (OmniSTEval, arXiv 2509.17349).

    before_end: share, in [0, 1], of all words (or characters) that were written before their source ended (one written
    once all had been read carries the source's length, the very same number); expected_before_end: the share that the
    latency of these words lets expect; degenerate: whether the two differ by more than 0.2, as they do when a few words
    come early and the rest at the end; before_end_CA: share of words that were ready before their source ended. The
    sentences are those of `latency`; without any, the shares are None.
    """
    spoken = _spoken(instances)
    if not spoken:
        return {"before_end": None, "expected_before_end": None, "degenerate": False, "before_end_CA": None}
    values = ShortformDegeneracyScorer()(_omni(spoken))
    shares = [None if values[name] != values[name] else values[name] / 100 for name in ("swf", "efsw")]
    ready = [elapsed < one.source_length for one in spoken for elapsed in one.elapsed]
    return {"before_end": shares[0], "expected_before_end": shares[1], "degenerate": values["degenerate_policy"] == 1,
            "before_end_CA": sum(ready) / len(ready)}


def _spoken(instances: Sequence[Instance]) -> list[Instance]:
    """Those that have a latency."""
    return [instance for instance in instances if instance.delays and instance.source_length > 0]


def _omni(instances: Sequence[Instance]) -> list[OmniInstance]:
    return [OmniInstance(prediction=one.prediction, reference=one.reference, latency_unit=one.unit, index=one.index,
                         longform=False, source_length=one.source_length, emission_cu=one.delays,
                         emission_ca=one.elapsed)
            for one in instances]
