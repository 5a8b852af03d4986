"""Imported once by the process that the others are forked from: what takes seconds to import."""

import mgcm_fairseq.tasks  # noqa: F401 - so that the processes forked from here have it
from mgcm_fairseq.checks.fuzzing.targets import TARGETS  # noqa: F401 - so that the processes forked from here have it
