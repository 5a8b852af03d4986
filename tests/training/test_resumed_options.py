"""What is told of options that changed where a training goes on: each once, and only what is so."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from mgcm_fairseq.training.resumed_options import tell_changes
from tests.training.here import train_here


def configuration(**changes: Any) -> dict[str, Any]:
    """Of a training, by section, with `SECTION__NAME` changed; as of an optimizer that knows no Hydra."""
    cfg: dict[str, Any] = {
        "common": {"log_interval": 100}, "checkpoint": {"save_dir": "a", "optimizer_overrides": "{}"},
        "dataset": {"train_subset": "train", "max_tokens": 1, "batch_size": None},
        "distributed_training": {"distributed_world_size": 1}, "optimization": {"lr": [0.1], "max_update": 10},
        "model": {"_name": "simul_st", "dropout": 0.1}, "task": {"data": "/a", "augment_gain": ""},
        "criterion": {"ctc_weight": 1.0}, "ema": {"ema_decay": 0.9},
        "optimizer": {"momentum": 0.9, "log_interval": 100, "save_dir": "a", "lr": [0.1], "max_update": 10,
                      "warmup_updates": 4},
        "lr_scheduler": {"_name": "fixed", "lr": [0.1], "warmup_updates": 4}}
    for name, value in changes.items():
        section, _, option = name.partition("__")
        cfg[section][option] = value
    return cfg


def said(before: dict[str, Any], now: dict[str, Any], caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.INFO):
        tell_changes("a.pt", before, now)
    return [record.getMessage().removeprefix("a.pt: ") for record in caplog.records]


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, []),
    ({"criterion__ctc_weight": 0.0}, ["ctc_weight was 1.0, and is 0.0 from here on"]),
    ({"task__augment_gain": "-6,6"}, ["augment_gain was unset, and is -6,6 from here on"]),
    ({"dataset__batch_size": 8}, ["batch_size was unset, and is 8 from here on"]),
    ({"distributed_training__distributed_world_size": 2}, ["distributed_world_size was 1, and is 2 from here on"]),
    ({"ema__ema_decay": 0.99}, ["ema_decay was 0.9, and is 0.99 from here on"]),
    ({"optimization__lr": [0.2], "optimizer__lr": [0.2], "lr_scheduler__lr": [0.2]},
     ["lr was [0.1], and is [0.2] from here on"]),
    ({"common__log_interval": 1, "optimizer__log_interval": 1, "checkpoint__save_dir": "b", "optimizer__save_dir": "b",
      "task__data": "/b", "optimization__max_update": 20}, []),
    ({"lr_scheduler__warmup_updates": 5, "optimizer__warmup_updates": 5},
     ["warmup_updates was 4, and is 5 from here on"]),
    ({"optimizer__max_update": 20}, []),
    ({"optimizer__momentum": 0.5}, ["momentum was 0.9, and is 0.5 from here on"])])
def test_each_change_is_told_once(changes: dict[str, Any], expected: list[str],
                                  caplog: pytest.LogCaptureFixture) -> None:
    assert said(configuration(), configuration(**changes), caplog) == expected


def test_a_schedule_that_follows_the_number_of_updates_is_told(caplog: pytest.LogCaptureFixture) -> None:
    before, now = (configuration(lr_scheduler__max_update=count, optimization__max_update=count) for count in (10, 20))
    assert said(before, now, caplog) == ["max_update was 10, and is 20 from here on"]


def test_a_rate_that_a_plateau_brought_stays(caplog: pytest.LogCaptureFixture) -> None:
    name = {"lr_scheduler___name": "reduce_lr_on_plateau"}
    found = said(configuration(**name), configuration(optimization__lr=[0.2], **name), caplog)
    assert len(found) == 1
    assert found[0].startswith("lr was [0.1], and [0.2] has no effect behind the warm-up")


def test_what_an_older_checkpoint_does_not_know_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    before = configuration()
    del before["ema"], before["criterion"]["ctc_weight"]
    assert said(before, configuration(), caplog) == []


@pytest.mark.parametrize("fp16", [(), ("--fp16", "--fp16-no-flatten-grads")])
def test_what_is_told_of_the_optimizer_is_so(tiny_corpus: Path, tmp_path: Path, fp16: tuple[str, ...],
                                             caplog: pytest.LogCaptureFixture) -> None:
    def decays(number: int, *options: str) -> set[float]:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            saved = torch.load(train_here(tiny_corpus, tmp_path, number, "--disable-validation", *fp16, *options))
        return {group["weight_decay"] for group in saved["last_optimizer_state"]["param_groups"]}

    assert decays(1, "--weight-decay", "0") == {0.0}
    assert decays(2, "--weight-decay", "0.5") == {0.5}
    assert "weight_decay was 0.0, and is 0.5 from here on" in caplog.text
    assert decays(3, "--weight-decay", "0.5") == {0.5}
    assert "weight_decay was" not in caplog.text
    assert decays(4, "--weight-decay", "0.5", "--optimizer-overrides", "{'weight_decay': 0.25}") == {0.25}


def test_other_options_of_adafactor_have_their_effect(tiny_corpus: Path, tmp_path: Path) -> None:
    adafactor = ("--disable-validation", "--optimizer", "adafactor", "--clip-threshold")
    train_here(tiny_corpus, tmp_path, 1, *adafactor, "1")
    [group] = torch.load(train_here(tiny_corpus, tmp_path, 2, *adafactor, "2"))["last_optimizer_state"]["param_groups"]
    assert group["clip_threshold"] == 2
