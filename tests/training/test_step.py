"""Training steps with real optimizers of fairseq: precisions, overflow, batches to ignore, a front end that thaws."""

import atexit
import copy
from types import SimpleNamespace

import pytest
import torch
from fairseq import options
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.optim import FP16Optimizer, MemoryEfficientFP16Optimizer
from fairseq.optim.bmuf import FairseqBMUF

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.models.simul_st import SimulSTModel
from mgcm_fairseq.modules.schedule import Schedule
from mgcm_fairseq.training.config import ConflictConfig
from mgcm_fairseq.training.noise_floor import NoiseFloor, rows
from mgcm_fairseq.training.part_names import PARTS
from mgcm_fairseq.training.preconditions import check_training
from mgcm_fairseq.training.step import ConflictStep
from tests.modules.networks import network
from tests.training.batches import criterion, training_batch

BACKWARD = SimpleNamespace(backward=lambda loss: loss.backward())


def model(**options):
    return SimulSTModel(network(dropout=0.0), **options)


def step(**options):
    return ConflictStep(ConflictConfig(**{"conflict_rule": "mgcm", **options}), seed=1)


def gradients(of):
    return {name: parameter.grad.clone() for name, parameter in of.named_parameters() if parameter.grad is not None}


def flat(of):
    return torch.cat([part.flatten().double() for part in of.values()])


def half_optimizer(of, *more):
    """fairseq's own, for --fp16 or --bf16."""
    arguments = ["data", "--task", "translation", "--arch", "transformer", "--optimizer", "adam", "--lr", "0.01",
                 "--fp16-no-flatten-grads", *more]
    parsed = options.parse_args_and_arch(options.get_training_parser(), arguments)
    cfg = convert_namespace_to_omegaconf(parsed)
    kind = MemoryEfficientFP16Optimizer if cfg.common.memory_efficient_fp16 else FP16Optimizer
    return kind.build_optimizer(cfg, list(of.parameters()))


def cast(batch, dtype):
    return {**batch, "net_input": {**batch["net_input"], "src_tokens": batch["net_input"]["src_tokens"].to(dtype)}}


@pytest.mark.parametrize("engine", ["streamed", "stash"])
@pytest.mark.parametrize(("dtype", "more"), [
    (torch.float16, ("--fp16",)), (torch.float16, ("--fp16", "--memory-efficient-fp16")),
    (torch.bfloat16, ("--bf16",))])
def test_half_precision_gives_nearly_the_gradient_of_fp32(engine, dtype, more):
    full = model()
    step().run(training_batch(), full, criterion(), BACKWARD, 0, ignore_grad=False)
    half = model().to(dtype)
    optimizer = half_optimizer(half, *more)
    step(conflict_engine=engine).run(cast(training_batch(), dtype), half, criterion(), optimizer, 0, ignore_grad=False)
    scale = optimizer.scaler.loss_scale if optimizer.scaler else 1.0
    expected, found = flat(gradients(full)), flat(gradients(half)) / scale
    assert (found - expected).norm() < 0.1 * expected.norm()
    optimizer.clip_grad_norm(5.0)
    optimizer.step()
    assert all(parameter.isfinite().all() for parameter in half.parameters())


def test_an_overflow_is_skipped_and_corrupts_nothing():
    half = model().half()
    before = copy.deepcopy(half.state_dict())
    optimizer = half_optimizer(half, "--fp16", "--fp16-init-scale", str(2**17), "--min-loss-scale", "1e-6")
    ours = step(conflict_rule="gradvac")
    batch = cast(training_batch(), torch.float16)
    steps = 0
    while True:
        optimizer.zero_grad()
        ours.run(batch, half, criterion(), optimizer, steps, ignore_grad=False)
        try:
            optimizer.clip_grad_norm(5.0)
            break
        except OverflowError:
            steps += 1
            assert all(torch.equal(half.state_dict()[name], before[name]) for name in before)
            assert all(target.isfinite().all() for target in ours.rule.targets.values())
    assert steps > 0, "no overflow: the test shows nothing"
    optimizer.step()
    assert all(parameter.isfinite().all() for parameter in half.parameters())


