"""How many sentences the agents for talks begin in music: random notes, or recordings."""

import sys

from mgcm_fairseq.checks.sentences_in_music import main

if __name__ == "__main__":
    sys.exit(main())
