"""Words placed by a CTC head whose letters are known."""

import pytest
import torch

from mgcm_fairseq.analysis.word_times import even_times, word_times
from mgcm_fairseq.data.vocabulary import Vocabulary, dictionary_lines, train
from tests.modules.networks import network

FRAME = 0.02  # s
HEARD = "-aab-▁-b▁▁-c--------"  # the likeliest letter of each frame; - for the blank
SAMPLES = torch.zeros(400 + 320 * (len(HEARD) - 1))


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vocabulary")
    (folder / "model").write_bytes(train(["ab b c", "bab cab", "c b abc"], 15, ("en", "de")))
    lines = dictionary_lines((folder / "model").read_bytes())
    (folder / "dictionary").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return Vocabulary(folder / "model", folder / "dictionary")


class Certain(torch.nn.Module):
    """Hears HEARD whatever is said."""

    def __init__(self, vocabulary):
        super().__init__()
        self.labels = torch.tensor([vocabulary.bos if letter == "-" else vocabulary.pieces.index(letter)
                                    for letter in HEARD])
        self.size = len(vocabulary)

    def forward(self, features):
        return 9.0 * torch.nn.functional.one_hot(self.labels[:features.size(1)], self.size)[None]


@pytest.fixture
def times_of(vocabulary):
    made = network()
    made.ctc.letters = Certain(vocabulary)
    return lambda text, samples=SAMPLES: word_times(made, vocabulary, samples, text)


def test_a_word_begins_with_its_first_letter(times_of):
    assert times_of("Ab b, c!") == pytest.approx([1 * FRAME, 7 * FRAME, 11 * FRAME])


def test_no_words_have_no_times(times_of):
    assert times_of("") == []


@pytest.mark.parametrize("text", ["x", "x a b", "a b !", "abc abc abc abc abc abc"])
def test_a_word_without_letters_and_too_many_letters_have_no_times(times_of, text):
    assert times_of(text) is None


def test_no_frame_and_no_head_give_no_times(times_of, vocabulary):
    assert times_of("a", SAMPLES[:399]) is None
    assert word_times(network(ctc=False), vocabulary, SAMPLES, "a") is None


def test_even_times_divide_the_audio():
    assert even_times(4, 16_000) == [0.0, 0.25, 0.5, 0.75]
    assert even_times(0, 16_000) == []
