"""The joint vocabulary: size, determinism, agreement with fairseq's ids, and errors for files that do not fit."""

import warnings

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.vocabulary import SPECIALS, Vocabulary, dictionary_lines, train
from mgcm_fairseq.preparation.texts import unknown_characters

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # fairseq uses what newer versions of its dependencies call old
    from fairseq.data import Dictionary

TEXT = ("the dog sees an old house in my garden while nobody listens to our long story about green birds "
         "der Hund sieht ein altes Haus in meinem Garten während niemand unserer langen Geschichte zuhört")
WORDS = TEXT.split()
SENTENCES = [" ".join(WORDS[(start * step) % len(WORDS)] for start in range(1, 7)) + "." for step in range(1, 60)]


@pytest.fixture(scope="module")
def model() -> bytes:
    return train(SENTENCES, 60, ("en", "de"))


@pytest.fixture
def folder(tmp_path, model):
    (tmp_path / "spm.model").write_bytes(model)
    (tmp_path / "spm.txt").write_text("".join(f"{line}\n" for line in dictionary_lines(model)), encoding="utf-8")
    return tmp_path


@pytest.fixture
def vocabulary(folder) -> Vocabulary:
    return Vocabulary.load(folder, CorpusConfig("en", "de", 16_000, "spm.txt", "spm.model"))


def test_ids_are_those_of_fairseq(folder, vocabulary):
    dictionary = Dictionary.load(str(folder / "spm.txt"))
    assert dictionary.symbols == vocabulary.pieces
    assert (dictionary.bos(), dictionary.pad(), dictionary.eos(), dictionary.unk()) == (
        vocabulary.bos, vocabulary.pad, vocabulary.eos, vocabulary.unk) == (0, 1, 2, 3)
    assert tuple(vocabulary.pieces[:4]) == SPECIALS
    assert len(vocabulary) == len(dictionary) == 60


def test_decoding_inverts_encoding(vocabulary):
    for sentence in SENTENCES:
        ids = vocabulary.encode(sentence)
        assert vocabulary.decode(ids) == sentence
        assert min(ids) > vocabulary.unk


def test_many_texts_are_encoded_as_each_alone(vocabulary, monkeypatch):
    monkeypatch.setattr("mgcm_fairseq.data.vocabulary._AT_ONCE", 2)
    texts = ["the dog.", "", "the ☃ dog.", "a dog", "dogs"]
    assert list(vocabulary.encode_all(texts)) == [vocabulary.encode(text) for text in texts]


def test_decoding_leaves_out_tags_and_specials_but_shows_the_unknown(vocabulary):
    ids = vocabulary.encode("the dog.")
    assert vocabulary.decode([0, vocabulary.tag("de"), *ids, 2, 1, 1]) == "the dog."
    assert vocabulary.decode(vocabulary.encode("the ☃ dog.")) == "the ⁇ dog."
    assert vocabulary.decode([]) == ""


@pytest.mark.parametrize(("language", "text"), [("zh", "他说：“Ａ，我们３个ﬁ！”"), ("de", "他说:“A,我们3个fi!”")])
def test_only_text_with_spaces_between_words_is_normalised(tmp_path, language, text):
    """As SentencePiece does it, which narrows wide marks."""
    given = "他说：“Ａ，我们３个ﬁ！”"
    model = train([*SENTENCES, given, text], 90, ("en", language))
    (tmp_path / "spm.model").write_bytes(model)
    (tmp_path / "spm.txt").write_text("".join(f"{line}\n" for line in dictionary_lines(model)), encoding="utf-8")
    vocabulary = Vocabulary.load(tmp_path, CorpusConfig("en", language, 16_000, "spm.txt", "spm.model"))
    assert vocabulary.decode(vocabulary.encode(given)) == text


def test_tags_are_one_piece_each(vocabulary):
    assert [vocabulary.pieces[vocabulary.tag(language)] for language in ("en", "de")] == ["<lang:en>", "<lang:de>"]
    with pytest.raises(InputError, match="a piece <lang:fr>, found the tags <lang:en>, <lang:de>"):
        vocabulary.tag("fr")


def test_training_is_deterministic(model):
    assert train(SENTENCES, 60, ("en", "de")) == model


def test_a_size_that_the_text_does_not_allow_becomes_the_largest_that_it_does():
    lines = dictionary_lines(train(SENTENCES, 10_000, ("en", "de")))
    largest = len(SPECIALS) + len(lines)
    assert 60 < largest < 10_000
    assert dictionary_lines(train(SENTENCES, largest, ("en", "de"))) == lines
    assert dictionary_lines(train(SENTENCES, largest + 1, ("en", "de"))) == lines
    assert len(dictionary_lines(train(SENTENCES, largest - 1, ("en", "de")))) == len(lines) - 1


def test_every_character_gets_a_piece_even_in_a_very_long_sentence():
    lines = dictionary_lines(train([*SENTENCES, "word " * 2_000 + "☃"], 60, ("en", "de")))
    assert "☃ 1" in lines


@pytest.mark.parametrize(("languages", "known"), [(("en", "de"), True), (("en", "zh"), False), (("ja", "en"), False),
                                                  (("en", "zh-CN"), False), (("en", "yue"), False)])