@pytest.mark.parametrize("engine", ["streamed", "stash"])
def test_micro_batches_add_up(engine):
    together, apart = model(), [model(), model()]
    ours = step(conflict_engine=engine)
    for index in range(2):
        ours.run(training_batch(seed=index), together, criterion(), BACKWARD, 0, ignore_grad=False)
        step(conflict_engine=engine).run(training_batch(seed=index), apart[index], criterion(), BACKWARD, 0,
                                         ignore_grad=False)
    expected = flat(gradients(apart[0])) + flat(gradients(apart[1]))
    torch.testing.assert_close(flat(gradients(together)), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("engine", ["streamed", "stash"])
def test_a_batch_to_ignore_adds_nothing(engine):
    ours, trained = step(conflict_engine=engine), model()
    ours.run(training_batch(), trained, criterion(), BACKWARD, 0, ignore_grad=False)
    before = gradients(trained)
    ours.run(training_batch(seed=1), trained, criterion(), BACKWARD, 0, ignore_grad=True)
    after = gradients(trained)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert ours.recorder.telemetry.fetch().passes == 1


def test_a_frozen_front_end_thaws():
    trained, ours = model(schedule=Schedule(front_end_from=2)), step()
    front_end = trained.network.encoder.front_end
    for update in range(4):
        trained.zero_grad()
        ours.run(training_batch(), trained, criterion(), BACKWARD, update, ignore_grad=False)
        assert all((parameter.grad is None) == (update < 2) for parameter in front_end.parameters())
    always = model()
    step().run(training_batch(), always, criterion(), BACKWARD, 0, ignore_grad=False)
    torch.testing.assert_close(flat(gradients(trained)), flat(gradients(always)))


def test_checkpointing_changes_no_gradient():
    kept, repeated = model(), model(recompute=True)
    for trained in (kept, repeated):
        torch.manual_seed(3)
        step().run(training_batch(), trained, criterion(), BACKWARD, 0, ignore_grad=False)
    assert torch.equal(flat(gradients(kept)), flat(gradients(repeated)))


def test_layer_drop_works_on_one_worker():
    values = '{"encoder_layers": 3, "encoder_layerdrop": 0.7}'
    trained = SimulSTModel(network(w2v_config=values, dropout=0.0))
    assert trained.network.encoder.front_end.config.encoder_layerdrop == 0.7
    ours, groups = step(), set()
    for update in range(4):
        torch.manual_seed(update)
        ours.run(training_batch(2), trained, criterion(), BACKWARD, update, ignore_grad=False)
        groups.add(tuple(ours.engine.report.groups))
    assert len(groups) > 1


def test_noise_floor_is_the_cosine_of_two_halves_and_leaves_no_trace():
    trained, ours = model(), step()
    ours.run(training_batch(), trained, criterion(), BACKWARD, 0, ignore_grad=False)
    before, state = gradients(trained), torch.get_rng_state()
    groups = ours.engine.merger.groups
    found = NoiseFloor(trained.network, groups, trained, criterion()).cosines(training_batch(), ("st", "asr", "mt"))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], after) for name, after in gradients(trained).items())
    halves = []
    for half in (slice(0, 4, 2), slice(1, 4, 2)):  # of long and short ones each
        trained.zero_grad()
        criterion("st", ctc_weight=0.0)(trained, rows(training_batch(), half, 4))[0].backward()
        halves.append(gradients(trained))
    weight = "network.decoder.layers.0.ffn.fc1"
    ours, theirs = (torch.cat([of[f"{weight}.weight"].flatten(), of[f"{weight}.bias"]]) for of in halves)
    expected = torch.nn.functional.cosine_similarity(ours, theirs, dim=0).item()
    assert found.groups[groups.names.index(weight.removeprefix("network."))] == pytest.approx(expected, abs=1e-4)
    for part, cosine in zip(PARTS.values(), found.parts, strict=True):
        assert cosine == pytest.approx(cosine_of_part(*halves, part), abs=1e-4)


def cosine_of_part(one, other, beginning):
    """Of all parameters of the part together, where both gradients are."""
    names = [name for name in one if name.startswith(f"network.{beginning}") and name in other]
    return torch.nn.functional.cosine_similarity(*(torch.cat([of[name].flatten() for name in names])
                                                   for of in (one, other)), dim=0).item()


def test_cosines_of_whole_parts_are_those_of_each_tasks_gradient_alone():
    trained, ours = model(), step(conflict_rule="sum")
    ours.run(training_batch(), trained, criterion(), BACKWARD, 0, ignore_grad=False)
    alone = []
    for task in ("st", "asr", "mt"):
        trained.zero_grad()
        criterion().by_task(trained, training_batch(), PLAIN)[0][task].backward()
        alone.append(gradients(trained))
    sums = ours.recorder.telemetry.so_far()
    for index, part in enumerate(PARTS.values()):
        for auxiliary, gradient in enumerate(alone[1:]):
            if part == PARTS["front end"] and auxiliary == 1:
                assert sums.parts[index, auxiliary].tolist() == [0, 0], "MT hears nothing"
            else:
                expected = cosine_of_part(alone[0], gradient, part)
                assert sums.parts[index, auxiliary].tolist() == [1, pytest.approx(expected, abs=1e-4)]


