"""Readers of corpora, one a file; CORPORA is what --corpus chooses from."""

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


def reader(corpus: str, root: Path, src_lang: str, tgt_lang: str) -> CorpusReader:
    """The reader of one of CORPORA, over the folder `root`."""
    found: CorpusReader = named(CORPORA[corpus])(root, src_lang, tgt_lang)
    return found
