"""Corpus BLEU in validation: counts that are added up over batches and workers, and the score of their sums.

Of a corpus with several source languages there is the score over all, `bleu`, and that of each, `bleu_qaa`.
"""

from collections.abc import Sequence
from typing import Any

import sacrebleu

from mgcm_fairseq.data.batch import Batch
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.languages import language

MAX_NGRAM = 4  # of BLEU


def parts_of(corpus: CorpusConfig) -> list[str]:
    """What the names of the scores end in: nothing of that over all, and of several source languages each."""
    return ["", *(f"_{code}" for code in corpus.src_langs if len(corpus.src_langs) > 1)]


def counts_of_batch(texts: Sequence[str], batch: Batch, corpus: CorpusConfig) -> dict[str, int]:
    """What the scores are made of, for the translations of a batch.

    The names do not depend on which languages a batch has, so that workers can add theirs up.
    """
    references, tokenizer = batch["references"], language(corpus.tgt_lang).tokenizer
    counts = bleu_counts(texts, references, tokenizer)
    ranks = [] if batch["language"] is None else batch["language"].tolist()
    for rank, part in enumerate(parts_of(corpus)[1:]):
        rows = [row for row, found in enumerate(ranks) if found == rank]
        of_language = bleu_counts([texts[row] for row in rows] or [""], [references[row] for row in rows] or [""],
                                  tokenizer, part)
        counts |= of_language if rows else dict.fromkeys(of_language, 0)
    return counts


def bleu_counts(texts: Sequence[str], references: Sequence[str], tokenizer: str, part: str = "") -> dict[str, int]:
    """What corpus BLEU is made of; `tokenizer` is sacreBLEU's, `part` one of `parts_of`."""
    score = sacrebleu.corpus_bleu(texts, [references], tokenize=tokenizer)
    counts = {f"_bleu{part}_count_{n}": score.counts[n] for n in range(MAX_NGRAM)}
    totals = {f"_bleu{part}_total_{n}": score.totals[n] for n in range(MAX_NGRAM)}
    return {**counts, **totals, f"_bleu{part}_hyp": score.sys_len, f"_bleu{part}_ref": score.ref_len}


def bleu_of_sums(meters: dict[str, Any], part: str = "") -> float:
    """The score, from fairseq's meters of the counts; `part` is one of `parts_of`."""
    def of(name: str) -> int:
        return int(meters[f"_bleu{part}_{name}"].sum)

    orders = range(MAX_NGRAM)
    return round(sacrebleu.BLEU.compute_bleu([of(f"count_{n}") for n in orders], [of(f"total_{n}") for n in orders],
                                             of("hyp"), of("ref"), smooth_method="exp").score, 2)
