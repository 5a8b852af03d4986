"""Scores of finished translations: from what SimulEval and fairseq-generate wrote to a table and a plot."""
