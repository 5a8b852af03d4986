"""One sentence through an agent, fed and logged by SimulEval's own instance, with the time that the agent took."""

import time
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

import soundfile

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import command
from mgcm_fairseq.evaluation.latency import SpeechToTextDataloader, SpeechToTextInstance


def simulate(agent: SystemAgent, wavs: Sequence[str], references: Sequence[str], index: int,
             read_ms: int) -> dict[str, Any]:
    """What SimulEval logs of sentence `index`, and `computing` and `slowest_read`, ms of the agent's own.

    Delays are of words, or of characters where the agent's language has no spaces between words. The order of calls is
    that of simuleval's SentenceLevelEvaluator.
    """
    unit = Namespace(eval_latency_unit=agent.system.writing.language.unit)
    try:
        instance = SpeechToTextInstance(index, SpeechToTextDataloader(list(wavs), list(references)), unit)
    except soundfile.SoundFileError as error:
        raise InputError(wavs[index], "a wav file", str(error), f"Prepare it with {command('prepare')}.") from error
    agent.reset()
    reads = []
    while not instance.source_finished_reading:
        read = instance.send_source(read_ms)
        began = time.perf_counter()
        try:
            output = agent.pushpop(read)
        except InputError as error:
            raise InputError(wavs[index], "audio that the agent takes", error.found,
                             f"Prepare it with {command('prepare')}.") from error
        reads.append((time.perf_counter() - began) * 1000)
        instance.receive_prediction(output)
        if instance.finish_prediction:
            agent.reset()
    return {**instance.summarize(), "computing": sum(reads), "slowest_read": max(reads)}
