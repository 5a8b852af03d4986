"""Options that nothing would read, and numbers without a meaning, are refused or told before a training begins."""

import logging
import math
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.criterions.multitask import MultitaskCriterionConfig
from mgcm_fairseq.models.config import SimulSTModelConfig
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.rows import STARTS_FROM, TEXTS
from mgcm_fairseq.tasks.config import SimulSTConfig
from mgcm_fairseq.tasks.unread import MECHANISMS, check_unread
from mgcm_fairseq.training.at_least_zero import UNITS, check_at_least_zero
from mgcm_fairseq.training.needed_losses import check_losses
from tests.training.here import config, train_here

GROUPS = {"task": SimulSTConfig, "model": SimulSTModelConfig, "criterion": MultitaskCriterionConfig}
REFUSED = {  # option and value -> what turns its mechanism on, and what a message names
    "--shrink-pool mean": ("--shrink ctc", "--shrink ctc"),
    "--shrink-blanks join": ("--shrink ctc", "--shrink ctc"),
    "--no-looking-back": ("--shrink ctc", "--shrink ctc"),
    "--segment-noise 1": ("--segmentation-variant repaired", "--segmentation-variant"),
    "--lags 2,3": ("--segmentation-variant published", "--segmentation-variant"),
    "--segment-number-weight 2": ("--segmentation-variant repaired", "--segmentation-variant"),
    "--contrastive-weight 0.5": ("--segmentation-variant repaired", "--segmentation-variant"),
    "--w2v-trust": ("--w2v-path a.pt", "--w2v-path"),
    "--transcript-noise-kind repeat": ("--transcript-noise 0.1,0.2", "--transcript-noise"),
    "--task-weight-floor 0": ("--task-weights norm", "--task-weights norm"),
    "--sharing-init published": ("--sharing-plan plan.yaml", "--sharing-plan"),
    "--private-lr-factor 2.5": ("--sharing-plan plan.yaml", "--sharing-plan"),
}
TOLD = {  # the same
    "--shrink-from 7": ("--shrink ctc", "--shrink-from: nothing reads it without --shrink ctc"),
    "--segment-from 3 --noise-from 3": ("--segmentation-variant repaired", "--segment-from, --noise-from: nothing"),
    "--multipath-from 3": ("--segmentation-variant repaired", "--multipath-from: "),
    "--segment-number-from 3 --contrastive-from 3": (
        "--segmentation-variant repaired", "--segment-number-from, --contrastive-from: "),
    "--task-weight-interval 3": ("--task-weights dwa", "without --task-weights norm or dwa"),
    "--conflict-granularity layer --conflict-engine stash": ("--conflict-rule sum", "without a --conflict-rule"),
    "--conflict-scope above-front-end --conflict-reduce local": ("--conflict-rule mgcm", "without a --conflict-rule"),
    "--conflict-scope-interval 3": ("--conflict-rule mgcm --conflict-scope auto", "without --conflict-scope auto"),
    "--conflict-log-interval 3": ("--task-weights famo", "--task-weights uncertainty, dwa, famo, random"),
}
BY_THEMSELVES = """task: data max_source_samples max_target_tokens eval_bleu eval_source windows augment_speed
    augment_gain augment_noise transcript_noise length_grid seed cpu conflict_rule task_weights
    model: front_end w2v_path w2v_config front_end_block subsample_kernels model_dim ffn_dim attention_heads
    encoder_layers decoder_layers rotary local_kernels sharing_plan norm_first no_embedding_norm tie_output dropout
    attention_dropout activation_dropout freeze_front_end_updates checkpoint_activations segmentation_variant shrink ctc
    criterion: tasks label_smoothing"""
REFUSED_ELSEWHERE = """task: eval_lag windows_from conflict_log fixed_task_weights task_weight_variant asr_norm_part
    asr_until
    model: w2v_normalize front_end_history encoder_history longest_segment differentiable_waiting
    criterion: ctc_weight state_contrast"""


def of(*options):
    return config(Path("corpus"), Path("folder"), 2, *(word for option in options for word in option.split()))


def keys(text):
    """Group and option of each."""
    found, group = set(), ""
    for word in text.split():
        group = word[:-1] if word.endswith(":") else group
        found |= set() if word.endswith(":") else {f"{group}.{word}"}
    return found


@pytest.mark.parametrize("option", REFUSED)
def test_an_option_of_a_mechanism_that_is_off_is_refused(option, caplog):
    switch, named = REFUSED[option]
    with pytest.raises(InputError, match=f"^{option.split()[0]}: expected {named}.*, of which it is an option, found "
                                         f".* without it. Give {named}.*, or leave this option out"):
        check_unread(of(option))
    check_unread(of(option, switch))
    assert not caplog.records


