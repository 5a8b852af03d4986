"""The wav2vec 2.0 front end against fairseq's own pass over the same weights."""

import json
from random import Random

import pytest
import torch
from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Model

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.core.conflict.streams import Plain
from tests.modules.networks import config, features, network, speech

POST_NORM = {"layer_norm_first": False, "feature_grad_mult": 0.1, "extractor_mode": "default"}
LAYER_NORM = {"extractor_mode": "layer_norm", "conv_bias": True}


def front_end(**overrides):
    values = {**json.loads(config().w2v_config), **overrides}
    return network(w2v_config=json.dumps(values)).encoder.front_end


@pytest.mark.parametrize("overrides", [{}, POST_NORM, LAYER_NORM])
def test_features_equal_fairseqs_where_nothing_is_padded(overrides):
    ours = front_end(**overrides)
    theirs = Wav2Vec2Model(ours.config).eval()
    missing, unexpected = theirs.load_state_dict(ours.wav2vec2.state_dict(), strict=False)
    assert not unexpected
    assert all(name.startswith(("mask_emb", "quantizer", "project_q", "final_proj")) for name in missing)
    waveform, lengths = speech([16_000, 16_000])
    expected = theirs.extract_features(waveform, None)["x"]
    found, frames = features(ours, waveform, lengths)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert frames.tolist() == [expected.size(1)] * 2


def test_group_norm_of_fairseq_depends_on_padding():
    """The fault that PaddedGroupNorm repairs: once fairseq's features pass this, it can go."""
    model = Wav2Vec2Model(front_end().config).eval()
    waveform, lengths = speech([16_000, 8_000])
    padding = torch.arange(16_000) >= lengths.unsqueeze(1)
    batched = model.extract_features(waveform, padding)["x"][1, :24]
    alone = model.extract_features(waveform[1:, :8_000], None)["x"][0]
    assert (batched - alone).abs().max() > 1e-3


@pytest.mark.parametrize("overrides", [{}, POST_NORM, LAYER_NORM])
@pytest.mark.parametrize("normalize", [False, True])
def test_features_do_not_depend_on_padding(overrides, normalize):
    ours = front_end(**overrides)
    ours.normalize = normalize
    waveform, lengths = speech([16_000, 9_999, 400])
    for row, length in zip(waveform, lengths, strict=True):
        row[length:] = 0.5
    batched, frames = features(ours, waveform, lengths)
    for row, length in enumerate(lengths):
        alone, own = features(ours, waveform[row:row + 1, :length], lengths[row:row + 1])
        assert own.item() == frames[row]
        torch.testing.assert_close(batched[row:row + 1, :own], alone, atol=1e-5, rtol=0)


def test_receptive_field_is_the_shortest_input_with_a_frame():
    ours = front_end()
    assert ours.receptive_field == 400
    for samples, expected in ((399, 0), (400, 1), (719, 1), (720, 2)):
        waveform, lengths = speech([1000, samples])
        assert ours.frames(lengths)[1] == expected
        assert ours.extract(waveform, lengths, PLAIN, ("st",)).value.size(1) == ours.frames(lengths)[0]


def test_normalised_features_do_not_depend_on_loudness():
    ours = front_end(**LAYER_NORM)
    ours.normalize = True
    waveform, lengths = speech([16_000])
    torch.testing.assert_close(features(ours, waveform, lengths)[0], features(ours, 3 * waveform, lengths)[0],
                               atol=1e-2, rtol=0)


def test_layer_drop_follows_torchs_seed():
    ours = front_end(encoder_layers=6, encoder_layerdrop=0.5, dropout=0.0, attention_dropout=0.0).train()
    waveform, lengths = speech([8_000])

    def seeded(seed):
        torch.manual_seed(seed)
        ours.set_num_updates(-1)  # some other update
        ours.set_num_updates(seed)
        return features(ours, waveform, lengths)[0]

    assert torch.equal(seeded(1), seeded(1))
    assert any(not torch.equal(features(ours, waveform, lengths)[0], seeded(1)) for _ in range(5))
    assert any(not torch.equal(seeded(1), seeded(seed)) for seed in range(2, 6))


def test_a_waveform_is_normalised_as_in_pre_training():
    ours = front_end(**LAYER_NORM)
    waveform, lengths = speech([8_000])
    waveform = 3 * waveform + 0.5
    scaled = torch.nn.functional.layer_norm(waveform, waveform.shape[1:])  # as fairseq's FileAudioDataset
    expected, _ = features(ours, scaled, lengths)
    ours.normalize = True
    torch.testing.assert_close(features(ours, waveform, lengths)[0], expected, atol=1e-5, rtol=0)


def test_layers_are_dropped_in_training_alone():
    waveform, lengths = speech([8_000])
    whole, dropping = (features(front_end(encoder_layerdrop=rate), waveform, lengths)[0] for rate in (0.0, 0.9))
    assert torch.equal(whole, dropping)


def test_each_pass_of_an_update_draws_its_own_layers():
    ours = front_end(encoder_layers=6, encoder_layerdrop=0.5).train()
    run = []
    for index, layer in enumerate(ours.wav2vec2.encoder.layers):
        layer.register_forward_pre_hook(lambda _module, _inputs, index=index: run.append(index))
    for update in (1, 2):
        torch.manual_seed(10 + update)
        ours.set_num_updates(update)
        for number in range(3):
            run.clear()
            features(ours, *speech([4_000]))
            random = Random(f"{10 + update}/{number}")
            assert run == [layer for layer in range(6) if random.random() >= 0.5]


def test_the_multiplier_scales_the_gradient_of_the_convolutions_alone():
    found = []
    for multiplier in (1.0, 0.1, 2.0):
        ours = front_end(feature_grad_mult=multiplier)
        features(ours, *speech([4_000]))[0].square().sum().backward()
        w2v = ours.wav2vec2
        found.append((w2v.feature_extractor.conv_layers[3][0].weight.grad, w2v.encoder.layers[0].fc1.weight.grad))
    for multiplier, (scaled, same) in zip((0.1, 2.0), found[1:], strict=True):
        torch.testing.assert_close(scaled, multiplier * found[0][0], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(same, found[0][1])


def test_stages_end_behind_the_convolutions_from_the_second_on():
    ours, sizes = front_end(), []

    class Noting(Plain):
        def run(self, stage, calls, recompute=False):
            [stream] = super().run(stage, calls, recompute)
            sizes.append(stream.value.size(2))
            return [stream]

    found = ours.extract(*speech([4_000]), Noting(), ("st",)).value
    size, expected = 4_000, []
    for kernel, stride in ours.convolutions:
        size = (size - kernel) // stride + 1
        expected.append(size)
    assert sizes == [*expected[1:], found.size(2)]


def test_no_gradient_to_the_convolutions_with_multiplier_0():
    ours = front_end(feature_grad_mult=0.0)
    features(ours, *speech([4_000]))[0].sum().backward()
    assert all(p.grad is None for p in ours.wav2vec2.feature_extractor.parameters())


def test_code_in_the_configuration_is_refused():
    with pytest.raises(ValueError, match="fairseq would run it as code"):
        front_end(conv_feature_layers="__import__('os').getcwd()")


def test_unsupported_kinds_are_refused():
    with pytest.raises(ValueError, match="layer_type"):
        front_end(layer_type="conformer")
