"""The figures of an evaluation as one dictionary, results.json: offline runs, simultaneous runs, environment."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omnisteval import Instance as Sentence

from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.languages import language
from mgcm_fairseq.evaluation.instances import Instance
from mgcm_fairseq.evaluation.latency import METRICS, latency, simultaneity
from mgcm_fairseq.evaluation.quality import bleu, chrf, comet, length_ratio
from mgcm_fairseq.evaluation.runs import OFFLINE, Run

NO_COMET: Mapping[str, str] = {}
DECIMALS = {"": 3, "ms": 1}  # by the unit of a latency metric


def assemble(runs: Mapping[Run, Sequence[Instance]], sources: Sequence[str], setting: Mapping[str, Any],
             comets: Mapping[str, str] = NO_COMET) -> dict[str, Any]:
    """The whole of results.json.

    Args:
        runs: instances in the order of the test set; simultaneous ones are listed by name and rising operating point.
        sources: transcripts in that order.
        setting: what the figures depend on besides, beside the versions in use; target_language among it.
        comets: the models of COMET, as `comet_models` names them.
    """
    target = language(setting["target_language"])
    offline = {run: instances for run, instances in runs.items() if run.policy == OFFLINE}
    simul = sorted((run for run in runs if run.policy != OFFLINE), key=lambda run: (run.label, run.point))
    return {
        "offline": {_decoding(run): quality(instances, sources, target.tokenizer, comets) | cost(instances)
                    for run, instances in offline.items()},
        "simul": [simul_result(run, runs[run], sources, target.tokenizer, comets) for run in simul],
        "environment": {**environment(), "utterances": len(sources), **setting, "latency_unit": target.unit,
                        "empty_hypotheses": {run.name: sum(not one.delays for one in runs[run]) for run in simul}},
    }


def simul_result(run: Run, instances: Sequence[Instance], sources: Sequence[str], tokenizer: str,
                 comets: Mapping[str, str] = NO_COMET) -> dict[str, Any]:
    """policy, point, options; BLEU, chrF, the models of COMET, and their signatures; latency; cost.

    AL, LAAL, DAL, ATD and YAAL are in ms, AP is a ratio; with _CA behind the name computing time is counted.
    length_ratio is that of hypotheses to references; before_end the share of words (or characters) written before the
    source ended (before_end_CA: ready), expected_before_end what YAAL lets expect, and degenerate whether the two are
    far apart. RTF is computing time by length of audio, slowest_read ms of computing after one read, over the whole
    corpus.
    `tokenizer`: sacreBLEU's for the language.
    """
    delays = {**latency(instances), **{f"{name}_CA": value for name, value in latency(instances, True).items()}}
    figures = {name: rounded(value, DECIMALS[METRICS[name.removesuffix("_CA")]]) for name, value in delays.items()}
    shares = {name: value if isinstance(value, bool) else rounded(value, 4)
              for name, value in simultaneity(instances).items()}
    return {"policy": run.label, "point": number(run.point), "options": " ".join(run.options),
            **quality(instances, sources, tokenizer, comets), **figures, **shares, **cost(instances)}


def quality(instances: Sequence[Instance | Sentence], sources: Sequence[str], tokenizer: str,
            comets: Mapping[str, str] = NO_COMET) -> dict[str, Any]:
    """BLEU, chrF, the models of COMET, what they depend on, and length_ratio; `tokenizer` is sacreBLEU's."""
    texts = [one.prediction for one in instances], [one.reference for one in instances]
    scores = {"BLEU": bleu(*texts, tokenizer), "chrF": chrf(*texts)}
    neural = {name: comet(*texts, sources, model) for name, model in comets.items()}
    return {**{name: round(score.value, 2) for name, score in scores.items()}, "signature": scores["BLEU"].signature,
            "chrF_signature": scores["chrF"].signature, "length_ratio": rounded(length_ratio(*texts, tokenizer), 3),
            **{name: round(score.value, 4) for name, score in neural.items()},
            **{f"{name}_model": score.signature for name, score in neural.items()}}


def cost(instances: Sequence[Instance]) -> dict[str, float | None]:
    """RTF and slowest_read; None where another program wrote the log."""
    times = [one.computing for one in instances if one.computing is not None]
    length = sum(one.source_length for one in instances)
    if len(times) < len(instances) or not length:
        return {"RTF": None, "slowest_read": None}
    return {"RTF": round(sum(times) / length, 4),
            "slowest_read": round(max(one.slowest_read or 0 for one in instances), 1)}


def _decoding(run: Run) -> str:
    beam = "greedy" if run.point == 1 else f"beam{run.point:g}"
    return beam if run.label == run.policy else f"{run.label}-{beam}"


def number(point: float) -> float:
    """An operating point as JSON and tables show it: whole where it can be."""
    return int(point) if point == int(point) else point


def rounded(value: float | None, decimals: int) -> float | None:
    """The value with so many decimals; None stays None."""
    return None if value is None else round(value, decimals)


def write_results(path: Path, results: Mapping[str, Any]) -> None:
    """Writes results.json, whole or not at all."""
    write_whole(path, json.dumps(results, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
