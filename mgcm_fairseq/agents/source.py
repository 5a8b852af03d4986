"""What an agent may be fed."""

from simuleval.agents.states import AgentStates

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.errors import InputError


def check_source(states: AgentStates) -> None:
    """InputError unless the source is mono at the sample rate of training."""
    if states.source and isinstance(states.source[0], (list, tuple)):
        raise InputError("--source", "mono audio", f"{len(states.source[0])} channels", "Mix it down to one channel.")
    if states.source and states.source_sample_rate != SAMPLE_RATE:
        raise InputError("--source", f"audio at {SAMPLE_RATE} Hz", f"{states.source_sample_rate} Hz", "Resample it.")
