"""Every agent, with options for a lag, by the name of its policy."""

from argparse import ArgumentParser

from mgcm_fairseq.agents.alignatt import AlignAttAgent
from mgcm_fairseq.agents.edatt import EDAttAgent
from mgcm_fairseq.agents.local_agreement import LocalAgreementAgent
from mgcm_fairseq.agents.offline import OfflineAgent
from mgcm_fairseq.agents.wait_k import WaitKAgent
from mgcm_fairseq.agents.wait_segment import WaitSegmentAgent

SOON = {  # policy: agent and options that let it write early
    "wait-segment": (WaitSegmentAgent, "--lag 1"),
    "wait-k": (WaitKAgent, "--wait-k 1"),
    "local agreement": (LocalAgreementAgent, "--step-ms 320"),
    "local agreement, beam 3": (LocalAgreementAgent, "--step-ms 320 --beam 3"),
    "AlignAtt": (AlignAttAgent, "--frames 2"),
    "AlignAtt, beam 3": (AlignAttAgent, "--frames 2 --beam 3"),
    "EDAtt": (EDAttAgent, "--threshold 0.5"),
    "offline": (OfflineAgent, ""),
}
TALKS = [policy for policy in SOON if policy != "offline" and "beam" not in policy]
"""Those under which a model may find where a sentence ends."""
ONE_SENTENCE = {"long_form": False, "sentences": None, "patience": None, "pause_ms": None}
"""The options of talks, of an agent for one sentence."""
NEVER = {  # policy: options that let it write nothing before the end
    "wait-segment": "--lag 1000", "wait-k": "--wait-k 1000", "local agreement": "--step-ms 1000000",
    "AlignAtt": "--frames 100000", "EDAtt": "--threshold 0", "offline": "",
}


def build(policy, options, checkpoint, corpus):
    """The agent as SimulEval builds it."""
    kind, _ = SOON[policy]
    parser = ArgumentParser()
    kind.add_args(parser)
    return kind.from_args(parser.parse_args(["--checkpoint", str(checkpoint), "--corpus", str(corpus),
                                             *options.split()]))
