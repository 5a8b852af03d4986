"""Which metrics a validation logs, and which way each is better."""

from mgcm_fairseq.models.metrics import HIGHER_IS_BETTER, logged, way


def test_accuracies_and_bleu_rise_and_losses_fall():
    for name, higher in HIGHER_IS_BETTER.items():
        assert higher == (name == "bleu" or name.endswith("_acc")), name
    assert HIGHER_IS_BETTER["st_acc"]
    assert not HIGHER_IS_BETTER["mt_nll"]
    assert not HIGHER_IS_BETTER["loss"]


def test_what_is_logged_has_a_way():
    assert logged(["st", "mt"], True) == ["loss", "st_nll", "st_acc", "mt_nll", "mt_acc", "bleu"]
    assert logged(["asr"], False) == ["loss", "asr_nll", "asr_acc"]
    assert (way(True), way(False)) == ("highest", "lowest")
