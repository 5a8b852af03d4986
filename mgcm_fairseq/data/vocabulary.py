"""One joint SentencePiece vocabulary for all languages of a corpus: training it, and using it with fairseq's ids."""

import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import sentencepiece

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import decode_text
from mgcm_fairseq.core.kinds import BEGINS, CLOSED, PieceKinds
from mgcm_fairseq.data.config import CorpusConfig, language_tag
from mgcm_fairseq.data.languages import language
from mgcm_fairseq.data.piece_kinds import spaced_kind, unspaced_kind

SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")  # in the order of fairseq's Dictionary: ids 0 to 3
_AGAIN = "Prepare the corpus again."
_COUNT = re.compile("[0-9]{1,18}")
MAX_SENTENCES = 1_000_000  # bounds SentencePiece's memory; MuST-C's train has 460,000 in two languages
_AT_ONCE = 4096  # texts in a call of SentencePiece
_THREADS = 4  # fixed: the sums of the training depend on how the text is divided among threads


class Vocabulary:
    """Text to ids and back, with the ids that fairseq's Dictionary gives for the same dictionary file."""

    bos, pad, eos, unk = range(4)

    def __init__(self, model: Path, dictionary: Path, contents: tuple[bytes, bytes] | None = None) -> None:
        """Raises InputError if a file is missing or broken, or if the two disagree on a single id.

        `contents`: what the two hold, where they come from a checkpoint and the paths are names alone.
        """
        for path in (model, dictionary) if contents is None else ():
            if not os.path.isfile(path):  # False for a name that no file can have
                raise InputError(path, "a vocabulary file", "no such file", _AGAIN)
        model_proto, lines = contents or (model.read_bytes(), dictionary.read_bytes())
        try:
            self._spm = sentencepiece.SentencePieceProcessor(model_proto=model_proto)
        except RuntimeError as error:  # its only exception, for any fault of the file
            raise InputError(model, "a SentencePiece model", str(error), _AGAIN) from error
        self.pieces = [self._spm.id_to_piece(index) for index in range(self._spm.get_piece_size())]
        if tuple(self.pieces[:len(SPECIALS)]) != SPECIALS:
            raise InputError(model, f"the pieces {SPECIALS} as ids 0 to 3", str(self.pieces[:len(SPECIALS)]), _AGAIN)
        listed = [*SPECIALS, *_read_dictionary(dictionary, lines)]
        for index, piece in enumerate(self.pieces):
            if index >= len(listed) or listed[index] != piece:
                found = repr(listed[index]) if index < len(listed) else "the end of the file"
                raise InputError((dictionary, index - len(SPECIALS) + 1),
                                 f"{piece!r} as in {model.name}", found, _AGAIN)
        if len(listed) > len(self.pieces):
            raise InputError((dictionary, len(self.pieces) - len(SPECIALS) + 1), f"{len(self.pieces)} pieces in all",
                             f"{len(listed)}", _AGAIN)
        self._tags = {index for index, piece in enumerate(self.pieces) if piece.startswith("<lang:")}
        self._path = model

    @classmethod
    def load(cls, folder: Path, config: CorpusConfig) -> "Vocabulary":
        """The vocabulary of a prepared corpus; `folder` is that of config.yaml."""
        return cls(folder / config.spm_filename, folder / config.vocab_filename)

    def __len__(self) -> int:
        return len(self.pieces)

    def piece_kinds(self, config: CorpusConfig) -> PieceKinds:
        """For each id what its piece does to the words, or characters, of the source and of the target of a corpus.

        All source languages have the same, which depend on whether there are spaces between words alone.
        """
        return PieceKinds(self._kinds(config.src_langs[0]), self._kinds(config.tgt_lang))

    def _kinds(self, code: str) -> list[int]:
        spaced = language(code).spaced
        kinds = [spaced_kind(piece) if spaced else unspaced_kind(piece) for piece in self.pieces]
        for index in (self.bos, self.pad, self.eos, *self._tags):
            kinds[index] = 0
        kinds[self.unk] = 0 if spaced else BEGINS | CLOSED  # a rare character, most likely
        return kinds

    @property
    def spoken(self) -> list[bool]:
        """For each id whether its piece has letters or digits."""
        silent = {self.bos, self.pad, self.eos} | self._tags
        return [index not in silent and (index == self.unk or any(map(str.isalnum, piece)))
                for index, piece in enumerate(self.pieces)]

    @property
    def punctuation(self) -> list[bool]:
        """For each id whether its piece has marks and neither letters nor digits."""
        return [not spoken and index > self.unk and index not in self._tags and bool(piece.strip("▁"))
                for index, (piece, spoken) in enumerate(zip(self.pieces, self.spoken, strict=True))]

    def encode(self, text: str) -> list[int]:
        """Ids of the pieces of `text`, without tag and end of sentence."""
        return list(self._spm.encode(text))

    def encode_all(self, texts: Iterable[str]) -> Iterator[list[int]]:
        """`encode` of each, with one call for many texts, which takes a fifth less time."""
        rest = iter(texts)
        while many := list(islice(rest, _AT_ONCE)):
            yield from self._spm.encode(many, num_threads=1)

    def spell(self, text: str) -> list[int]:
        """Ids of the lower-cased letters, digits and spaces of `text`; a character that is no piece is left out.

        SentencePiece makes a piece of every character of its training text.
        """
        marked = "".join(char for char in " ".join(text.lower().split()) if char.isalnum() or char == " ")
        ids = (self._spm.piece_to_id(char.replace(" ", "▁")) for char in marked)
        return [index for index in ids if index != self.unk]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`; bos, pad, eos and language tags are left out, unknown pieces show as ⁇."""
        silent = {self.bos, self.pad, self.eos} | self._tags
        return str(self._spm.decode([int(index) for index in ids if int(index) not in silent]))

    def tag(self, language: str) -> int:
        """Id of `<lang:LANGUAGE>`; InputError if the vocabulary was made for other languages."""
        index = self._spm.piece_to_id(language_tag(language))
        if index == self.unk:
            known = ", ".join(self.pieces[tag] for tag in sorted(self._tags))
            raise InputError(self._path, f"a piece {language_tag(language)}", f"the tags {known}", _AGAIN)
        return index


def train(sentences: Iterable[str], size: int, languages: Sequence[str]) -> bytes:
    """A serialised unigram model of `size` pieces, or of the largest size below that the text allows.

    The same sentences in the same order give the same bytes. Of more than MAX_SENTENCES as many are learnt from, evenly
    spread. SentencePiece's own normalisation narrows wide marks (，！？): text of a language with such stays as it is.
    Raises InputError if the characters alone need more.

    Args:
        sentences: gone through twice.
        languages: of these; where one has thousands of characters, the rarest are left out of the vocabulary.
    """
    count = longest = 0
    for text in sentences:
        count, longest = count + 1, max(longest, len(text.encode()))
    chosen = (text for index, text in enumerate(sentences)
              if index * MAX_SENTENCES // count < (index + 1) * MAX_SENTENCES // count or count <= MAX_SENTENCES)
    spaced = all(language(code).spaced for code in languages)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=chosen, model_writer=model, model_type="unigram", vocab_size=size,
            hard_vocab_limit=False, character_coverage=1.0 if spaced else 0.9995, bos_id=0, pad_id=1, eos_id=2,
            unk_id=3, unk_surface="⁇",  # the default has a space on each side, hence empty words
            user_defined_symbols=[language_tag(code) for code in languages], num_threads=_THREADS,
            normalization_rule_name="nmt_nfkc" if spaced else "identity",
            max_sentence_length=max(4096, longest + 1),  # longer ones are dropped
            minloglevel=2)
    except RuntimeError as error:
        if characters := re.search(r"smaller than required_chars. \d+ vs (\d+)", str(error)):
            raise InputError("--vocab-size", f"at least {characters[1]}, for each character of this text and the "
                             "special pieces", str(size), f"Pass --vocab-size {characters[1]} or more.") from error
        raise InputError("--vocab-size", "a size that SentencePiece can reach with this text", f"{size}: {error}",
                         "Pass another size, or more text.") from error
    return model.getvalue()


def dictionary_lines(model: bytes) -> list[str]:
    """Lines `piece count` of a fairseq dictionary: all pieces but the specials; the count, unused here, is 1."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [f"{processor.id_to_piece(index)} 1" for index in range(len(SPECIALS), processor.get_piece_size())]


def _read_dictionary(path: Path, content: bytes) -> list[str]:
    pieces = []
    for number, line in enumerate(decode_text(content, path, _AGAIN).removesuffix("\n").split("\n"), start=1):
        piece, space, count = line.rpartition(" ")
        if not (piece and space and _COUNT.fullmatch(count)):
            raise InputError((path, number), "a line `piece count`", repr(line), _AGAIN)
        pieces.append(piece)
    return pieces
