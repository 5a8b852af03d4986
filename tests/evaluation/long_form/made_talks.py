"""A talk of three sentences whose latencies can be worked out by hand, and what systems made of it."""

from pathlib import Path

from mgcm_fairseq.data.audio import AudioSpan
from mgcm_fairseq.data.manifest import Utterance
from mgcm_fairseq.evaluation.instances import Instance
from mgcm_fairseq.evaluation.long_form.talks import RecordedTalk

SENTENCES = ("Heute regnet es stark.", "Morgen kommt Besuch vorbei.", "Übermorgen fahren wir weg.")
SECONDS = 2  # of each sentence, one behind the other
END_MS = 1000.0 * SECONDS * len(SENTENCES)


def talk(name="one", sentences=SENTENCES):
    wav = Path(f"{name}.wav")
    return RecordedTalk(wav, tuple(
        Utterance(f"{name}_{rank}", AudioSpan(wav, rank * SECONDS * 16_000, SECONDS * 16_000), SECONDS * 16_000,
                  "It is said so.", text, "spk", "en", "de") for rank, text in enumerate(sentences)))


def written(text, delays, computing=0.0, unit="word"):
    """A log of these words or characters, and the delay of each in ms; all are ready `computing` ms later."""
    return Instance(0, text, list(delays), [one + computing for one in delays], "", END_MS + 1000, 60.0, 20.0, unit)


def on_time(late=1000.0, computing=0.0):
    """Every word `late` ms behind an even pace, that of four words in the two seconds of a sentence."""
    words = " ".join(SENTENCES).split()
    return written(" ".join(words), [late + 500.0 * index for index in range(len(words))], computing)
