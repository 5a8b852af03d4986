"""SimulEval agents: arguments, states and one call into core.policy each."""

from mgcm_fairseq import compat

compat.silence_what_only_others_can_mend()  # before simuleval is imported, which warns
