"""The one import that registers everything with fairseq: `--user-dir mgcm_fairseq` leads here."""

from mgcm_fairseq import compat

compat.install()

import mgcm_fairseq.criterions.multitask  # noqa: E402 - behind the repairs; registers what is in it
import mgcm_fairseq.models.simul_st  # noqa: E402 - behind the repairs; registers what is in it
import mgcm_fairseq.tasks.simul_st  # noqa: E402, F401 - behind the repairs; registers what is in it