def test_the_rarest_characters_are_pieces_but_for_languages_of_thousands(languages, known):
    sentences = [*SENTENCES * 3, "龘"]
    model = train(sentences, 60, languages)
    assert ("龘 1" in dictionary_lines(model)) == known
    assert unknown_characters(iter(sentences), model) == ((0, 0) if known else (1, 1))


def test_only_so_many_sentences_are_learnt_from_and_they_are_spread_evenly(monkeypatch):
    monkeypatch.setattr("mgcm_fairseq.data.vocabulary.MAX_SENTENCES", 100)
    kept = [f"{text} kept" for text in SENTENCES[:50] * 2]
    every_third = [text for sentence in kept for text in ("other words", "never to be seen", sentence)]
    assert train(every_third, 60, ("en", "de")) == train(kept, 60, ("en", "de"))


def test_a_size_below_the_alphabet_is_an_error():
    with pytest.raises(InputError, match=r"--vocab-size: .*at least 31.*found 10.*--vocab-size 31 or more"):
        train(SENTENCES, 10, ("en", "de"))


@pytest.mark.parametrize(("change", "line", "says"), [
    (lambda lines: [lines[1], lines[0], *lines[2:]], 1, "expected '<lang:en>' as in spm.model, found '<lang:de>'"),
    (lambda lines: lines[:-1], 56, "found the end of the file"),
    (lambda lines: [*lines, "extra 1"], 57, "expected 60 pieces in all, found 61"),
    (lambda lines: [*lines[:4], "no-count", *lines[5:]], 5, "expected a line `piece count`, found 'no-count'"),
])
def test_a_dictionary_that_disagrees_with_the_model_is_an_error(folder, change, line, says):
    path = folder / "spm.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")
    with pytest.raises(InputError) as raised:
        Vocabulary(folder / "spm.model", path)
    assert str(raised.value).startswith(f"{path}:{line}: ")
    assert says in str(raised.value)


@pytest.mark.parametrize("name", ["spm.model", "spm.txt"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"{name}: expected a vocabulary file, found no such file"):
        Vocabulary(folder / "spm.model", folder / "spm.txt")


def test_a_broken_model_is_named(folder):
    (folder / "spm.model").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"spm\.model: expected a SentencePiece model"):
        Vocabulary(folder / "spm.model", folder / "spm.txt")


def test_a_dictionary_that_is_no_text_is_named_by_line(tmp_path):
    model = train(["ab ba"] * 3, 12, ["de"])
    (tmp_path / "a.model").write_bytes(model)
    lines = [line.encode() for line in dictionary_lines(model)]
    (tmp_path / "a.txt").write_bytes(b"\n".join([lines[0], b"\xff 1", *lines[2:]]) + b"\n")
    with pytest.raises(InputError, match=r"a\.txt:2: expected text in utf-8, found byte 0xff"):
        Vocabulary(tmp_path / "a.model", tmp_path / "a.txt")


@pytest.mark.parametrize(("text", "message"), [
    (b"\xff", "expected text in utf-8"), (b"[" * 5_000, "expected YAML"), (b"a: 2020-99-99", "expected YAML"),
    (b"1: 2\na: 3", "exactly the keys"),
    (b"{src_lang: en, tgt_lang: de, sample_rate: 16000, vocab_filename: a, spm_filename: ../b}",
     r"spm_filename as a file in this folder, found '\.\./b'"),
    (b"{src_lang: en, tgt_lang: de, sample_rate: 16000, vocab_filename: '', spm_filename: b}",
     "vocab_filename as a file in this folder, found ''"),
    (b"{src_lang: en, tgt_lang: de, sample_rate: 8000, vocab_filename: a, spm_filename: b}",
     "sample_rate 16000, that of all audio here, found 8000"),
    (b"{src_lang: en, tgt_lang: no, sample_rate: 16000, vocab_filename: a, spm_filename: b}", "tgt_lang as str"),
    (b"{src_lang: en, tgt_lang: de, sample_rate: 16e3, vocab_filename: a, spm_filename: b}", "sample_rate as int"),
    (b"{src_lang: en, tgt_lang: de, sample_rate: 16000, vocab_filename: , spm_filename: b}", "vocab_filename as str")])
def test_a_configuration_of_another_kind_is_refused(tmp_path, text, message):
    (tmp_path / "config.yaml").write_bytes(text)
    with pytest.raises(InputError, match=rf"config\.yaml.*{message}"):
        CorpusConfig.read(tmp_path)


@pytest.mark.parametrize("count", ["²", "١", "9" * 5_000, "-1", ""])
def test_a_count_that_fairseq_does_not_read_is_refused(tmp_path, count):
    model = train(["ab ba"] * 3, 12, ["de"])
    (tmp_path / "a.model").write_bytes(model)
    first, *rest = dictionary_lines(model)
    (tmp_path / "a.txt").write_text("\n".join([first.removesuffix("1") + count, *rest]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.txt:1: expected a line `piece count`"):
        Vocabulary(tmp_path / "a.model", tmp_path / "a.txt")


def test_a_name_that_no_file_can_have_is_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="expected a vocabulary file, found no such file"):
        Vocabulary(tmp_path / ("a" * 300), tmp_path / "a.txt")
