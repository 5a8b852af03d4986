"""Imported once by the process that forks the workers: what takes seconds to import."""

import mgcm_fairseq.tasks  # noqa: F401
from mgcm_fairseq.checks.fuzzing.targets import TARGETS  # noqa: F401