@pytest.mark.parametrize(("given", "message"), [
    ({"conflict_rule": "best"}, "expected one of mgcm"),
    ({"conflict_granularity": "model"}, "Add --conflict-engine stash"),
    ({"conflict_log_interval": 0}, "from 1 on")])
def test_options_that_cannot_work_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        step(**given)


def test_an_empty_scope_is_refused():
    with pytest.raises(InputError, match="encoder"):
        step(conflict_scope="nothing").run(training_batch(), model(), criterion(), BACKWARD, 0, ignore_grad=False)


def test_a_single_task_is_refused():
    with pytest.raises(InputError, match="at least two"):
        step().run(training_batch(), model(), criterion("st"), BACKWARD, 0, ignore_grad=False)


@pytest.mark.parametrize(("given", "changed", "message"), [
    ({"conflict_reduce": "local", "conflict_rule": "gradvac"}, {}, "Use --conflict-reduce global"),
    ({}, {"criterion": torch.nn.Module()}, "a loss for each task"),
    ({}, {"optimizer": object.__new__(FairseqBMUF)}, "averages gradients")])
def test_trainings_that_would_go_wrong_are_refused(given, changed, message):
    usual = {"criterion": criterion(), "optimizer": BACKWARD, "wrapped": model(), "workers": 8}
    with pytest.raises(InputError, match=message):
        check_training(step(**given).cfg, **{**usual, **changed})


@pytest.mark.parametrize(("tasks", "told"), [("asr,st,mt", True), ("st,asr,mt", False), ("asr,mt", False)])
def test_another_primary_task_than_st_is_told(tasks, told, caplog):
    step().run(training_batch(), model(), criterion(tasks), BACKWARD, 0, ignore_grad=False)
    assert ("the primary task is asr, the first; write st first" in caplog.text) == told


def test_ddp_must_be_told_of_frozen_layers(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    try:
        for finds in (False, True):
            wrapped = torch.nn.parallel.DistributedDataParallel(model(schedule=Schedule(front_end_from=3)),
                                                                find_unused_parameters=finds)
            if finds:
                check_training(step().cfg, criterion(), BACKWARD, wrapped, 1)
            else:
                with pytest.raises(InputError, match="find-unused-parameters"):
                    check_training(step().cfg, criterion(), BACKWARD, wrapped, 1)
    finally:
        torch.distributed.destroy_process_group()


def test_a_wrapper_with_sharded_gradients_is_refused():
    class FullyShardedDataParallel(torch.nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module
            self.set_num_updates = module.set_num_updates

    with pytest.raises(InputError, match="legacy_ddp or pytorch_ddp"):
        step().run(training_batch(), FullyShardedDataParallel(model()), criterion(), BACKWARD, 0, ignore_grad=False)


def begin(path, tasks="st,asr,mt", **options):
    """A training with a conflict log takes its first step, and writes no more when the tests end."""
    ours = step(conflict_log=str(path), **options)
    ours.run(training_batch(), model(), criterion(tasks), BACKWARD, 0, ignore_grad=False)
    atexit.unregister(ours.recorder.end)


@pytest.mark.parametrize(("given", "said"), [
    ({"conflict_rule": "discard"}, "rule mgcm where this has discard"),
    ({"tasks": "st,mt"}, r"tasks \['st', 'asr', 'mt'\] where this has \['st', 'mt'\]"),
    ({"conflict_scope": "above-front-end"}, r"\d+ groups that this lacks, as encoder.front_end"),
    ({"conflict_granularity": "layer"}, "granularity module where this has layer; .* groups that this lacks, as")])
def test_a_conflict_log_of_other_options_is_refused_with_what_changed(tmp_path, given, said):
    path = tmp_path / "log"
    begin(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=said + ".*Give --conflict-log a new name"):
        begin(path, **given)
    begin(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["notes\n", "[1]\n", '{"format": 1', "\xff"])
def test_a_file_that_is_no_conflict_log_is_left_alone(tmp_path, text):
    path = tmp_path / "log"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="a file that is no conflict log"):
        begin(path)
    assert path.read_text(encoding="latin-1") == text


@pytest.mark.parametrize(("name", "said"), [
    ("mgmc", "pcd, noise-aware-mgcm, modo, sdmgrad, torchjd:NAME or none, found 'mgmc'. Write e.g. "
             "--conflict-rule mgcm."), ("PCgrad", "found 'PCgrad'. Write e.g. --conflict-rule pcgrad.")])
def test_an_unknown_rule_is_told_once_with_the_one_it_resembles(name, said):
    with pytest.raises(InputError) as raised:
        step(conflict_rule=name)
    assert str(raised.value).endswith(said)
    assert str(raised.value).count("expected") == 1
