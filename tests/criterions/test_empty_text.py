"""An utterance whose texts are </s> alone, in a batch with another: every loss is finite and that of each by itself."""

import pytest
import torch

from mgcm_fairseq.models.simul_st import SimulSTModel, build_schedule
from tests.criterions.test_multitask import EOS, make
from tests.modules.networks import PAD, config, network, speech, tokens

SEGMENTING = {"segmentation_variant": "repaired", "front_end_block": 160, "segment_noise": 0.0, "multipath_from": 0,
              "lags": "2,2"}


def batch_of(rows):
    """The rows of a batch of a sentence and of nothing."""
    waveform, samples = speech([12_000, 9_000])
    texts = {name: tokens([5, 1], seed)[0] for seed, name in enumerate(("transcript", "target", "spelling"))}
    for name in ("transcript", "target"):
        texts[name][0, -1] = texts[name][1, 0] = EOS
    texts["spelling"][1, 0] = PAD
    prefixes = {f"{name}_prefix": torch.cat([torch.full((2, 1), 4), texts[name][:, :-1]], 1)
                for name in ("transcript", "target")}
    parts = {**texts, **prefixes, "transcript_lengths": torch.tensor([5, 1]), "spelling_lengths": torch.tensor([5, 0])}
    return {"net_input": {"src_tokens": waveform[rows].double(), "src_lengths": samples[rows]}, "lead_in": None,
            "language": None, "source": None, "source_lengths": None,
            **{name: part[rows] for name, part in parts.items()}, "ntokens": 6, "nsentences": 2}


@pytest.mark.parametrize("changes", [{}, SEGMENTING, {**SEGMENTING, "differentiable_waiting": True},
                                     {**SEGMENTING, "segmentation_variant": "published"}])
def test_losses_of_nothing_are_finite_and_leave_those_of_the_sentence_alone(changes):
    schedule = build_schedule(config(**changes), 0)
    model = SimulSTModel(network(dropout=0.0, **changes).double(), schedule).train()
    model.set_num_updates(50)
    losses, log = make().losses(model, batch_of(slice(2)))
    sum(losses.values()).backward()
    assert all(loss.isfinite() for loss in losses.values())
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    if changes.get("segmentation_variant") == "published":
        return  # whose norms are over the batch
    alone = [make().losses(model, batch_of(slice(row, row + 1))) for row in range(2)]
    for name, loss in losses.items():
        torch.testing.assert_close(loss, alone[0][0][name] + alone[1][0][name], rtol=1e-9, atol=1e-9)
    if changes:
        assert alone[1][1]["segment_words"] == 0
        assert alone[1][0]["contrastive"] == 0
        assert log["segment_words"] == alone[0][1]["segment_words"] > 0
