"""The multi-task loss against formulas in float64."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from fairseq.data import Dictionary

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.criterions.multitask import MultitaskCrossEntropy
from mgcm_fairseq.models.simul_st import SimulSTModel
from mgcm_fairseq.modules.schedule import OFFLINE
from tests.modules.networks import PAD, VOCABULARY, features, network, speech, text_memory, tokens

EOS = 2


def make(tasks="st,asr,mt", smoothing=0.1, ctc_weight=1.0):
    dictionary = Dictionary()
    for index in range(VOCABULARY - len(dictionary)):
        dictionary.add_symbol(f"p{index}")
    task = SimpleNamespace(target_dictionary=dictionary, vocabulary=SimpleNamespace(bos=0))
    return MultitaskCrossEntropy(task, tasks, smoothing, ctc_weight, 1.0, 0, 0.1, 0).train()


def batch():
    waveform, samples = speech([20_000, 12_000])
    (transcript, lengths), (target, target_lengths) = tokens([5, 3], seed=1), tokens([7, 4], seed=2)
    for rows, sizes in ((transcript, lengths), (target, target_lengths)):
        rows[torch.arange(2), sizes - 1] = EOS
    prefixes = [torch.cat([torch.full((2, 1), 4), rows[:, :-1]], 1) for rows in (transcript, target)]
    return {"net_input": {"src_tokens": waveform, "src_lengths": samples}, "lead_in": None, "language": None,
            "source": None, "source_lengths": None, "spelling": tokens([8, 6], seed=3)[0],
            "spelling_lengths": torch.tensor([8, 6]),
            "transcript": transcript, "transcript_lengths": lengths, "transcript_prefix": prefixes[0], "target": target,
            "target_prefix": prefixes[1], "ntokens": int(target_lengths.sum()), "nsentences": 2}


def smoothed(logits, target, epsilon):
    """(1 - eps) on the target and eps spread over the V - 1 other tokens, as fairseq defines it; in float64."""
    log_probs = F.log_softmax(logits.double(), -1)
    valid = target.ne(PAD)
    wanted = log_probs.gather(2, target.unsqueeze(2)).squeeze(2)
    others = (log_probs.sum(2) - wanted) / (logits.size(2) - 1)
    return -((1 - epsilon) * wanted + epsilon * others)[valid].sum()


@pytest.mark.parametrize("tasks", ["st", "st,asr", "st,asr,mt", "mt"])
def test_loss_of_each_task(tasks):
    model, given, criterion = network(), batch(), make(tasks, ctc_weight=0.0)
    losses, log = criterion.losses(SimulSTModel(model), given)
    assert list(losses) == tasks.split(",")
    speech_states = model.encoder.speech(*given["net_input"].values(), OFFLINE)
    text_states = text_memory(model.encoder, given["transcript"], given["transcript_lengths"])
    cases = {"st": (given["target_prefix"], speech_states, given["target"]),
             "asr": (given["transcript_prefix"], speech_states, given["transcript"]),
             "mt": (given["target_prefix"], text_states, given["target"])}
    for name, loss in losses.items():
        prefix, memory, target = cases[name]
        logits = model.decoder(prefix, memory)
        torch.testing.assert_close(loss.double(), smoothed(logits, target, 0.1), rtol=1e-5, atol=0)
        assert log[f"{name}_tokens"] == target.ne(PAD).sum()
    total, size, _ = criterion(SimulSTModel(model), given)
    torch.testing.assert_close(total, sum(losses.values()))
    assert size == given["ntokens"]


def test_ctc_equals_the_sum_over_utterances():
    model, given, criterion = network(), batch(), make()
    losses, log = criterion.losses(SimulSTModel(model), given)
    waveform, samples = given["net_input"].values()
    spoken, frames = features(model.encoder.front_end, waveform, samples)
    embedded, steps = model.encoder.embed_speech(PLAIN.start(spoken, ("asr",)), samples, PLAIN)
    pieces = F.linear(embedded.value, model.encoder.embedding.weight, model.ctc.piece_bias)
    cases = {"ctc_letters": (model.ctc.letters(spoken), frames, given["spelling"], given["spelling_lengths"]),
             "ctc_pieces": (pieces, steps, given["transcript"], given["transcript_lengths"] - 1)}
    for name, (logits, sizes, text, lengths) in cases.items():
        log_probs = F.log_softmax(logits.double(), -1)
        expected = sum(F.ctc_loss(log_probs[row, :sizes[row]], text[row, :lengths[row]], sizes[row], lengths[row],
                                  reduction="sum") for row in range(2))
        torch.testing.assert_close(losses[name].double(), expected, rtol=1e-5, atol=0)
        assert log[f"{name}_infeasible"] == 0


def test_ctc_is_for_training_alone():
    model, given, criterion = network(), batch(), make()
    assert "ctc_pieces" in criterion.losses(SimulSTModel(model), given)[0]
    assert "ctc_pieces" not in criterion.eval().losses(SimulSTModel(model), given)[0]
    assert "ctc_pieces" not in make(ctc_weight=0.0).losses(SimulSTModel(model), given)[0]


def test_speech_too_short_for_its_text_is_counted_and_leaves_gradients_finite():
    model, given, criterion = network(), batch(), make()
    given["net_input"]["src_lengths"][1] = 400
    losses, log = criterion.losses(SimulSTModel(model), given)
    assert log["ctc_letters_infeasible"] == log["ctc_pieces_infeasible"] == 1
    (losses["ctc_letters"] + losses["ctc_pieces"]).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_ctc_without_heads_is_an_error():
    with pytest.raises(ValueError, match="without its heads"):
        make().losses(SimulSTModel(network(ctc=False)), batch())


@pytest.mark.parametrize("tasks", ["", "st,st", "asr,translation"])
def test_unknown_tasks_are_refused(tasks):
    with pytest.raises(InputError, match="--tasks"):
        make(tasks)
