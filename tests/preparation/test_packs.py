"""The record of a packed wav: believed where it fits the wav, and else as though there were none."""

import json

import numpy as np
import pytest
import soundfile

from mgcm_fairseq.preparation.packs import Pack, write_pack

PACK = [[0, 800], ["unreadable audio", "no sound"], [800, 800]]


@pytest.mark.parametrize("parts", [None, [], PACK[:2], [*PACK, [1600, 0]], [[0, 800], 3, [800, 800]], [[0], *PACK[1:]],
                                   [[1, 800], *PACK[1:]], [[0, -800], *PACK[1:]], [[0, True], *PACK[1:]], {"a": 1}])
def test_a_record_whose_parts_do_not_fill_the_wav_is_none(tmp_path, parts):
    for name in ("a", "c"):
        soundfile.write(tmp_path / f"{name}.wav", np.full(800, ord(name), np.int16), 16_000)
    (tmp_path / "b.wav").write_text("no sound")
    pack = Pack(tmp_path / "pack.wav", [str(tmp_path / f"{name}.wav") for name in "abc"])
    spans = write_pack(pack)
    record = tmp_path / "pack.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "parts": parts}))
    assert write_pack(pack) == spans
    assert [span.length for span in spans[::2]] == [800, 800]
