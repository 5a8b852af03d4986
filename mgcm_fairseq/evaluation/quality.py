"""Quality of translations, as numbers that carry the signature of how they were computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

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


def comet(hypotheses: Sequence[str], references: Sequence[str], sources: Sequence[str]) -> Score | None:
    """COMET (0 to 1) by OmniSTEval, which fetches the model; None where unbabel-comet is not installed."""
    if find_spec("comet") is None:
        return None
    from omnisteval import Instance
    from omnisteval.scoring import COMETScorer

    instances = [Instance(prediction=one, reference=other) for one, other in zip(hypotheses, references, strict=True)]
    return Score(float(COMETScorer(COMET_MODEL)(instances, list(sources))), COMET_MODEL)


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
