"""fairseq prints a hypothesis as pieces with spaces between them; the text made of that loses none."""

import pytest
from fairseq.data import Dictionary

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.vocabulary import Vocabulary, dictionary_lines, train
from mgcm_fairseq.tasks.piece_decoder import PieceDecoder

WHITE = "\u3000\u00a0\u2009\u202f\u2028\u0085\u001d\v\f"  # what str.split() without an argument cuts at, beside spaces
TEXTS = ["「はい」\u3000と言った。", "10\u00a0000\u2009人が来た。", *(f"彼は{mark}来た。" for mark in WHITE), "\u3000"]


@pytest.fixture(scope="module", params=[("en", "ja"), ("zh", "ja"), ("en", "de")])
def loaded(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vocabulary")
    model = train([*TEXTS * 20, "The dog sees a house."], 60, request.param)
    (folder / "spm.model").write_bytes(model)
    (folder / "spm.txt").write_text("".join(f"{line}\n" for line in dictionary_lines(model)), encoding="utf-8")
    vocabulary = Vocabulary.load(folder, CorpusConfig(*request.param, 16_000, "spm.txt", "spm.model"))
    return vocabulary, Dictionary.load(str(folder / "spm.txt"))


def test_pieces_of_white_space_are_in_the_text(loaded):
    vocabulary, dictionary = loaded
    decoder = PieceDecoder(vocabulary, dictionary)
    for text in [*TEXTS, "", "a☃b"]:
        ids = vocabulary.encode(text)
        printed = dictionary.string(ids)
        assert decoder.decode(printed) == vocabulary.decode(ids)
        assert decoder.decode(dictionary.string(ids, escape_unk=True)) == vocabulary.decode(ids)  # a reference
    assert any(mark in piece for mark in WHITE for piece in vocabulary.pieces), "or this showed nothing"


def test_text_that_fairseq_has_joined_already_is_refused(loaded):
    vocabulary, dictionary = loaded
    joined = dictionary.string(vocabulary.encode(TEXTS[0]), bpe_symbol="sentencepiece")
    with pytest.raises(InputError, match=r"--post-process: expected pieces.* Leave --post-process and"):
        PieceDecoder(vocabulary, dictionary).decode(joined)
