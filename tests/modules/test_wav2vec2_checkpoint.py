"""Files that are given for wav2vec 2.0 and are not what they should be: each ends in one error that helps."""

import pytest
import torch
from fairseq.data import Dictionary
from omegaconf import OmegaConf

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.models.simul_st import build_network
from mgcm_fairseq.modules.wav2vec2_checkpoint import load_weights
from mgcm_fairseq.modules.wav2vec2_kinds import strings_of
from mgcm_fairseq.modules.wav2vec2_options import start_from_wav2vec2
from tests.models.test_simul_st import SMALL, pretrained
from tests.modules.networks import KINDS, PAD, config


class Encoder:
    """A class that is on no list."""


KEY = "encoder.layers.0.fc1.weight"


def good():
    """As fairseq writes it after pre-training."""
    return {"args": None, "cfg": {"model": {"_name": "wav2vec2", **SMALL}, "task": {"normalize": False}},
            "model": pretrained().state_dict()}


def start(path, content, **options):
    """What --w2v-path does with the file: reading, building, copying the weights."""
    torch.save(content, path)
    cfg = OmegaConf.structured(config(w2v_path=str(path), w2v_config="{}"))
    cfg.update(options)
    weights = start_from_wav2vec2(cfg)
    front_end = build_network(cfg, KINDS, PAD).encoder.front_end
    load_weights(front_end.wav2vec2, weights, path)
    return front_end


def named(name, more=(), **sections):
    """A file of another model of fairseq's."""
    state = good()
    state["cfg"] = {"model": {"_name": name, **SMALL}, "task": {"normalize": False}, **sections}
    state["model"] |= {key: torch.zeros(2) for key in more}
    return state


def data2vec_with_classes():
    return {**named("data2vec_audio"), "task_state": {"dictionaries": [Encoder()]}}


def fine_tuned_hubert():
    return {**named("hubert_ctc"), "task_state": {"target_dictionary": Dictionary()}}


def wavlm():
    weights = {**pretrained().state_dict(), "encoder.layers.0.self_attn.relative_attention_bias.weight": torch.zeros(2)}
    return {"cfg": {"encoder_layers": 2, "normalize": False}, "model": weights}


def fine_tuned():
    state = named("wav2vec_ctc")
    state["model"] = {f"w2v_encoder.w2v_model.{name}": weight for name, weight in state["model"].items()}
    return state


def hugging_face():
    return {"wav2vec2.feature_projection.layer_norm.weight": torch.zeros(2),
            "wav2vec2.encoder.layers.0.attention.k_proj.weight": torch.zeros(2, 2)}


OTHER_MODELS = {
    "fine-tuned hubert": (fine_tuned_hubert, "found a fine-tuned HuBERT. Use the file from before fine-tuning"),
    "wavlm": (wavlm, "found WavLM, whose attention has a bias"),
    "data2vec": (lambda: named("data2vec_audio"), "found data2vec. Only wav2vec 2.0 and HuBERT"),
    "data2vec with classes": (data2vec_with_classes, "found data2vec"),
    "fine-tuned": (fine_tuned, "found a fine-tuned wav2vec 2.0. Use the file from before fine-tuning"),
    "hugging face": (hugging_face, "found a model in the format of Hugging Face. Use the file of it that fairseq"),
    "ours": (lambda: named("simul_st_demo"), "found a simul_st model.*--finetune-from-model"),
    "another": (lambda: named("transformer"), "found a 'transformer' model"),
    "no name": (lambda: {**good(), "cfg": {"task": {}}}, "found a 'unnamed' model"),
}


def test_a_wish_to_scale_that_the_file_overrules_is_refused(tmp_path):
    with pytest.raises(InputError, match="--w2v-normalize: expected a --w2v-path that was trained on scaled waveforms"):
        start(tmp_path / "a.pt", good(), w2v_normalize=True)
    scaled = {**good(), "cfg": {**good()["cfg"], "task": {"normalize": True}}}
    assert start(tmp_path / "b.pt", scaled, w2v_normalize=True).normalize


@pytest.mark.parametrize("kind", OTHER_MODELS)
def test_another_model_is_named_with_what_helps(tmp_path, kind):
    make, message = OTHER_MODELS[kind]
    with pytest.raises(InputError, match=message):
        start(tmp_path / "w2v.pt", make())


def test_a_model_that_would_need_trust_is_named_with_trust_too(tmp_path):
    with pytest.raises(InputError, match="found data2vec"):
        start(tmp_path / "w2v.pt", data2vec_with_classes(), w2v_trust=True)


def test_a_wav2vec2_with_other_classes_still_asks_for_trust(tmp_path):
    with pytest.raises(InputError, match="--w2v-trust"):
        start(tmp_path / "w2v.pt", {**good(), "task_state": {"dictionaries": [Encoder()]}})


def test_a_wav2vec2_with_other_classes_is_read_with_trust(tmp_path):
    with_classes = {**good(), "task_state": {"dictionaries": [Encoder()]}}
    with_classes["cfg"]["task"]["target_dictionary"] = Encoder()
    assert start(tmp_path / "w2v.pt", with_classes, w2v_trust=True).dim == good()["cfg"]["model"]["encoder_embed_dim"]