@pytest.mark.parametrize("options", TOLD)
def test_one_that_a_yaml_carries_along_is_told_in_one_line(options, caplog):
    switch, line = TOLD[options]
    check_unread(of(options, switch))
    assert not caplog.records
    check_unread(of(options))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert line in record.getMessage()
    assert "\n" not in record.getMessage()


@pytest.mark.parametrize("options", [
    (), ("--segment-number-weight 0", "--contrastive-weight 0", "--segment-noise 0"), ("--shrink-pool first",),
    ("--lags 1,15",)])
def test_nothing_is_said_of_what_asks_for_nothing(options, caplog):
    check_unread(of(*options))
    assert not caplog.records


def test_every_option_has_a_mechanism_or_does_something_by_itself():
    """A new option is to be put into one of the lists."""
    own = {f"{group}.{name}" for group, made in GROUPS.items() for name in made.__dataclass_fields__
           if not name.startswith("_")}
    judged = [key for mechanism in MECHANISMS for key in (*mechanism.refused, *mechanism.told)]
    assert len(judged) == len(set(judged))
    lists = [set(judged), keys(BY_THEMSELVES), keys(REFUSED_ELSEWHERE)]
    assert set().union(*lists) == own
    assert sum(map(len, lists)) == len(own)


def default_of(key):
    group, name = key.split(".")
    return GROUPS[group].__dataclass_fields__[name].default


@pytest.mark.parametrize(("key", "value"), [
    *((key, -1) for key in UNITS), *((key, math.nan) for key in UNITS if isinstance(default_of(key), float))])
def test_numbers_below_zero_are_refused(key, value):
    group, name = key.split(".")
    cfg = of()
    check_at_least_zero(cfg)
    cfg = OmegaConf.create({key: dict(cfg[key]) for key in GROUPS})
    cfg[group][name] = value
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')}: expected a .* from 0 on, found"):
        check_at_least_zero(cfg)


def test_a_loss_of_heads_that_are_not_there_is_refused():
    with pytest.raises(InputError, match=r"--ctc-weight: expected a model with --ctc.*found 1 for one without"):
        check_losses(of("--arch simul_st_paper"))
    check_losses(of("--arch simul_st_paper", "--ctc"))


@pytest.mark.parametrize("row", [*STARTS_FROM, *TEXTS])
def test_no_recipe_is_refused_and_none_is_warned_of(row, caplog):
    plan = ["model.sharing_plan=plan.yaml"] if "gdps" in row else []
    cfg = resolve(row, ["task.data=corpus", "model.w2v_path=a.pt", *plan])
    check_at_least_zero(cfg)
    check_losses(cfg)
    check_unread(cfg)
    assert not caplog.records


@pytest.mark.parametrize(("name", "off"), [
    ("demo", {}), ("demo_imtl", {}), ("demo", {"task.conflict_rule": "none"}),
    ("demo", {"task.conflict_rule": "none", "criterion.tasks": "st"}), ("demo", {"model.segmentation_variant": "none"}),
    ("demo_imtl", {"model.shrink": "none"}), ("demo_imtl", {"task.task_weights": "fixed"}),
    ("demo_imtl", {"task.transcript_noise": ""}), ("demo_imtl", {"criterion.state_contrast": 0.0}),
    ("demo_imtl", {"model.local_kernels": ""})])
def test_a_demo_with_a_mechanism_turned_off_is_not_refused(name, off, caplog):
    given = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    cfg = OmegaConf.create({group: {field: option.default for field, option in made.__dataclass_fields__.items()}
                            for group, made in GROUPS.items()})
    cfg = OmegaConf.merge(cfg, {group: given[group] for group in GROUPS}, {"model": {"ctc": True}})
    for key, value in off.items():
        OmegaConf.update(cfg, key, value)
    check_at_least_zero(cfg)
    check_losses(cfg)
    check_unread(cfg)
    told = {"task.conflict_rule", "model.segmentation_variant", "model.shrink", "task.task_weights"} & {*off}
    assert len(caplog.records) == len(told)


def test_it_is_refused_before_anything_is_trained(tiny_corpus, tmp_path):
    with pytest.raises(InputError, match="--shrink-pool"):
        train_here(tiny_corpus, tmp_path, 2, "--shrink-pool", "mean")
    assert not list(tmp_path.rglob("*.pt"))
