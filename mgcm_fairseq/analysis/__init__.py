"""What a model and its training did: conflicts between tasks, segments of speech, and their plots."""

import logging

logging.basicConfig(level=logging.WARNING)  # else fairseq, once imported, lets every library tell each step
