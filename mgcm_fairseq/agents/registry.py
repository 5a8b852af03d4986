"""The policies by name: which agent follows each, and by which option its latency is set."""

from typing import NamedTuple

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.named import named


class Policy(NamedTuple):
    """An agent, and what makes it earlier or later."""

    agent: str  # module and class
    varied: str  # the option that a curve varies


POLICIES: dict[str, Policy] = {
    "wait-segment": Policy("mgcm_fairseq.agents.wait_segment.WaitSegmentAgent", "--lag"),
    "wait-k": Policy("mgcm_fairseq.agents.wait_k.WaitKAgent", "--wait-k"),
    "local-agreement": Policy("mgcm_fairseq.agents.local_agreement.LocalAgreementAgent", "--step-ms"),
    "alignatt": Policy("mgcm_fairseq.agents.alignatt.AlignAttAgent", "--frames"),
    "edatt": Policy("mgcm_fairseq.agents.edatt.EDAttAgent", "--threshold"),
    "offline": Policy("mgcm_fairseq.agents.offline.OfflineAgent", "--beam"),
}


def agent_class(policy: str, option: str = "--policy") -> type[SystemAgent]:
    """The agent that follows a policy; its module is imported only now, since that enters it in SimulEval's list."""
    if policy not in POLICIES:
        raise InputError(option, f"one of {', '.join(POLICIES)}", repr(policy), "Correct the option.")
    agent: type[SystemAgent] = named(POLICIES[policy].agent)
    return agent
