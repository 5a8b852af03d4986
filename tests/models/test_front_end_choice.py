"""--front-end: what a model is built with, and which options and presets go with it."""

from argparse import Namespace

import pytest
from fairseq.models import ARCH_CONFIG_REGISTRY
from torch import nn

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.models.config import PRESETS, check_front_end
from mgcm_fairseq.modules.front_ends import FRONT_ENDS, FrontEndKind, make_front_end
from tests.modules.networks import config, network
from tests.training.here import train_here


class Another(nn.Linear):
    """A second front end of the registry, with an option of its own and one that it shares."""

    dim, block, frame_samples = 1, 0, 200


def make(options):
    return Another(1, options.model_dim)


@pytest.fixture(autouse=True)
def another(monkeypatch):
    monkeypatch.setitem(FRONT_ENDS, "another", FrontEndKind(f"{__name__}.make", ("lags", "w2v_trust")))


def test_the_registrys_function_makes_it_of_the_options():
    assert make_front_end(config(front_end="another", model_dim=7)).out_features == 7
    assert make_front_end(config()).dim == 96


def test_bounds_are_in_frames_which_need_not_be_whole_ms():
    shape = {"front_end": "another", "front_end_block": 0, "subsample_kernels": "", "ctc": False,
             "segmentation_variant": "repaired"}
    segmenter = network(**shape, longest_segment=175, encoder_history=50).encoder.segmenter
    assert (segmenter.longest, segmenter.history) == (14, 4)
    with pytest.raises(InputError, match=r"--longest-segment: expected a multiple of 12.5 ms, .* found 168 ms"):
        network(**shape, longest_segment=168)  # 14 frames of 12 ms


@pytest.mark.parametrize(("option", "value"), [("w2v_path", "w2v.pt"), ("w2v_config", "{\"dropout\": 0}"),
                                               ("w2v_normalize", True)])
def test_an_option_of_another_front_end_is_refused(option, value):
    given = config(**{"w2v_config": "{}", option: value})
    check_front_end(given)
    given.front_end = "another"
    with pytest.raises(InputError, match=rf"--{option.replace('_', '-')}: expected --front-end wav2vec2, .* found .*"
                                         rf"{value}.* with --front-end another.*Leave it out"):
        check_front_end(given)


def test_an_option_of_its_own_is_not():
    check_front_end(config(front_end="another", w2v_config="{}", lags="2,2", w2v_trust=True))
    with pytest.raises(InputError, match="--lags: expected --front-end another"):
        check_front_end(config(lags="2,2"))


def test_a_training_refuses_it(tiny_corpus, tmp_path):
    with pytest.raises(InputError, match="--lags: expected --front-end another"):
        train_here(tiny_corpus, tmp_path, 1, "--lags", "2,2")


@pytest.mark.parametrize("option", ["front_end_block", "front_end_history"])
def test_blocks_are_refused_where_it_has_none(option):
    with pytest.raises(InputError, match=rf"--{option.replace('_', '-')}: .* found 320 ms with --front-end another"):
        make_front_end(config(front_end="another", **{option: 320}))


def test_a_preset_gives_no_option_of_another_front_end():
    given, usual = Namespace(front_end="another", dropout=0.5), Namespace(front_end=None)
    for args in (given, usual):
        ARCH_CONFIG_REGISTRY["simul_st_demo"](args)
    assert usual.w2v_config == PRESETS["demo"]["w2v_config"]
    assert not hasattr(given, "w2v_config")
    assert (given.model_dim, given.dropout) == (128, 0.5)
