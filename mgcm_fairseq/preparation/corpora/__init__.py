"""Readers of corpora, one a file; CORPORA is what --corpus chooses from."""

from collections.abc import Sequence
from pathlib import Path

from mgcm_fairseq.common.named import named
from mgcm_fairseq.preparation.corpora.entries import CorpusReader

CORPORA = {
    "mustc": "mgcm_fairseq.preparation.corpora.mustc.MustC",
    "europarl-st": "mgcm_fairseq.preparation.corpora.europarl_st.EuroparlST",
    "covost2": "mgcm_fairseq.preparation.corpora.covost2.CoVoST2",
    "acl-6060": "mgcm_fairseq.preparation.corpora.acl_6060.Acl6060",
    "mcif": "mgcm_fairseq.preparation.corpora.mcif.Mcif",
    "manifest": "mgcm_fairseq.preparation.corpora.manifest.ManifestCorpus",
}
"""Name -> module and class."""


def readers(corpus: str, root: Path, src_langs: Sequence[str], tgt_lang: str) -> list[CorpusReader]:
    """Readers of one of CORPORA, one for each source language, over the folder `root`.

    Where `root` is that of one language, those of several lie in it, and are called like the languages.
    """
    kind: type[CorpusReader] = named(CORPORA[corpus])
    apart = kind.root_of_language and len(src_langs) > 1
    return [kind(root / code if apart else root, code, tgt_lang, src_langs=tuple(src_langs)) for code in src_langs]
