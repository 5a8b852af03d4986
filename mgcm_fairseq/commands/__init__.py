"""What users run, a file each: arguments in, results and one kind of message out."""

import logging

logging.basicConfig(level=logging.WARNING)  # else fairseq, once imported, lets every library tell each step
