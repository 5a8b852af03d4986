"""Batches on the grid have the losses and gradients of their utterances one by one, and validation writes the same."""

import pytest
import torch

from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.criterions.multitask import MultitaskCrossEntropy
from mgcm_fairseq.models.simul_st import SimulSTModel, build_network, build_schedule
from mgcm_fairseq.tasks.config import SimulSTConfig
from mgcm_fairseq.tasks.simul_st import SimulSTTask
from tests.modules.networks import config

NETWORKS = {
    "whole": {},
    "blocks": {"front_end_block": 320},
    "whole, segmenting": {"segmentation_variant": "repaired"},
    "blocks, segmenting": {"front_end_block": 320, "segmentation_variant": "repaired", "differentiable_waiting": True},
    "bounded, segmenting": {"front_end_block": 320, "segmentation_variant": "repaired", "differentiable_waiting": True,
                "front_end_history": 320, "encoder_history": 160, "longest_segment": 240, "rotary": True},
    "post-norm": {"norm_first": False, "subsample_kernels": "", "tie_output": False, "no_embedding_norm": True},
}
SEGMENTING = {"segment_from": 0, "noise_from": 0, "segment_noise": 0.0, "multipath_from": 0}
PRECISIONS = {torch.float32: 1e-5, torch.float64: 1e-10}


def make(corpus, grid, split="train"):
    task = SimulSTTask.setup_task(SimulSTConfig(data=str(corpus), seed=1, length_grid=grid, eval_bleu=True))
    task.load_dataset(split)
    return task


@pytest.fixture(scope="module")
def tasks(tiny_corpus):
    """Without and with the grid."""
    return make(tiny_corpus, "never"), make(tiny_corpus, "always")


def train(task, dtype, **changes):
    torch.manual_seed(0)
    options = config(**SEGMENTING, **changes)
    kinds, pad = task.vocabulary.piece_kinds(task.corpus), task.vocabulary.pad
    network = build_network(options, kinds, pad).to(dtype).train()
    if network.encoder.segmenter is not None:
        torch.nn.init.normal_(network.encoder.segmenter.output.weight)  # decided, and often
    model = SimulSTModel(network, build_schedule(options, 1))
    model.set_num_updates(5)
    return model


def criterion(task):
    return MultitaskCrossEntropy(task, "st,asr,mt", 0.1, 1.0, 1.0, 0, 0.1, 0).train()


def batch(task, indices, dtype):
    dataset = task.dataset("train")
    made = dataset.collater([dataset[index] for index in indices])
    made["net_input"]["src_tokens"] = made["net_input"]["src_tokens"].to(dtype)
    return made


def step(task, model, indices, dtype):
    """Losses by name, and the gradients of their sum."""
    losses, _ = criterion(task).losses(model, batch(task, indices, dtype), PLAIN)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    gradients = torch.autograd.grad(sum(losses.values()), parameters, allow_unused=True)
    return {name: loss.detach() for name, loss in losses.items()}, gradients


def total(parts):
    """The sum of what utterances give by themselves."""
    losses = {name: sum(of_one[name] for of_one, _ in parts) for name in parts[0][0]}
    gradients = [None if all(one is None for one in ones) else sum(one for one in ones if one is not None)
                 for ones in zip(*(gradients for _, gradients in parts), strict=True)]
    return losses, gradients


def same(found, expected, tolerance):
    """Losses to a relative error, each gradient to ten of its largest element; a key's bias has only errors for one."""
    assert found[0].keys() == expected[0].keys()
    for name, loss in found[0].items():
        torch.testing.assert_close(loss, expected[0][name], rtol=tolerance, atol=0, msg=lambda m, name=name: name + m)
    largest = max(float(one.abs().max()) for one in expected[1] if one is not None)
    for one, other in zip(found[1], expected[1], strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            error, size = (float(x.abs().max()) for x in (one - other, other))
            assert error <= tolerance * (10 * size + 1e-3 * largest)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("shape", NETWORKS)
def test_losses_and_gradients_are_those_of_each_utterance_alone(tasks, shape, dtype):
    plain, on_grid = tasks
    model, indices = train(plain, dtype, **NETWORKS[shape]), [3, 8, 5, 21]
    expected = total([step(plain, model, [index], dtype) for index in indices])
    wanted = {"st", "asr", "mt", "ctc_letters", "ctc_pieces"}
    assert set(expected[0]) == wanted | ({"segment_number", "contrastive"} if "segmenting" in shape else set())
    assert all(loss > 0 for loss in expected[0].values())
    made = batch(on_grid, indices, dtype)
    assert all((made["net_input"]["src_lengths"] < made["net_input"]["src_tokens"].size(1)).tolist())
    same(step(on_grid, model, indices, dtype), expected, PRECISIONS[dtype])


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("block", [0, 320])
def test_published_losses_are_those_of_the_batch_without_a_grid(tasks, block, dtype):
    """Its L_num is a norm over the batch, which utterances alone do not add up to."""
    plain, on_grid = tasks
    model = train(plain, dtype, segmentation_variant="published", front_end_block=block)
    found, expected = (step(task, model, [3, 8, 5, 21], dtype) for task in (on_grid, plain))
    assert {"segment_number", "contrastive"} < set(found[0])
    same(found, expected, PRECISIONS[dtype])


@pytest.mark.parametrize("checkpoint", ["tiny_checkpoint", "tiny_segmenting_checkpoint"])
def test_validation_writes_the_same(tiny_corpus, checkpoint, request):
    from fairseq import checkpoint_utils

    models, _ = checkpoint_utils.load_model_ensemble([str(request.getfixturevalue(checkpoint))])
    found, losses = [], {}
    for grid in ("never", "always"):
        task = make(tiny_corpus, grid, "dev")
        dataset = task.dataset("dev")
        logs = {}
        for indices in task.get_batch_iterator(dataset, max_tokens=100_000).frozen_batches:
            for index in indices:  # one by one, since the grid changes which are in a batch
                loss, _, log = task.valid_step(dataset.collater([dataset[index]]), models[0], criterion(task).eval())
                logs[int(index)] = {name: value for name, value in log.items() if name.startswith(("_bleu", "scored"))}
                losses[grid, int(index)] = float(loss)
        whole = dataset.collater([dataset[index] for index in range(len(dataset))])
        counts = task.valid_step(whole, models[0], criterion(task).eval())[2]
        found.append((logs, {name: value for name, value in counts.items() if name.startswith("_bleu")}))
    assert found[0] == found[1]
    assert [losses["always", index] for index in found[0][0]] == pytest.approx(
        [losses["never", index] for index in found[0][0]], rel=1e-5)
    assert found[0][1]["_bleu_count_0"] > 0, "or this showed nothing"
