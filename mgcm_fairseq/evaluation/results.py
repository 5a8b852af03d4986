"""The figures of an evaluation as one dictionary, results.json: offline runs, simultaneous runs, environment."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mgcm_fairseq.core.signature import environment
from mgcm_fairseq.evaluation.instances import Instance, before_end
from mgcm_fairseq.evaluation.latency import latency
from mgcm_fairseq.evaluation.quality import bleu

DECIMALS = {"BLEU": 2, "AL": 1, "LAAL": 1, "AP": 3, "DAL": 1, "ATD": 1, "before_end": 4}


def offline_result(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """{"BLEU", "signature"} of hypotheses made from whole utterances."""
    score = bleu(hypotheses, references)
    return {"BLEU": round(score.value, DECIMALS["BLEU"]), "signature": score.signature}


def simul_result(policy: str, lag: int, instances: Sequence[Instance]) -> dict[str, Any]:
    """{"policy", "lag", "BLEU", "signature", "AL", "LAAL", "AP", "DAL", "ATD", "before_end"} of a SimulEval run.

    AL, LAAL, DAL and ATD in ms; AP a ratio; before_end the share of words written before the source ended.
    """
    quality = offline_result([one.prediction for one in instances], [one.reference for one in instances])
    delays = {**latency(instances), "before_end": before_end(instances)}
    rounded = {name: None if value is None else round(value, DECIMALS[name]) for name, value in delays.items()}
    return {"policy": policy, "lag": lag, **quality, **rounded}


def assemble(offline: Mapping[str, Sequence[str]], simul: Mapping[tuple[str, int], Sequence[Instance]],
             references: Sequence[str], segment_size: int, dtype: str) -> dict[str, Any]:
    """The whole of results.json.

    Args:
        offline: hypotheses in the order of `references`, by the name of the decoding.
        simul: instances in the order of `references`, by (policy, lag); listed by policy and rising lag.
        references: raw target texts.
        segment_size: --source-segment-size of the SimulEval runs in ms.
        dtype: the floating point type of the SimulEval runs.
    """
    runs = sorted(simul.items())
    return {
        "offline": {name: offline_result(hypotheses, references) for name, hypotheses in offline.items()},
        "simul": [simul_result(policy, lag, instances) for (policy, lag), instances in runs],
        "environment": {
            **environment(), "utterances": len(references), "source_segment_size_ms": segment_size, "dtype": dtype,
            "empty_hypotheses": {f"{policy}:{lag}": sum(not one.delays for one in instances)
                                 for (policy, lag), instances in runs},
        },
    }


def write_text(path: Path, text: str) -> None:
    """Writes the file whole or not at all."""
    partial = path.with_name(path.name + ".tmp")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def write_results(path: Path, results: Mapping[str, Any]) -> None:
    """Writes results.json, whole or not at all."""
    write_text(path, json.dumps(results, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
