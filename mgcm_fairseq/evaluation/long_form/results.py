"""The figures of whole talks as one dictionary, results.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.data.languages import Language, language
from mgcm_fairseq.evaluation.instances import Instance
from mgcm_fairseq.evaluation.long_form.latency import METRICS, band, guards, long_latency, refusal
from mgcm_fairseq.evaluation.long_form.resegmentation import Sentence
from mgcm_fairseq.evaluation.long_form.stream_laal import NAMES, Uncountable, has_mweralign, stream_laal
from mgcm_fairseq.evaluation.long_form.talks import RecordedTalk, source_texts
from mgcm_fairseq.evaluation.results import NO_COMET, cost, number, quality, rounded
from mgcm_fairseq.evaluation.runs import Run


@dataclass(frozen=True)
class Scored:
    """A run with its figures and the sentences that they are of."""

    figures: dict[str, Any]
    sentences: list[Sentence]
    refused: str | None  # why its latencies are not among the figures
    uncounted: str | None = None  # why StreamLAAL is not


def assemble(runs: Mapping[Run, Scored], talks: Sequence[RecordedTalk], setting: Mapping[str, Any]) -> dict[str, Any]:
    """The whole of results.json, in the form that sentences have, by name and rising operating point.

    `setting`: what the figures depend on besides, beside the versions in use; target_language among it.
    """
    ordered = sorted(runs, key=lambda run: (run.label, run.point))
    return {
        "offline": {},
        "simul": [runs[run].figures for run in ordered],
        "environment": {**environment(), "talks": len(talks), "utterances": sum(len(one.sentences) for one in talks),
                        **setting, "latency_unit": language(setting["target_language"]).unit,
                        **({"mweralign": metadata.version("mweralign")} if has_mweralign() else {}),
                        "refused": {run.name: runs[run].refused for run in ordered if runs[run].refused},
                        "uncounted": {run.name: runs[run].uncounted for run in ordered if runs[run].uncounted}},
    }


def score(run: Run, talks: Sequence[RecordedTalk], translations: Sequence[Instance],
          sentences: list[Sentence], target: Language, comets: Mapping[str, str] = NO_COMET) -> Scored:
    """policy, point, options; BLEU, chrF and the models of COMET on the sentences; latency; guards; band; cost.

    LongYAAL, LongAL, LongLAAL, LongDAL and StreamLAAL are in ms, LongAP is a ratio; with _CA behind the name computing
    time is counted, that of earlier reads too where they are still computed. Latencies that `refusal` speaks against
    are None. StreamLAAL is there where mweralign is installed, and None where that does not cut a talk as it should.

    Args:
        translations: the log of each talk.
        sentences: what `resegment` made of them.
    """
    delays = {**long_latency(sentences), **{f"{name}_CA": one for name, one in long_latency(sentences, True).items()}}
    uncounted = None
    if has_mweralign():
        try:
            delays |= stream_laal(talks, translations, target.unit)
        except Uncountable as error:
            delays |= dict.fromkeys(NAMES)
            uncounted = str(error)
    decimals = {name: 1 if METRICS.get(name.removesuffix("_CA"), "ms") else 3 for name in delays}
    shares = guards(sentences)
    if refused := refusal(shares["negative_delays"]):
        delays = dict.fromkeys(delays)
    return Scored({
        "policy": run.label, "point": number(run.point), "options": " ".join(run.options),
        **quality(sentences, source_texts(talks), target.tokenizer, comets),
        **{name: rounded(value, decimals[name]) for name, value in delays.items()},
        "band": band(delays["LongYAAL"]), **{name: rounded(value, 4) for name, value in shares.items()},
        **cost(translations)}, sentences, refused, uncounted)
