"""What fairseq-generate turns pieces into text with."""

from fairseq.data import Dictionary

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.vocabulary import Vocabulary


class PieceDecoder:
    """Text from pieces with a space between each two, as fairseq prints them. Other white space may be a piece."""

    def __init__(self, vocabulary: Vocabulary, dictionary: Dictionary) -> None:
        self.vocabulary = vocabulary
        self.dictionary = dictionary

    def decode(self, pieces: str) -> str:
        return self.vocabulary.decode(self._id(piece) for piece in pieces.split(" ") if piece)

    def _id(self, piece: str) -> int:
        if piece not in self.dictionary and piece != self.dictionary.unk_string(escape=True):
            raise InputError("--post-process", "pieces, which are made into text here anyway", repr(piece),
                             "Leave --post-process and --remove-bpe out.")
        return int(self.dictionary.index(piece))
