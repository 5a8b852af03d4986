"""Corpus BLEU in validation: counts that are added up over batches and workers, and the score of their sums."""

from collections.abc import Sequence
from typing import Any

import sacrebleu

MAX_NGRAM = 4  # of BLEU


def bleu_counts(texts: Sequence[str], references: Sequence[str], tokenizer: str) -> dict[str, int]:
    """What corpus BLEU is made of, for a batch; `tokenizer` is sacreBLEU's."""
    score = sacrebleu.corpus_bleu(texts, [references], tokenize=tokenizer)
    counts = {f"_bleu_count_{n}": score.counts[n] for n in range(MAX_NGRAM)}
    totals = {f"_bleu_total_{n}": score.totals[n] for n in range(MAX_NGRAM)}
    return {**counts, **totals, "_bleu_hyp": score.sys_len, "_bleu_ref": score.ref_len}


def bleu_of_sums(meters: dict[str, Any]) -> float:
    """The score, from fairseq's meters of the counts."""
    def of(name: str) -> int:
        return int(meters[f"_bleu_{name}"].sum)

    orders = range(MAX_NGRAM)
    return round(sacrebleu.BLEU.compute_bleu([of(f"count_{n}") for n in orders], [of(f"total_{n}") for n in orders],
                                             of("hyp"), of("ref"), smooth_method="exp").score, 2)
