"""SimulEval agents: the policies, what they share, how one is chosen, and how simulstream runs them."""

from mgcm_fairseq import compat

compat.silence_what_only_others_can_mend()  # before simuleval is imported, which warns
