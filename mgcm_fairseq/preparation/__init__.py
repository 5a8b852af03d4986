"""Preparation of a corpus: entries sorted on disk, audio verified and converted, utterances, files for training."""
