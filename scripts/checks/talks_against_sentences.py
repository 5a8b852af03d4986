"""What it costs a model that nobody cuts its talks into sentences, with intervals: two folders of evaluate.sh."""

import sys

from mgcm_fairseq.checks.talks_against_sentences import main

if __name__ == "__main__":
    sys.exit(main())
