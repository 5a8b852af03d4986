"""A criterion and batches for training steps without a corpus."""

from types import SimpleNamespace

import torch
from fairseq.data import Dictionary

from mgcm_fairseq.criterions.multitask import MultitaskCrossEntropy
from tests.modules.networks import VOCABULARY, speech, tokens

EOS = 2


def criterion(tasks="st,asr,mt", ctc_weight=1.0):
    """The multi-task loss over the test networks' vocabulary."""
    dictionary = Dictionary()
    for index in range(VOCABULARY - len(dictionary)):
        dictionary.add_symbol(f"p{index}")
    task = SimpleNamespace(target_dictionary=dictionary, vocabulary=SimpleNamespace(bos=0))
    return MultitaskCrossEntropy(task, tasks, 0.1, ctc_weight, 1.0, 0, 0.1, 0).train()


def training_batch(utterances=4, seed=0):
    """A batch of utterances of different lengths, as the dataset collates them."""
    waveform, samples = speech([12_000 - 1_500 * row for row in range(utterances)], seed)
    transcript, lengths = tokens([7 - row for row in range(utterances)], seed + 100)
    target, target_lengths = tokens([4 + row for row in range(utterances)], seed + 200)
    spelling, spelling_lengths = tokens([9 - row for row in range(utterances)], seed + 300)
    for rows, sizes in ((transcript, lengths), (target, target_lengths)):
        rows[torch.arange(utterances), sizes - 1] = EOS
    prefixes = [torch.cat([torch.full((utterances, 1), 4), rows[:, :-1]], 1) for rows in (transcript, target)]
    return {"net_input": {"src_tokens": waveform, "src_lengths": samples}, "lead_in": None, "language": None,
            "source": None, "source_lengths": None, "spelling": spelling, "spelling_lengths": spelling_lengths,
            "transcript": transcript, "transcript_lengths": lengths, "transcript_prefix": prefixes[0],
            "target": target, "target_prefix": prefixes[1], "ntokens": int(target_lengths.sum()),
            "nsentences": utterances}
