"""A corpus read as the preparation reads it, without its files."""

from mgcm_fairseq.preparation.audio import verify_headers
from mgcm_fairseq.preparation.checked import check
from mgcm_fairseq.preparation.corpora.entries import EntryError
from mgcm_fairseq.preparation.parallel import ProcessPool
from mgcm_fairseq.preparation.store import Store


def read_corpus(corpus, split, skip=None):
    """Utterances of a split whose audio is usable as it lies; the first fault raises, or all are appended to `skip`."""
    faults = []
    with Store() as store, ProcessPool(1, corpus.root) as processes:
        for number, entry in enumerate(corpus.entries(split)):
            if isinstance(entry, EntryError):
                faults.append((number, entry))
            else:
                store.add(number, entry)
        verify_headers(store, split, False, processes)
        assert not store.count_to_convert()
        utterances = list(check(store.entries(), lambda number, fault: faults.append((number, fault))))
    faults = [fault for _, fault in sorted(faults, key=lambda pair: pair[0])]
    if faults and skip is None:
        raise faults[0]
    skip is None or skip.extend(faults)
    return utterances
