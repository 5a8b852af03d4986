"""The paired tests of two runs, in BLEU and in mean latency, over one set of resamples."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation.comparison.bootstrap import bleu_statistics, corpus_bleu, draw, judge, mean_difference
from mgcm_fairseq.evaluation.comparison.pairs import Pair, SystemRun
from mgcm_fairseq.evaluation.comparison.systems import AGAIN, Evaluated
from mgcm_fairseq.evaluation.instances import Instance
from mgcm_fairseq.evaluation.latency import METRICS, latency
from mgcm_fairseq.evaluation.long_form.latency import METRICS as LONG_METRICS
from mgcm_fairseq.evaluation.long_form.latency import long_latency
from mgcm_fairseq.evaluation.long_form.sentences import Sentence
from mgcm_fairseq.evaluation.long_form.stream_laal import NAME as STREAM_LAAL

ROUNDED = 0.006  # BLEU; results.json keeps two decimals


@dataclass(frozen=True)
class Sampled:
    """A run, ready to be judged against another. N sentences, R resamples."""

    bleu: float
    resampled_bleu: np.ndarray  # (R,)
    latency: np.ndarray  # (N,), NaN for an empty hypothesis


class PairedTests:
    """Tests of runs over the same sentences.

    Args:
        systems: the seed that stands for each NAME.
        metric: of latency, one of SimulEval's scorers.
        resamples, seed: how often, and from which random numbers, the sentences are drawn anew.
    """

    def __init__(self, systems: Mapping[str, Evaluated], metric: str, resamples: int, seed: int) -> None:
        self._systems, self._metric = systems, metric
        sentences = len(next(iter(next(iter(systems.values())).instances.values())))
        self._counts = draw(sentences, resamples, seed)
        self._sampled: dict[SystemRun, Sampled] = {}

    def test(self, pair: Pair) -> dict[str, Any]:
        """{"first", "second", "gap", "BLEU", `metric`}, the last two with "first", "second" and a Difference's fields.

        Those of the latency also have "left_out", the number of sentences where either hypothesis is empty, and are
        None but for it if these are all.
        """
        first, second = self._sample(pair.first), self._sample(pair.second)
        bleu = judge(second.bleu - first.bleu, second.resampled_bleu - first.resampled_bleu, len(first.latency))
        return {
            "first": pair.first._asdict(), "second": pair.second._asdict(), "gap": pair.gap,
            "BLEU": {"first": first.bleu, "second": second.bleu, **asdict(bleu)},
            self._metric: self._test_latency(first.latency, second.latency),
        }

    def _test_latency(self, first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
        differences = second - first
        present = ~np.isnan(differences)
        result = mean_difference(differences, self._counts)
        if result is None:
            values = dict.fromkeys(("first", "second", "difference", "low", "high", "p"))
        else:
            values = {"first": float(first[present].mean()), "second": float(second[present].mean()), **asdict(result)}
        return {**values, "left_out": int((~present).sum())}

    def _sample(self, run: SystemRun) -> Sampled:
        if run not in self._sampled:
            evaluated, key = self._systems[run.name], (run.policy, run.point)
            instances = evaluated.instances[key]
            statistics = bleu_statistics([one.prediction for one in instances], [one.reference for one in instances],
                                         evaluated.language.tokenizer)
            bleu = float(corpus_bleu(statistics, np.ones((1, len(instances))))[0])
            stated = evaluated.runs[key]["BLEU"]
            if stated is not None and abs(stated - bleu) > ROUNDED:
                raise InputError(evaluated.folder, f"BLEU {stated:.2f} at {run.policy}-{run.point:g}, as results.json "
                                 "says", f"{bleu:.2f} in the log", f"They belong to different runs. {AGAIN}")
            refused = evaluated.runs[key].get(self._metric, 0) is None  # or there is none
            self._sampled[run] = Sampled(
                bleu, corpus_bleu(statistics, self._counts),
                np.full(len(instances), np.nan) if refused else sentence_latency(instances, self._metric))
        return self._sampled[run]


def sentence_metric(metric: str) -> str:
    """The latency to test when curves are over `metric`: itself, or one like it that is known for single sentences.

    StreamLAAL is known for other sentences than OmniSTEval's.
    """
    return metric if metric in METRICS or metric in LONG_METRICS else "LongLAAL" if metric == STREAM_LAAL else "AL"


def sentence_latency(instances: Sequence[Instance | Sentence], metric: str) -> np.ndarray:
    """(N,) the latency of each sentence, by SimulEval's or OmniSTEval's scorer; NaN for an empty hypothesis."""
    values = [(long_latency([one]) if isinstance(one, Sentence) else latency([one]))[metric] for one in instances]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
