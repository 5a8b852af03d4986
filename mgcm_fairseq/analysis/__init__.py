"""What a model and its training did: conflicts between tasks, segments of speech, and their plots."""

import logging

logging.basicConfig(level=logging.WARNING)  # else fairseq, once it is imported, lets every library tell each of its steps