@pytest.mark.parametrize("name", ["model.safetensors", "folder"])
def test_files_of_hugging_face_are_told_by_their_names(tmp_path, name):
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with pytest.raises(InputError, match="Use the file of it that fairseq publishes"):
        start_from_wav2vec2(OmegaConf.structured(config(w2v_path=str(path))))


def without(key):
    state = good()
    state["model"].pop(key)
    return state


FAULTS = {
    "no model": (lambda: {**good(), "model": None}, "with weights in `model`, found the keys"),
    "no weights in it": (lambda: {**good(), "model": {"a": 3}}, "with weights in `model`"),
    "sparse": (lambda: {**good(), "model": {KEY: torch.eye(3).to_sparse()}}, "with weights in `model`"),
    "without values": (lambda: {**good(), "model": {KEY: torch.empty(3, device="meta")}}, "with weights in `model`"),
    "missing": (lambda: without(KEY), rf"found no {KEY} \(1 are missing\)"),
    "extra": (lambda: {**good(), "model": {**good()["model"], "more": torch.zeros(1)}}, "found more, which no"),
    "shape": (lambda: {**good(), "model": {**good()["model"], KEY: torch.zeros(3, 4)}},
              rf"{KEY} of shape \(3, 4\) for \(384, 96\)"),
    "interpolation": (lambda: named("wav2vec2", model={"_name": "wav2vec2", **SMALL, "dropout": "${task.no_such}"}),
                      r"expected a value for dropout .*no_such.*--w2v-config '\{\"dropout\": VALUE\}'"),
    "interpolated section": (lambda: {**good(), "cfg": {"model": "${no_such}"}}, "found a 'unnamed' model"),
    "normalize": (lambda: named("wav2vec2", task={"normalize": "${no_such}"}), "expected a value for normalize"),
    "cfg": (lambda: {**good(), "cfg": [1]}, "found a list there"),
    "type": (lambda: named("wav2vec2", model={"_name": "wav2vec2", **SMALL, "encoder_layers": "twelve"}),
             "make a wav2vec 2.0, found ValidationError.*twelve"),
    "no number and no text": (lambda: named("wav2vec2", model={"_name": "wav2vec2", **SMALL, "dropout": b"0.1"}),
                              "a configuration of numbers and texts"),
    "sizes": (lambda: named("wav2vec2", model={"_name": "wav2vec2", **SMALL, "encoder_attention_heads": 7}),
              "make a wav2vec 2.0, found AssertionError"),
    "code": (lambda: named("wav2vec2", model={"_name": "wav2vec2", **SMALL, "conv_feature_layers": "exit()"}),
             "fairseq would run it as code"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_file_is_refused(tmp_path, fault):
    make, message = FAULTS[fault]
    with pytest.raises(InputError, match=message):
        start(tmp_path / "w2v.pt", make())


def test_what_w2v_config_overrides_is_not_read(tmp_path):
    faulty = named("wav2vec2", model={"_name": "wav2vec2", **SMALL, "dropout": "${task.no_such}"})
    assert start(tmp_path / "w2v.pt", faulty, w2v_config='{"dropout": 0.2}').config.dropout == 0.2


def test_an_unknown_value_in_w2v_config_is_refused(tmp_path):
    with pytest.raises(InputError, match="dropuot"):
        start(tmp_path / "w2v.pt", good(), w2v_config='{"dropuot": 0.2}')


def test_a_good_file_gives_its_weights(tmp_path):
    front_end = start(tmp_path / "w2v.pt", good())
    assert torch.equal(front_end.wav2vec2.state_dict()[KEY], pretrained().state_dict()[KEY])


@pytest.mark.parametrize(("name", "value"), [
    ("encoder_layers", 10**30), ("encoder_layers", 0), ("encoder_layers", 1_001), ("encoder_embed_dim", 65_537),
    ("encoder_ffn_embed_dim", 262_145)])
def test_a_size_that_no_network_has_is_refused_before_it_is_built(tmp_path, name, value):
    with pytest.raises(InputError, match=f"expected {name} from 1 to"):
        start(tmp_path / "w2v.pt", named("wav2vec2", model={"_name": "wav2vec2", **SMALL, name: value}))


@pytest.mark.parametrize("layers", ["[(8,10,5)] * 99999", "[(8,10,5)] * 999 * 999", "[(8,10,5)] * (9 * 999)"])
def test_convolutions_without_number_are_refused(tmp_path, layers):
    with pytest.raises(InputError, match="conv_feature_layers as a list"):
        start(tmp_path / "w2v.pt",
              named("wav2vec2", model={"_name": "wav2vec2", **SMALL, "conv_feature_layers": layers}))


def test_a_broken_archive_has_no_strings(tmp_path):
    start_of_directory = b"PK\x01\x02" + bytes(38) + b"\xff\xff\xff\x7f" + b"a/data.pkl"
    end = b"PK\x05\x06" + bytes(4) + b"\x01\0\x01\0" + len(start_of_directory).to_bytes(4, "little") + bytes(6)
    (tmp_path / "a").write_bytes(start_of_directory + end)
    assert strings_of(tmp_path / "a") == set()
