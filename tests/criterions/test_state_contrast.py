"""The contrast of speech and text in the criterion: its value, its gradients, its weight, and whose it is."""

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.core.pair_contrast import pair_contrast
from mgcm_fairseq.criterions.multitask import MultitaskCrossEntropy
from mgcm_fairseq.models.simul_st import SimulSTModel
from mgcm_fairseq.modules.schedule import OFFLINE
from tests.modules.networks import network
from tests.training.batches import criterion, training_batch

STILL = {"dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0}


def made(weight=1.0, tasks="st,asr,mt", ctc_weight=0.0) -> MultitaskCrossEntropy:
    loss = criterion(tasks, ctc_weight)
    loss.state_contrast = weight
    return loss


def model_of(**changes):
    return SimulSTModel(network(**{**STILL, **changes}).double()).eval()


def batch():
    given = training_batch()
    given["net_input"]["src_tokens"] = given["net_input"]["src_tokens"].double()
    return given


def contrast(loss, model, given):
    return loss.losses(model, given)[0]["state_contrast"]


def test_its_value_is_that_of_utterances_alone():
    model, given = model_of(), batch()
    encoder, pairs = model.network.encoder, [[], []]
    waveforms, samples = given["net_input"].values()
    for row in range(len(samples)):
        one = slice(row, row + 1)
        features = encoder.front_end(waveforms[one, :samples[row]], samples[one], PLAIN, ("st",))
        speech = encoder.speech_source(*encoder.embed_speech(features, samples[one], PLAIN), OFFLINE, PLAIN)
        size = int(given["transcript_lengths"][row])
        text = encoder.text_source(given["transcript"][one, :size], torch.tensor([size]), OFFLINE, PLAIN)
        states = [encoder.run([source], PLAIN)[0].value for source in (speech, text)]
        pairs[0].append((speech.embedded.value[0].mean(0), text.embedded.value[0].mean(0)))
        pairs[1].append((states[0][0].mean(0), states[1][0].mean(0)))
    pieces = (given["transcript_lengths"] - 1).double().mean()
    expected = pieces * sum(pair_contrast(*map(torch.stack, zip(*level, strict=True))).sum() for level in pairs)
    for weight in (1.0, 0.25):
        torch.testing.assert_close(contrast(made(weight), model, given), weight * expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("changes", [{}, {"shrink": "ctc", "shrink_from": 0}])
def test_text_gets_no_gradient_and_speech_does(changes):
    model, given = model_of(**changes), batch()
    model.set_num_updates(0)
    contrast(made(), model, given).backward()
    network = model.network
    reached = {name for name, one in network.named_parameters() if one.grad is not None and one.grad.abs().sum() > 0}
    assert "encoder.embedding.weight" not in reached
    assert {"encoder.projection.weight", "encoder.layers.0.ffn.fc1.weight",
            "encoder.front_end.wav2vec2.encoder.layers.0.fc1.weight"} <= reached
    assert not any(name.startswith(("decoder", "ctc")) for name in reached)


def test_it_is_part_of_asr():
    model, given = model_of(), batch()
    of_tasks, of_losses = made().by_task(model, given, PLAIN)[0], made().losses(model, given)[0]
    torch.testing.assert_close(of_tasks["asr"], of_losses["asr"] + of_losses["state_contrast"])
    torch.testing.assert_close(made(tasks="st,mt").by_task(model, given, PLAIN)[0]["st"],
                               of_losses["st"] + of_losses["state_contrast"])


def test_it_is_for_training_alone():
    model, given = model_of(), batch()
    for loss in (made().eval(), made(0.0)):
        losses, log = loss.losses(model, given)
        assert "state_contrast" not in losses
        assert "state_contrast_loss" not in log


def test_what_is_logged_is_of_an_utterance():
    model, given = model_of(), batch()
    losses, log = made().losses(model, given)
    pieces = (given["transcript_lengths"] - 1).double().mean()
    assert log["state_contrast_utterances"] == 4
    torch.testing.assert_close(log["state_contrast_loss"] * pieces, losses["state_contrast"].detach())


@pytest.mark.parametrize("tasks", ["st,asr", "mt", "st"])
def test_it_needs_a_pair(tasks):
    with pytest.raises(InputError, match="--state-contrast: expected a task that hears and mt"):
        MultitaskCrossEntropy(criterion().task, tasks, 0.1, 0.0, 1.0, 0, 0.1, 0, 1.0)
