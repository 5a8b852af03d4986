"""Feeds an agent as SimulEval does."""

import soundfile
from simuleval.data.segments import SpeechSegment


def waveforms_of(corpus):
    """Samples of the test utterances."""
    return [soundfile.read(path, dtype="float32")[0].tolist()
            for path in (corpus / "simuleval" / "tst-COMMON.source").read_text().split()]


def feed(agent, samples, segment_ms, rate=16_000, before_reset=lambda: None):
    """(ms read, words) of every write, the last of which must say that it was the last."""
    size, writes = segment_ms * 16, []
    for end in range(size, len(samples) + size, size):
        finished = end >= len(samples)
        output = agent.pushpop(SpeechSegment(content=samples[end - size:end], sample_rate=rate, finished=finished))
        if output.content:
            writes.append((min(end, len(samples)) / 16, output.content))
        assert output.finished == finished
    before_reset()
    agent.reset()
    return writes


def words(writes, separator=" "):
    """The whole text; `separator` stands between words, none where a language has no spaces between them."""
    return separator.join(text for _, text in writes)
