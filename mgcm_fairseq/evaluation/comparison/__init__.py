"""Systems held against each other: curves over seeds, BLEU at equal latency, and tests of whether they differ."""
