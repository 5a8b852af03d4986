"""What is said of a model that hears a talk as one stream and was not trained for hours of it."""

from dataclasses import replace

import pytest

from mgcm_fairseq.benchmarks.agents.systems import BOUNDS, random_system
from mgcm_fairseq.decoding.trained_length import lacking_training, options_for


def talker(**options):
    """A demo that was trained on windows of talks, so that it ends sentences itself."""
    return replace(random_system("demo", 320, BOUNDS | options), on_windows=True)


@pytest.mark.parametrize(("options", "said"), [
    ({}, None),
    ({"rotary": False}, "In a long talk its positions go beyond those of training: train with --rotary."),
    ({"encoder_history": 0},
     "In a long talk each second costs more than the one before: train with --encoder-history."),
    ({"front_end_history": 0, "longest_segment": 0, "rotary": False},
     "In a long talk each second costs more than the one before: train with --front-end-history and --longest-segment "
     "and --rotary."),
])
def test_every_missing_bound_is_named(options, said):
    system = talker(**options)
    assert lacking_training(system, []) == said
    assert lacking_training(system, ["--sentences", "pauses"]) is None
    assert options_for(system.longest + 1, system, ["--long-form"]) == (["--long-form"], said)
    options, sentence = options_for(system.longest + 1, system, [])
    assert options == ["--long-form"]
    assert sentence.endswith(said or "(--long-form).")


def test_a_model_that_begins_anew_with_every_sentence_needs_no_bounds():
    system = replace(talker(rotary=False, encoder_history=0), on_windows=False)
    assert lacking_training(system, []) is None
    assert "each second costs more" in lacking_training(system, ["--sentences=model"])


def test_a_model_of_single_sentences_that_is_to_end_them_is_told():
    system = replace(talker(), on_windows=False)
    assert lacking_training(system, ["--sentences=model"]) == (
        "The model was trained on single sentences, and may write nonsense behind the first: use --sentences pauses, "
        "or train it with --windows of several sentences, such as 2,15.")
