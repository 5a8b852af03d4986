"""Conflict handling inside fairseq's training: the step, what it refuses, and what it records."""
