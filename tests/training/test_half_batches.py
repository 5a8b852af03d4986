"""A training step of a rule over half gradients: one loss in both engines, micro-batches, batches of one, refusals."""

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.core.conflict.halves import across_halves
from mgcm_fairseq.models.simul_st import SimulSTModel
from mgcm_fairseq.training.config import ConflictConfig
from mgcm_fairseq.training.halves import first_half_first
from mgcm_fairseq.training.preconditions import check_training
from mgcm_fairseq.training.step import ConflictStep
from tests.core.conflict.halved import Watching
from tests.modules.networks import network
from tests.training.batches import criterion, training_batch
from tests.training.test_step import BACKWARD, flat, gradients

ENGINES = ("streamed", "stash")
RULE = "noise-aware-mgcm"


def run(engine, batches, rule=None, **options):
    """The step, the trained model, and loss, tokens and log of the last batch."""
    ours = ConflictStep(ConflictConfig(conflict_rule=RULE, conflict_engine=engine, **options), seed=1)
    ours.rule = rule or ours.rule
    model = SimulSTModel(network(dropout=0.0).double())
    for batch in batches:
        answer = ours.run(in_fp64(batch), model, criterion(), BACKWARD, 0, ignore_grad=False)
    return ours, model, answer


def in_fp64(batch):
    return {**batch, "net_input": {**batch["net_input"], "src_tokens": batch["net_input"]["src_tokens"].double()}}


def plain(batch):
    model = SimulSTModel(network(dropout=0.0).double())
    losses, tokens, log = criterion().by_task(model, in_fp64(batch), PLAIN)
    sum(losses.values()).backward()
    return flat(gradients(model)), tokens, log


@pytest.mark.parametrize("size", [1, 3, 4])
def test_both_engines_have_the_same_half_gradients_and_the_batchs_loss_and_log(size):
    batch, rules = training_batch(size), {engine: Watching() for engine in ENGINES}
    expected, tokens, log_of_plain = plain(batch)
    for engine, rule in rules.items():
        _, model, (loss, found, log) = run(engine, [batch], rule)
        torch.testing.assert_close(flat(gradients(model)), expected, rtol=1e-7, atol=1e-7)
        assert found == tokens
        assert loss.item() == pytest.approx(log_of_plain["loss"].item())
        assert log.keys() == log_of_plain.keys()
        for name, value in log_of_plain.items():
            torch.testing.assert_close(torch.as_tensor(log[name]), torch.as_tensor(value), check_dtype=False)
    one, other = (rule.seen for rule in rules.values())
    assert one.keys() == other.keys()
    for group in one:
        torch.testing.assert_close(one[group], other[group], rtol=1e-6, atol=1e-9)
    assert across_halves(torch.stack(list(one.values()))).any() == (size > 1)


def test_the_halves_have_long_and_short_utterances_in_turn():
    batch = training_batch(5)
    lengths = batch["net_input"]["src_lengths"].tolist()
    assert lengths == sorted(lengths, reverse=True)
    found = first_half_first({**batch, "references": list("abcde")})
    assert found["net_input"]["src_lengths"].tolist() == [lengths[row] for row in (0, 2, 4, 1, 3)]
    assert found["references"] == list("acebd")
    assert found["nsentences"] == 5


@pytest.mark.parametrize("engine", ENGINES)
def test_every_micro_batch_adds_its_products(engine):
    batches = [training_batch(seed=seed) for seed in range(2)]
    together, model, _ = run(engine, batches)
    sums = together.state_dict()["state"]["sums"]
    assert together.state_dict()["state"]["tasks"] == ["st", "asr", "mt"]
    again, _, _ = run(engine, batches[:1])
    assert all(sums[name].ne(of_one).any() for name, of_one in again.state_dict()["state"]["sums"].items()
               if of_one.any())
    expected = sum(plain(batch)[0] for batch in batches)
    torch.testing.assert_close(flat(gradients(model)), expected, rtol=1e-7, atol=1e-7)  # nothing is proved yet


@pytest.mark.parametrize("engine", ENGINES)
def test_a_batch_to_ignore_adds_no_products(engine):
    ours, model, _ = run(engine, [training_batch()])
    before = ours.state_dict()["state"]["sums"]
    ours.run(in_fp64(training_batch(seed=1)), model, criterion(), BACKWARD, 0, ignore_grad=True)
    after = ours.state_dict()["state"]["sums"]
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("engine", ENGINES)
def test_task_weights_see_the_whole_batchs_losses(engine):
    ours, _, (_, _, log) = run(engine, [training_batch()], task_weights="dwa")
    whole = ours.weights._losses_T
    expected, _ = criterion().losses(SimulSTModel(network(dropout=0.0).double()), in_fp64(training_batch()))
    assert whole[0].item() == pytest.approx(expected["st"].item())
    assert whole.sum().item() == pytest.approx(log["loss"].item())


@pytest.mark.parametrize(("change", "workers", "options", "message"), [
    ({"state_contrast": 1.0}, 1, {}, "--state-contrast compares"),
    ({"published": True}, 1, {}, "Use --segmentation-variant repaired"),
    ({}, 2, {"task_weights": "norm"}, "one that asks for no norm"),
    ({}, 2, {"conflict_reduce": "local"}, f"global for {RULE}, since what it remembers")])
def test_what_halves_cannot_be_combined_with_is_refused(change, workers, options, message):
    of, wanted = SimulSTModel(network(**({"segmentation_variant": "published"} if "published" in change else {}))), \
        criterion()
    wanted.state_contrast = change.get("state_contrast", 0.0)
    with pytest.raises(InputError, match=message):
        check_training(ConflictConfig(conflict_rule=RULE, **options), wanted, BACKWARD, of, workers)
