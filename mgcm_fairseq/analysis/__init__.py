"""What a model and its training did: conflicts between tasks, segments of speech, and their plots."""

from mgcm_fairseq.compat import keep_logging_quiet

keep_logging_quiet()  # before fairseq is imported, which lets every library tell each of its steps
