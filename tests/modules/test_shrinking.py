"""Speech shrunk by what CTC hears: which states there are, what they have seen, and that batches change nothing."""

from itertools import groupby

import pytest
import torch
import torch.nn.functional as F

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.modules.schedule import OFFLINE, Phase
from mgcm_fairseq.modules.simul_st import TaskInputs
from mgcm_fairseq.recipes.operators import operators_of
from tests.modules.networks import network, phase, speech, task_inputs

SHRUNK = Phase(shrunk=True)
SHRINKING = {"shrink": "ctc", "dropout": 0.0, "attention_dropout": 0.0}
SAMPLES, PIECES = [20_000, 12_345, 5_000, 400], [9, 7, 2, 1]
KINDS = [{}, {"shrink_pool": "mean"}, {"no_looking_back": True}, {"local_kernels": "5,3", "norm_first": False},
         {"rotary": True, "front_end_block": 320}]


def made(**changes):
    """A network whose CTC hears a few pieces, some for several frames."""
    model = network(1, **{**SHRINKING, **changes}).double()
    with torch.no_grad():
        model.ctc.piece_bias[8:] = -1e3
    return model


def embedded_of(model, waveform, lengths):
    encoder = model.encoder
    features = encoder.front_end(waveform, lengths, PLAIN, ("st",))
    stream, frames = encoder.embed_speech(features, lengths, PLAIN)
    return stream, frames


def heard_alone(encoder, waveform, length):
    return encoder.speech(waveform[None, :length], torch.tensor([length]), SHRUNK)


@torch.no_grad()
@pytest.mark.parametrize("pool", ["first", "mean"])
def test_states_are_those_of_a_loop(pool):
    model = made(shrink_pool=pool)
    waveform, lengths = speech(SAMPLES)
    stream, frames = embedded_of(model, waveform.double(), lengths)
    found = model.encoder.shrinker(stream, frames, PLAIN)
    looks = model.encoder.shrinker.looking_back
    for row, length in enumerate(frames.tolist()):
        x_TD = stream.value[row, :length]
        labels, at, states = model.ctc.heard(x_TD[None])[0].tolist(), 0, []
        for _, streak in groupby(labels):
            size = len(list(streak))
            states.append(x_TD[at] if pool == "first" else x_TD[at:at + size].mean(0))
            at += size
            assert found.ends[row, len(states) - 1] == at
        short = model.encoder.shrinker.norm(torch.stack(states))
        attended = looks.attention(short[None], x_TD[None], None)[0]
        h = looks.attention_norm(short + attended)
        expected = looks.ffn_norm(h + looks.fc2(F.silu(looks.fc1(h))))
        assert found.streaks[row] == len(states)
        torch.testing.assert_close(found.speech.value[row, :len(states)], expected, atol=1e-10, rtol=0)
    assert 1 < found.speech.value.size(1) < frames.max(), "or nothing is shrunk"


@torch.no_grad()
@pytest.mark.parametrize("changes", KINDS)
def test_an_utterance_does_not_depend_on_its_batch(changes):
    encoder = made(**changes).encoder
    waveform, lengths = speech(SAMPLES)
    batched = encoder.speech(waveform.double(), lengths, SHRUNK)
    assert len(set(batched.lengths.tolist())) > 1
    for row, length in enumerate(lengths.tolist()):
        alone = heard_alone(encoder, waveform[row].double(), length)
        assert alone.lengths.item() == batched.lengths[row] == alone.states.size(1)
        torch.testing.assert_close(batched.states[row, :alone.lengths], alone.states[0], atol=1e-10, rtol=0)
        assert torch.equal(batched.ends[row, :alone.lengths], alone.ends[0])
        assert alone.frames == int(encoder.subsampler.frames(encoder.front_end.frames(lengths[row])))


@torch.no_grad()
def test_a_state_has_seen_all_frames_if_it_looks_back():
    samples = speech([12_000])[0][0].double()
    for changes, all_of_them in (({}, True), ({"no_looking_back": True}, False)):
        model = made(**changes, encoder_layers=1)
        model.encoder.shrinker.label = lambda x_BTD: torch.arange(x_BTD.size(1)).unsqueeze(0) // 5
        stream, frames = embedded_of(model, samples[None], torch.tensor([12_000]))
        assert frames == 10
        before = model.encoder.shrinker(stream, frames, PLAIN)
        moved = stream.value.clone()
        moved[0, -1] += 1e-3 * torch.randn(moved.size(2)).double()
        after = model.encoder.shrinker(PLAIN.start(moved), frames, PLAIN)
        changed = (before.speech.value != after.speech.value)[0].any(1)
        assert changed.all() if all_of_them else not changed.any()


@pytest.mark.parametrize(("task", "reached"), [("st", True), ("asr", True), ("mt", False)])
def test_who_trains_it(task, reached):
    model = made()
    logits = model(task_inputs(SAMPLES, PIECES), (task,), False, SHRUNK).logits[task]
    logits.log_softmax(-1)[:, :, 7].sum().backward()
    parts = [parameter.grad for parameter in model.encoder.shrinker.parameters()]
    assert {part is not None and bool(part.abs().sum() > 0) for part in parts} == {reached}
    assert model.ctc.piece_bias.grad is None, "what is heard is decided, not weighed"


@pytest.mark.parametrize("training", [False, True])
def test_rows_of_a_training_batch_do_not_depend_on_each_other(training):
    model, samples = made(dropout=0.0, activation_dropout=0.0).train(training), [30_000, 19_999, 12_000]
    lead_in = torch.tensor([9_000, 0, 5_555])
    for cut in (None, lead_in):
        given = task_inputs(samples, [7, 4, 2])._replace(lead_in=cut)
        batched = model(given, ("st", "asr", "mt"), True, SHRUNK)
        for row, length in enumerate([7, 4, 2]):
            alone = task_inputs(samples, [7, 4, 2], slice(row, row + 1))
            alone = alone._replace(lead_in=None if cut is None else cut[row:row + 1])
            for task, logits in model(alone, ("st", "asr", "mt"), True, SHRUNK).logits.items():
                torch.testing.assert_close(batched.logits[task][row, :length], logits[0], atol=1e-9, rtol=0)


def test_it_sets_in_at_its_update():
    options = {**SHRINKING, "shrink_from": 5}
    assert [phase(update, **options).shrunk for update in (0, 4, 5, 6)] == [False, False, True, True]
    assert phase(5, **options).at_test().shrunk
    assert not phase(10_000).shrunk
    model = made()
    samples = speech([12_000])[0][0].double()
    offline, shrunk = (model.encoder.utterance(samples, one) for one in (OFFLINE, SHRUNK))
    assert offline.ends is None
    assert offline.states.size(1) == shrunk.frames > shrunk.states.size(1)


@pytest.mark.parametrize(("changes", "reason"), [
    ({"ctc": False}, "expected a model with --ctc"),
    ({"segmentation_variant": "repaired"}, "both make about a word of frames one")])
def test_what_it_does_not_go_with(changes, reason):
    with pytest.raises(InputError, match=f"--shrink: .*{reason}"):
        network(**{**SHRINKING, **changes})


def test_where_nothing_is_computed_nothing_is_shrunk():
    """As in a plan's count of what a step takes."""
    model, widths = made(shrink_pool="mean").to("meta"), []
    model.encoder.final_norm.register_forward_hook(lambda module, given, states: widths.append(states.size(1)))
    given = [one.to("meta") for one in task_inputs([9_000, 6_000], [6, 4])[:6]]
    with operators_of(False):
        model(TaskInputs(*given), ("st",), False, SHRUNK)
    assert widths == [7]
