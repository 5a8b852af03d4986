"""Quality of translations, as numbers that carry the signature of how they were computed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sacrebleu.metrics.bleu import BLEU


@dataclass(frozen=True)
class Score:
    """`value` on the metric's own scale (BLEU: 0 to 100)."""

    value: float
    signature: str


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """Corpus BLEU of detokenised text with one reference each, by sacreBLEU with tokenizer 13a.

    Raises ValueError if the two are not equally many, where sacreBLEU would answer 0 without a word, or empty.
    """
    if len(hypotheses) != len(references) or not references:
        raise ValueError(f"expected as many hypotheses as references, found {len(hypotheses)} and {len(references)}")
    metric = BLEU(tokenize="13a")
    value = metric.corpus_score(hypotheses, [references]).score
    return Score(value, metric.get_signature().format())
