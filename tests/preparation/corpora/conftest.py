import pytest

from tests.data.sounds import write_sound
from tests.preparation.corpora.tables import ROWS, sound


@pytest.fixture
def folder(tmp_path):
    """With the wavs that `tables.ROWS` names."""
    for path, _, _ in ROWS:
        write_sound(tmp_path / path, sound(path), 16_000, subtype="PCM_16")
    return tmp_path
