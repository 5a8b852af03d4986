"""Runs agents on a test set, scores what they and fairseq-generate write, and makes tables and plots of it."""
