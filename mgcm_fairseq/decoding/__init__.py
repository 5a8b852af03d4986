"""Decoding: from a checkpoint and what was heard to pieces and words, for every policy."""
