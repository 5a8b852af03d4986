"""The segmenter's losses in the criterion: which are on, their values in float64, and whom they teach."""

import pytest
import torch

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.criterions.segmentation import SegmentationLosses
from mgcm_fairseq.models.simul_st import SimulSTModel, build_schedule
from mgcm_fairseq.modules.simul_st import TaskInputs
from tests.criterions.test_multitask import batch, make
from tests.modules.networks import WORD_STARTS, config, network


def train(update=5, **changes):
    options = {"segmentation_variant": "repaired", "front_end_block": 160, "noise_from": 0, "multipath_from": 0,
               **changes}
    model = SimulSTModel(network(**options).double(), build_schedule(config(**options), 0)).train()
    model.set_num_updates(update)
    return model


def segmented_batch():
    made = batch()
    made["net_input"]["src_tokens"] = made["net_input"]["src_tokens"].double()
    return made


def test_number_of_segments_by_loops():
    model, made = train(), segmented_batch()
    losses, log = make(ctc_weight=0.0).losses(model, made)
    segmented = model(*inputs(made), ctc=False, passing=PLAIN).segmented
    expected = segments = 0.0
    for row in range(2):
        frames = int(segmented.frames[row])
        words = sum(WORD_STARTS[piece] for piece in made["transcript"][row].tolist())
        p = segmented.logits[row, :frames - 1].sigmoid().tolist()  # the last frame ends the last word in any case
        wanted = words - 1
        width = max((frames - 1) // max(wanted, 1), 1)
        peaks = [max(p[start:start + width]) for start in range(0, len(p) - width + 1, width)]
        expected += abs(sum(p) - wanted) + abs(sum(peaks) - wanted)
        segments += int(segmented.boundaries[row].sum()) + 1
    assert losses["segment_number"].item() == pytest.approx(expected, rel=1e-9)
    assert log["segments"] == segments
    assert log["segment_words"] == sum(WORD_STARTS[piece] for piece in made["transcript"].flatten().tolist())


def inputs(made):
    return TaskInputs(*made["net_input"].values(), made["transcript"], made["transcript_lengths"],
                      made["transcript_prefix"], made["target_prefix"]), ("st", "asr", "mt")


@pytest.mark.parametrize(("update", "expected"), [(9, set()), (10, {"segment_number"}),
                                                  (20, {"segment_number", "contrastive"})])
def test_each_loss_sets_in_at_its_update(update, expected):
    model, made, criterion = train(update), segmented_batch(), make(ctc_weight=0.0)
    criterion.segmentation = SegmentationLosses(1.0, 10, 0.1, 20)
    losses, _ = criterion.losses(model, made)
    assert set(losses) - {"st", "asr", "mt"} == expected


def test_no_segmentation_before_its_update():
    model = train(update=5, segment_from=6)
    losses, log = make(ctc_weight=0.0).losses(model, segmented_batch())
    assert set(losses) == {"st", "asr", "mt"}
    assert "segments" not in log


def test_losses_belong_to_the_primary_task():
    of_tasks, _, _ = make(ctc_weight=1.0).by_task(train(), segmented_batch(), PLAIN)
    assert list(of_tasks) == ["st", "asr", "mt"]
    alone, _ = make(ctc_weight=1.0).losses(train(), segmented_batch())
    torch.testing.assert_close(of_tasks["st"], alone["st"] + alone["segment_number"] + alone["contrastive"])


@pytest.mark.parametrize("name", ["segment_number", "contrastive"])
def test_gradients_reach_the_segmenter_and_are_finite(name):
    model = train()
    losses, _ = make(ctc_weight=0.0).losses(model, segmented_batch())
    losses[name].backward()
    segmenter = [p.grad for p in model.network.encoder.segmenter.parameters()]
    assert all(gradient.isfinite().all() and gradient.abs().max() > 0 for gradient in segmenter)
    reached = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    front_end = any(n.startswith("network.encoder.front_end") for n in reached)
    assert front_end == (name == "contrastive"), "the segmenter itself reads the speech without gradient"


def test_translation_teaches_the_segmenter_through_the_expected_mask():
    model = train(segment_noise=0.0)
    losses, _ = make("st", ctc_weight=0.0).losses(model, segmented_batch())
    losses["st"].backward()
    assert model.network.encoder.segmenter.output.weight.grad.abs().max() > 0


def test_published_norms():
    model, made = train(segmentation_variant="published"), segmented_batch()
    losses, _ = make(ctc_weight=0.0).losses(model, made)
    segmented = model(*inputs(made), ctc=False, passing=PLAIN).segmented
    counts, peaks = [], []
    for row in range(2):
        frames = int(segmented.frames[row])
        wanted = max(sum(WORD_STARTS[piece] for piece in made["transcript"][row].tolist()) - 1, 1)
        p = segmented.logits[row, :frames].sigmoid().tolist()
        width = max(frames // wanted, 1)
        highest = [max(p[start:start + width]) for start in range(0, len(p) - width + 1, width)]
        counts.append((sum(p) - wanted) ** 2)
        peaks.append((sum(highest) - wanted) ** 2 * frames / wanted)
    assert losses["segment_number"].item() == pytest.approx(sum(counts) ** 0.5 + (sum(peaks) + 1e-6) ** 0.5, rel=1e-9)


def test_segments_per_word_are_logged_in_percent():
    from fairseq.logging import meters, metrics

    with metrics.aggregate() as logged:
        make().reduce_metrics([{"sample_size": 4, "loss": 1.0, "segments": 6, "segment_words": 5,
                                "segment_number_loss": 10.0}])
    assert isinstance(logged["segments"], meters.AverageMeter)
    assert logged["segments"].avg == pytest.approx(120.0)
    assert logged["segment_number"].avg == pytest.approx(2.0)
