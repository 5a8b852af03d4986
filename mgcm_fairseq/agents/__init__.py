"""SimulEval agents: a policy a file, arguments and one call into core and decoding each."""

from mgcm_fairseq import compat

compat.silence_what_only_others_can_mend()  # before simuleval is imported, which warns
