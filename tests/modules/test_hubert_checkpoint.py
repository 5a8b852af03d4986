"""A HuBERT as fairseq writes it, as a front end: its features are those of fairseq's HuBERT."""

import json

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.models.hubert.hubert import HubertConfig, HubertModel
from fairseq.tasks.hubert_pretraining import HubertPretrainingConfig
from omegaconf import OmegaConf

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.models.simul_st import build_network
from mgcm_fairseq.modules.wav2vec2_checkpoint import load_weights
from mgcm_fairseq.modules.wav2vec2_options import start_from_wav2vec2
from tests.modules.networks import KINDS, PAD, config, features, speech

SIZES = {"encoder_layers": 2, "encoder_embed_dim": 24, "encoder_ffn_embed_dim": 48, "encoder_attention_heads": 2,
         "conv_feature_layers": "[(16,10,5)] + [(16,3,2)] * 4 + [(16,2,2)] * 2", "conv_pos": 16, "conv_pos_groups": 4,
         "final_dim": 8, "label_rate": 50.0, "feature_grad_mult": 0.1, "encoder_layerdrop": 0.05}


@pytest.fixture(scope="module")
def hubert():
    torch.manual_seed(5)
    cfg = OmegaConf.merge(OmegaConf.structured(HubertConfig), SIZES)
    dictionary = Dictionary()
    for unit in range(20):
        dictionary.add_symbol(str(unit))
    return HubertModel(cfg, HubertPretrainingConfig(data="/d"), [dictionary]).eval(), cfg, dictionary


def save(path, hubert, normalize=False):
    """As fairseq's trainer writes it after pre-training."""
    model, cfg, dictionary = hubert
    described = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)
    torch.save({"args": None, "model": model.state_dict(), "task_state": {"dictionaries": [dictionary]},
                "cfg": {"model": {**described, "_name": "hubert"},
                        "task": {"_name": "hubert_pretraining", "normalize": normalize, "sample_rate": 16_000}}}, path)
    return path


def start(path, **options):
    """What --w2v-path does with the file: reading, building, copying the weights."""
    cfg = OmegaConf.structured(config(w2v_path=str(path), w2v_config="{}"))
    cfg.update(options)
    weights = start_from_wav2vec2(cfg)
    front_end = build_network(cfg, KINDS, PAD).eval().encoder.front_end
    load_weights(front_end.wav2vec2, weights, path)
    return front_end, cfg


@torch.no_grad()
@pytest.mark.parametrize("normalize", [False, True])
def test_its_features_are_those_of_fairseqs_hubert(tmp_path, hubert, normalize):
    front_end, cfg = start(save(tmp_path / "hubert.pt", hubert, normalize))
    waveform, lengths = speech([16_000])
    scaled = torch.nn.functional.layer_norm(waveform, waveform.shape[1:]) if normalize else waveform
    expected, _ = hubert[0].extract_features(scaled)
    found, frames = features(front_end, waveform, lengths)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert frames.item() == expected.size(1)
    assert cfg.w2v_normalize == normalize
    assert json.loads(cfg.w2v_config)["encoder_layerdrop"] == front_end.layer_drop == 0.05


@torch.no_grad()
def test_it_hears_in_blocks(tmp_path, hubert):
    front_end, _ = start(save(tmp_path / "hubert.pt", hubert), front_end_block=320)
    [samples] = speech([12_000])[0]
    whole = front_end(samples[None], torch.tensor([12_000]), PLAIN, ("st",)).value
    stream = front_end.stream(False)
    parts = [stream.extend(block[None]) for block in samples.split(front_end.block)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=0)


def test_a_weight_that_is_missing_is_named(tmp_path, hubert):
    path = save(tmp_path / "hubert.pt", hubert)
    state = torch.load(path, weights_only=False)
    del state["model"]["encoder.layers.1.fc2.bias"]
    torch.save(state, path)
    with pytest.raises(InputError, match=r"found no encoder\.layers\.1\.fc2\.bias"):
        start(path)
