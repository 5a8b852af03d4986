"""Quality of translations, as numbers that carry the signature of how they were computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from mgcm_fairseq.common.errors import InputError

COMET_MODEL = "Unbabel/wmt22-comet-da"


@dataclass(frozen=True)
class Score:
    """`value` on the metric's own scale (BLEU and chrF: 0 to 100)."""

    value: float
    signature: str


def bleu(hypotheses: Sequence[str], references: Sequence[str], tokenizer: str = "13a") -> Score:
    """Corpus BLEU of detokenised text with one reference each, by sacreBLEU with the language's tokenizer.

    Raises ValueError if the two are not equally many, where sacreBLEU would answer 0 without a word, or empty.
    """
    return _score(BLEU(tokenize=tokenizer), hypotheses, references)


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """Corpus chrF2 by sacreBLEU; errors as of `bleu`."""
    return _score(CHRF(), hypotheses, references)


def comet_models(asked: Sequence[str] | None) -> dict[str, str]:
    """The models of COMET to score with, by the name of their figure: COMET, XCOMET-XL; none without unbabel-comet.

    Raises InputError for models that are asked for and cannot be: without unbabel-comet, or by a name that is none.
    """
    installed = find_spec("comet") is not None
    if asked and not installed:
        raise InputError("--comet", "unbabel-comet", "not installed",
                         "Install it into an environment that its older numpy fits, or leave the option out.")
    found: dict[str, str] = {}
    for model in asked or [COMET_MODEL] * installed:
        name = "COMET" if model == COMET_MODEL else model.rpartition("/")[2]
        if "comet" not in name.lower() or name in found:
            raise InputError("--comet", f"models such as {COMET_MODEL} and Unbabel/XCOMET-XL, each once", repr(model),
                             "Correct the option.")
        found[name] = model
    return found


def comet(hypotheses: Sequence[str], references: Sequence[str], sources: Sequence[str], model: str) -> Score:
    """A model's score (0 to 1) by OmniSTEval, which fetches the model; needs unbabel-comet."""
    from omnisteval import Instance
    from omnisteval.scoring import COMETScorer

    instances = [Instance(prediction=one, reference=other) for one, other in zip(hypotheses, references, strict=True)]
    return Score(float(COMETScorer(model)(instances, list(sources))), model)


def length_ratio(hypotheses: Sequence[str], references: Sequence[str], tokenizer: str = "13a") -> float | None:
    """Tokens of all hypotheses by tokens of all references, as BLEU counts them: far above 1 where a model runs on.

    None where the references have no token; errors as of `bleu`.
    """
    _check(hypotheses, references)
    score = BLEU(tokenize=tokenizer).corpus_score(hypotheses, [references])
    return float(score.sys_len / score.ref_len) if score.ref_len else None


def _score(metric: BLEU | CHRF, hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    _check(hypotheses, references)
    value = metric.corpus_score(hypotheses, [references]).score
    return Score(value, metric.get_signature().format())


def _check(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    if len(hypotheses) != len(references) or not references:
        raise ValueError(f"expected as many hypotheses as references, and at least one, found {len(hypotheses)} and "
                         f"{len(references)}")
