"""Samples that were heard are numbered from the beginning, whatever was dropped."""

import pytest

from mgcm_fairseq.decoding.heard import Heard


def test_numbers_stay_whatever_is_dropped():
    heard = Heard()
    assert (len(heard), heard.latest, heard.kept) == (0, None, 0)
    heard += [float(sample) for sample in range(5)]
    heard += [5.0]
    assert heard.between(2, 5) == [2.0, 3.0, 4.0]
    heard.drop(3)
    heard.drop(1)  # was dropped before
    assert (len(heard), heard.kept, heard.latest) == (6, 3, 5.0)
    assert heard.between(3, 100) == [3.0, 4.0, 5.0]
    with pytest.raises(ValueError, match="a start from 3 on, where those kept begin, found 2"):
        heard.between(2, 4)
    heard.drop(6)
    heard += [6.0]
    assert (len(heard), heard.between(6, 7)) == (7, [6.0])
