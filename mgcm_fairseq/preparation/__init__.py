"""Preparation of a corpus: entries sorted on disk, audio verified and converted, segments, files for training."""
