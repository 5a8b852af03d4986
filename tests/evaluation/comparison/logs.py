"""Logs of made-up systems of a given quality and latency, on one made-up test set."""

import random
from typing import Any

SENTENCES, STEP = 60, 250  # ms of audio for each word

Records = list[dict[str, Any]]


def said(errors: float, point: int, seed: int) -> Records:
    """A log of wait-k on references of 8 to 15 words, a share `errors` of which was got wrong."""
    words, noise = random.Random(0), random.Random(seed)
    records = []
    for index in range(SENTENCES):
        reference = [f"w{words.randrange(50)}" for _ in range(words.randrange(8, 16))]
        length = float(STEP * len(reference))
        delays = [min(STEP * (position + point), length) for position in range(len(reference))]
        prediction = [word if noise.random() >= errors else "wrong" for word in reference]
        records.append({"index": index, "prediction": " ".join(prediction), "delays": delays,
                        "elapsed": [delay + 50 for delay in delays], "prediction_length": len(delays),
                        "reference": " ".join(reference), "source": ["a.wav"], "source_length": length})
    return records


def silent(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "prediction": "", "delays": [], "elapsed": [], "prediction_length": 0}
