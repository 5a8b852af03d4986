"""Local convolutions: the formula, what each position sees, padding and batch, who trains them, and streaming."""

import pytest
import torch
import torch.nn.functional as F

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.modules.cache import Cache
from mgcm_fairseq.modules.local import LocalConvolution, local_kernels
from mgcm_fairseq.modules.schedule import OFFLINE, Phase
from mgcm_fairseq.modules.streaming import speech_stream
from tests.modules.networks import network, speech, task_inputs, text_memory, tokens

DIM = 6
SEGMENTED = Phase(segmented=True)
LOCAL = {"local_kernels": "5,3"}
STREAMING = {**LOCAL, "front_end_block": 320, "segmentation_variant": "repaired"}
BOUNDED = {**STREAMING, "rotary": True, "front_end_history": 640, "encoder_history": 160, "longest_segment": 400}


def made(kernel=5, causal=False, seed=0):
    torch.manual_seed(seed)
    module = LocalConvolution(DIM, kernel, causal).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


def everywhere(x_BTD):
    return torch.ones(x_BTD.shape[:2], dtype=torch.bool)


def looped(module, x_TD, causal):
    """The formula, frame by frame and tap by tap."""
    inner = [F.glu(module.gated(module.norm(frame)), 0) for frame in x_TD]
    weight = module.depthwise.weight[:, 0]
    first = 1 - weight.size(1) if causal else -(weight.size(1) // 2)
    rows = []
    for t, frame in enumerate(x_TD):
        mixed = module.depthwise.bias.clone()
        for tap in range(weight.size(1)):
            if 0 <= t + first + tap < len(x_TD):
                mixed = mixed + weight[:, tap] * inner[t + first + tap]
        rows.append(frame + module.output(F.relu(module.mixed_norm(mixed))))
    return torch.stack(rows)


@torch.no_grad()
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kernel", [1, 5, 9])
def test_the_formula(kernel, causal):
    module, x_BTD = made(kernel, causal), torch.randn(2, 7, DIM).double()
    valid = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    found = module(x_BTD, valid)
    torch.testing.assert_close(found[0], looped(module, x_BTD[0], causal), atol=1e-12, rtol=0)
    torch.testing.assert_close(found[1, :4], looped(module, x_BTD[1, :4], causal), atol=1e-12, rtol=0)
    assert (found - x_BTD).abs().amax(2)[valid].min() > 1e-3, "something is added wherever something is"


@pytest.mark.parametrize("causal", [False, True])
def test_what_a_position_sees(causal):
    module, x_BTD = made(5, causal), torch.randn(1, 9, DIM).double().requires_grad_()
    module(x_BTD, everywhere(x_BTD))[0, 4].sum().backward()
    seen = x_BTD.grad[0].abs().sum(1).nonzero().flatten().tolist()
    assert seen == ([0, 1, 2, 3, 4] if causal else [2, 3, 4, 5, 6])


@torch.no_grad()
@pytest.mark.parametrize("sizes", [[9], [1] * 9, [2, 5, 2]])
@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_in_pieces_it_is_the_whole_and_keeps_what_it_needs(kernel, sizes):
    module, x_BTD, cache = made(kernel, True), torch.randn(2, 9, DIM).double(), Cache()
    whole = module(x_BTD, everywhere(x_BTD))
    parts = [module(part, everywhere(part), cache, "3") for part in x_BTD.split(sizes, 1)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-12, rtol=0)
    assert {name: kept.shape for name, kept in cache.items()} == {"3.local": (2, DIM, kernel - 1)}


def test_one_that_looks_ahead_does_not_stream():
    x_BTD = torch.randn(1, 4, DIM).double()
    with pytest.raises(ValueError, match="expected a causal one"):
        made(5)(x_BTD, everywhere(x_BTD), {}, "0")


def test_kernels_grow_and_are_odd():
    assert local_kernels(5, 3, 6) == [5, 9, 11, 15, 17, 21]
    assert local_kernels(4, 0, 2) == [5, 5]
    layers = network(**LOCAL, encoder_layers=3).encoder.layers
    assert [layer.local.depthwise.kernel_size for layer in layers] == [(5,), (9,), (11,)]


@pytest.mark.parametrize("text", ["5", "0,3", "5,-1", "a,b", "5,3,1", "999999,1", "5,"])
def test_other_kernels_are_refused(text):
    with pytest.raises(InputError, match="--local-kernels"):
        network(local_kernels=text)


def test_without_the_option_there_is_nothing():
    assert not [name for name in network().state_dict() if ".local" in name]


@torch.no_grad()
@pytest.mark.parametrize("changes", [LOCAL, STREAMING])
def test_states_do_not_depend_on_the_batch(changes):
    phase = SEGMENTED if changes is STREAMING else OFFLINE
    encoder = network(**changes).double().encoder
    (waveform, samples), (text, lengths) = speech([20_000, 12_345, 5_000, 400]), tokens([9, 7, 2, 1])
    spoken, written = encoder.speech(waveform.double(), samples, phase), text_memory(encoder, text, lengths, phase)
    for row, (some, few) in enumerate(zip(samples.tolist(), lengths.tolist(), strict=True)):
        alone = encoder.speech(waveform[row:row + 1, :some].double(), samples[row:row + 1], phase)
        torch.testing.assert_close(spoken.states[row, :alone.lengths], alone.states[0], atol=1e-10, rtol=0)
        alone = text_memory(encoder, text[row:row + 1, :few], lengths[row:row + 1], phase)
        torch.testing.assert_close(written.states[row, :few], alone.states[0], atol=1e-10, rtol=0)


@pytest.mark.parametrize(("changes", "causal"), [({"segmentation_variant": "repaired"}, True),
                                                 ({"front_end_block": 320}, True), ({}, False)])
def test_they_are_causal_where_what_comes_later_is_not_to_be_seen(changes, causal):
    assert {layer.local.behind == 0 for layer in network(**LOCAL, **changes).encoder.layers} == {causal}


@torch.no_grad()
def test_causal_text_sees_nothing_later():
    encoder = network(**LOCAL, segmentation_variant="repaired").double().encoder
    text, lengths = tokens([8])
    changed = text.clone()
    changed[0, 5] = text[0, 5] % 40 + 5
    before, after = (text_memory(encoder, one, lengths, SEGMENTED).states[0] for one in (text, changed))
    assert torch.equal(before[:5], after[:5])
    assert not torch.equal(before[5], after[5])


@pytest.mark.parametrize("task", ["st", "asr", "mt"])
def test_every_task_trains_them(task):
    model = network(**LOCAL).double()
    logits = model(task_inputs([9_000, 6_000], [6, 4]), (task,), False, OFFLINE).logits[task]
    logits.log_softmax(-1)[:, :, 7].sum().backward()
    weights = [layer.local for layer in model.encoder.layers]
    assert all(parameter.grad.abs().sum() > 0 for one in weights for parameter in one.parameters())


@torch.no_grad()
@pytest.mark.parametrize("step", [777, 5_120, 24_000])
@pytest.mark.parametrize("changes", [STREAMING, BOUNDED, {**STREAMING, "norm_first": False, "subsample_kernels": ""}])
def test_a_stream_holds_the_whole_pass(changes, step):
    encoder = network(**changes).double().encoder
    torch.nn.init.normal_(encoder.segmenter.output.weight)
    [samples], _ = speech([24_000])
    whole, stream = encoder.utterance(samples.double(), SEGMENTED), speech_stream(encoder)
    for piece in samples.double().split(step):
        stream.extend(piece, False)
        known = stream.memory.states.size(1)
        torch.testing.assert_close(stream.memory.states[0], whole.states[0, :known], atol=1e-10, rtol=0)
    stream.extend(samples[:0].double(), True)
    torch.testing.assert_close(stream.memory.states, whole.states, atol=1e-10, rtol=0)
    if changes is BOUNDED:
        kept = {name: kept.size(2) for name, kept in stream.cache.items()}
        assert {size for name, size in kept.items() if not name.endswith(".local")} == {2}
        assert kept["0.local"] == 4 > 2, "a kernel that reaches further back than attention"
