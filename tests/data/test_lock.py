"""One process at a time in a folder."""

import pytest

from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.data.lock import locked


def test_a_second_one_is_refused_until_the_first_ends(tmp_path):
    folder = tmp_path / "new"
    with locked(folder, "training"), pytest.raises(InputError, match="expected no other training at work here"), \
            locked(folder, "training"):
        pass
    with locked(folder, "training"), locked(folder, "evaluation"):
        pass
