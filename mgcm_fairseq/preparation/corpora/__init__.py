"""Readers of corpora, one a file; CORPORA is what --corpus chooses from."""

from collections.abc import Callable
from pathlib import Path

from mgcm_fairseq.preparation.corpora.covost2 import CoVoST2
from mgcm_fairseq.preparation.corpora.entries import CorpusReader
from mgcm_fairseq.preparation.corpora.europarl_st import EuroparlST
from mgcm_fairseq.preparation.corpora.manifest import ManifestCorpus
from mgcm_fairseq.preparation.corpora.mustc import MustC

CORPORA: dict[str, Callable[[Path, str, str], CorpusReader]] = {  # by root, source and target language
    "mustc": MustC,
    "europarl-st": EuroparlST,
    "covost2": CoVoST2,
    "manifest": ManifestCorpus,
}
