"""The registered model: presets, starting from wav2vec 2.0 files, and generation with fairseq's beam search."""

import json
from argparse import Namespace

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config, Wav2Vec2Model
from fairseq.sequence_generator import SequenceGenerator
from omegaconf import OmegaConf

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.kinds import PieceKinds
from mgcm_fairseq.models.config import SimulSTModelConfig
from mgcm_fairseq.models.simul_st import SimulSTModel, build_network, build_schedule
from mgcm_fairseq.modules.schedule import OFFLINE
from mgcm_fairseq.modules.simul_st import SimulSTNetwork
from mgcm_fairseq.modules.wav2vec2_options import start_from_wav2vec2
from tests.modules.networks import KINDS, PAD, VOCABULARY, config, features, network, speech

SMALL = {**json.loads(config().w2v_config), "layer_norm_first": False, "encoder_layers": 2}


def pretrained():
    torch.manual_seed(5)
    return Wav2Vec2Model(OmegaConf.merge(OmegaConf.structured(Wav2Vec2Config), SMALL)).eval()


def save(path, style, normalize=False, name="wav2vec2"):
    """A file as fairseq writes it after pre-training, in its old or its new style."""
    state = {"model": pretrained().state_dict(), "args": None, "cfg": None}
    if style == "args":
        state["args"] = Namespace(arch=name, task="audio_pretraining", normalize=normalize, data="/d", **SMALL)
    else:
        state["cfg"] = {"model": {"_name": name, **SMALL},
                        "task": {"_name": "audio_pretraining", "normalize": normalize}}
    torch.save(state, path)
    return path


@pytest.mark.parametrize("style", ["args", "cfg"])
@pytest.mark.parametrize("normalize", [False, True])
def test_starts_from_both_styles_of_wav2vec2_files(tmp_path, style, normalize):
    path = save(tmp_path / "w2v.pt", style, normalize)
    cfg = OmegaConf.structured(config(w2v_path=str(path), w2v_config="{}"))
    weights = start_from_wav2vec2(cfg)
    path.unlink()
    front_end = build_network(cfg, KINDS, PAD).eval().encoder.front_end
    front_end.wav2vec2.load_state_dict(weights)
    waveform, lengths = speech([16_000])
    scaled = torch.nn.functional.layer_norm(waveform, waveform.shape[1:]) if normalize else waveform
    expected = pretrained().extract_features(scaled, None)["x"]
    torch.testing.assert_close(features(front_end, waveform, lengths)[0], expected, atol=1e-5, rtol=0)


def test_options_override_the_file(tmp_path):
    cfg = OmegaConf.structured(config(w2v_path=str(save(tmp_path / "w2v.pt", "cfg")), w2v_config='{"dropout": 0.3}'))
    start_from_wav2vec2(cfg)
    chosen = json.loads(cfg.w2v_config)
    assert chosen["dropout"] == 0.3
    assert chosen["encoder_layers"] == 2


@pytest.mark.parametrize(("fault", "message"), [
    ("missing", "no such file"), ("fine-tuned", "before fine-tuning"), ("foreign", "converted")])
def test_unfit_files_are_refused(tmp_path, fault, message):
    path = tmp_path / "w2v.pt"
    if fault == "fine-tuned":
        save(path, "cfg", name="wav2vec_ctc")
    elif fault == "foreign":
        torch.save({"state_dict": {}}, path)
    with pytest.raises(InputError, match=message):
        start_from_wav2vec2(OmegaConf.structured(config(w2v_path=str(path))))


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000, "9" * 5_000])
def test_broken_json_is_refused(text):
    with pytest.raises(InputError, match="--w2v-config"):
        network(w2v_config=text)


@pytest.mark.parametrize(("sizes", "message"), [
    ({"model_dim": 2, "attention_heads": 1}, "--model-dim: expected an even number from 4 on, found 2"),
    ({"model_dim": 3, "attention_heads": 1}, "--model-dim: expected an even number from 4 on, found 3"),
    ({"model_dim": 97, "attention_heads": 1}, "--model-dim: expected an even number from 4 on, found 97"),
    ({"model_dim": -96}, "--model-dim: expected an even number from 4 on, found -96"),
    ({"attention_heads": 3}, "--attention-heads: expected a number that divides --model-dim 128, found 3"),
    ({"attention_heads": 0}, "--attention-heads: expected a number that divides --model-dim 128, found 0"),
    ({"model_dim": 18, "attention_heads": 6, "rotary": True},
     "--rotary: expected heads of even size, found 3, which is 18 / 6"),
])
def test_sizes_that_cannot_be_are_refused(sizes, message):
    with pytest.raises(InputError, match=message):
        network(**sizes)


def parameters(cfg, vocabulary):
    network = build_network(cfg, PieceKinds(*[[0] * vocabulary] * 2), PAD)
    return sum(parameter.numel() for parameter in network.parameters())


def test_sizes_of_the_presets():
    assert parameters(config(), 800) == 1_645_120
    assert 0.18e9 < parameters(SimulSTModelConfig(), 10_000) < 0.20e9


def model_and_dictionary():
    dictionary = Dictionary()
    for index in range(VOCABULARY - len(dictionary)):
        dictionary.add_symbol(f"p{index}")
    return SimulSTModel(network()).eval(), dictionary


