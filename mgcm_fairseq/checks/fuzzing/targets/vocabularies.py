"""A small vocabulary, for files that are spoilt."""

from collections.abc import Sequence

from mgcm_fairseq.data.vocabulary import dictionary_lines, train

SENTENCES = ("The dog sees the old house.", "Der Hund sieht das alte Haus.", "Good morning!", "Guten Morgen!",
             "Why does nobody listen?", "Warum hört niemand zu?", "We will come back tomorrow.", "Wir kommen morgen.")
CONFIG = {"src_lang": "en", "tgt_lang": "de", "sample_rate": 16_000, "vocab_filename": "spm.txt",
          "spm_filename": "spm.model"}


def files(size: int = 70, languages: Sequence[str] = ("en", "de")) -> dict[str, bytes]:
    """The SentencePiece model and the dictionary that CONFIG names."""
    model = train(SENTENCES, size, languages)
    lines = "".join(f"{line}\n" for line in dictionary_lines(model))
    return {"spm.model": model, "spm.txt": lines.encode()}