def test_the_weights_are_in_the_state_once():
    model, _ = model_and_dictionary()
    assert all(name.startswith("network.") for name in model.state_dict())
    assert isinstance(model.network, SimulSTNetwork)


@torch.no_grad()
def test_local_convolutions_join_a_model_as_though_there_were_none():
    old, new = (SimulSTModel(network(**options)).eval() for options in ({}, {"local_kernels": "3,2"}))
    state = old.state_dict()
    new.upgrade_state_dict_named(state, "")
    new.load_state_dict(state)
    for own in (old, new):
        own.network.double()
    x_BTD = torch.randn(2, 6, old.network.encoder.layers[0].self_attn.q_proj.in_features).double()
    valid_BT = torch.ones(2, 6, dtype=torch.bool)
    before, after = (model.network.encoder.layers[0](x_BTD, None, valid_BT=valid_BT) for model in (old, new))
    assert torch.equal(before, after)
    assert new.network.encoder.layers[0].local.depthwise.weight.any(), "or it could learn nothing"


PARTS = [("segmenter", "segmented", {"segmentation_variant": "repaired", "segment_from": 5}),
         ("shrinker", "shrunk", {"shrink": "ctc", "shrink_from": 5})]


@pytest.mark.parametrize("update", [4, 5])
@pytest.mark.parametrize(("part", "attribute", "options"), PARTS)
def test_a_checkpoint_says_whether_it_segments(part, attribute, options, update):
    trained, loaded = (SimulSTModel(network(**options), build_schedule(config(**options), 0)) for _ in range(2))
    trained.set_num_updates(update)
    loaded.set_num_updates(9 - update)
    state = trained.state_dict()
    kept = dict(state)
    loaded.load_state_dict(state)
    said = f"network.encoder.{part}._extra_state"
    assert getattr(loaded.phase(), attribute) == (update == 5) == bool(state[said])
    assert state.keys() == kept.keys(), "loading leaves the checkpoint as it was"
    del state[said]
    with pytest.raises(RuntimeError, match=r"Missing key.*_extra_state"):
        loaded.load_state_dict(state)


@pytest.mark.parametrize(("part", "attribute", "options"), PARTS)
def test_a_model_without_a_part_gets_a_new_one(part, attribute, options):
    old, new = SimulSTModel(network()), SimulSTModel(network(1, **options), build_schedule(config(**options), 0))
    new.set_num_updates(5)
    own = {name: weight.clone() for name, weight in new.state_dict().items() if f".{part}." in name}
    state = old.state_dict()
    new.upgrade_state_dict_named(state, "")
    new.load_state_dict(state)
    assert getattr(new.phase(), attribute)
    found = new.state_dict()
    assert all(found[name].equal(weight) for name, weight in own.items())
    assert found["network.decoder.output.weight"].equal(old.state_dict()["network.decoder.output.weight"])


def test_generation_is_in_the_phase_of_the_model():
    options = {"segmentation_variant": "repaired", "segment_from": 5}
    model = SimulSTModel(network(**options), build_schedule(config(**options), 0), test_lag=3)
    for update, lag in ((4, None), (5, 3)):
        model.set_num_updates(update)
        assert model.eval().decoder.phase() == model.encoder.phase() == model.schedule.phase(update).at_test(lag)


def greedy(net, waveform, lengths, tag, steps):
    """An independent greedy search without a cache, one utterance."""
    memory = net.encoder.speech(waveform, lengths, OFFLINE)
    prefix = [tag]
    while len(prefix) <= steps:
        scores = net.decoder(torch.tensor([prefix]), memory)[0, -1]
        scores[PAD] = -torch.inf
        if len(prefix) == 1:
            scores[2] = -torch.inf
        prefix.append(int(scores.argmax()))
        if prefix[-1] == 2:
            break
    return prefix[1:]


@pytest.mark.parametrize("beam", [1, 3])
def test_fairseqs_search_reads_the_model(beam):
    model, dictionary = model_and_dictionary()
    waveform, lengths = speech([12_000, 7_000, 3_000])
    generator = SequenceGenerator([model], dictionary, beam_size=beam, max_len_b=12)
    sample = {"net_input": {"src_tokens": waveform, "src_lengths": lengths}}
    hypotheses = generator.generate([model], sample, bos_token=5)
    for row in range(3):
        best = hypotheses[row][0]["tokens"].tolist()
        expected = greedy(model.network, waveform[row:row + 1, :lengths[row]], lengths[row:row + 1], 5, 12)
        if beam == 1:
            assert best == expected or best[:-1] == expected[:12]
        else:
            assert len(hypotheses[row]) == beam
            for hypothesis in hypotheses[row]:
                tokens = hypothesis["tokens"]
                alone = waveform[row:row + 1, :lengths[row]], lengths[row:row + 1]
                memory = model.network.encoder.speech(*alone, OFFLINE)
                logits = model.network.decoder(torch.cat([torch.tensor([5]), tokens[:-1]]).unsqueeze(0), memory)[0]
                expected = logits.log_softmax(-1).gather(1, tokens.unsqueeze(1)).mean()
                torch.testing.assert_close(hypothesis["score"], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("lags", ["9" * 5_000 + ",15", "1," + "9" * 5_000, "²,15", "٣,15", ""])
def test_lags_that_are_no_numbers_are_refused(lags):
    with pytest.raises(InputError, match="--lags"):
        build_schedule(config(lags=lags), 0)
