"""The metric that decides which checkpoint is best: wrong ones are refused before the first batch."""

import re

import pytest
from fairseq.criterions.cross_entropy import CrossEntropyCriterionConfig

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.models.metrics import HIGHER_IS_BETTER, logged
from mgcm_fairseq.training.goal import check_goal
from tests.training.here import config, train_here

HIGHER = "--maximize-best-checkpoint-metric"
PLATEAU = ("--lr-scheduler", "reduce_lr_on_plateau")
WRONG = {
    ("--best-checkpoint-metric", "bleu", HIGHER): "found 'bleu'. Add --eval-bleu",
    ("--best-checkpoint-metric", "wer"):
        "one that a checkpoint can be chosen by: loss, st_nll, st_acc, asr_nll, .* found 'wer'",
    ("--tasks", "st,asr", "--best-checkpoint-metric", "mt_nll"): "loss, st_nll, st_acc, asr_nll, asr_acc, found",
    ("--tasks", "mt", "--best-checkpoint-metric", "st_nll"): "loss, mt_nll, mt_acc, found 'st_nll'",
    ("--best-checkpoint-metric", "segments"): "found 'segments'",
    (HIGHER,): f"loss to be minimised, since lower is better, found the opposite. Leave out {HIGHER}",
    ("--eval-bleu", "--best-checkpoint-metric", "bleu"): f"bleu to be maximised.*Add {HIGHER}",
    ("--eval-bleu", "--best-checkpoint-metric", "bleu", HIGHER, "--tasks", "mt"):
        "st among --tasks for bleu of speech, by --eval-source speech, found mt",
    ("--eval-bleu", "--best-checkpoint-metric", "bleu", HIGHER, "--tasks", "st,asr", "--eval-source", "text"):
        "mt among --tasks for bleu of text, by --eval-source text, found st,asr",
    ("--valid-subset", "dev,train"): "--valid-subset: expected splits that are not trained on: .* found train. Copy",
    ("--valid-subset", "dev", "--train-subset", "dev"): "found dev. Copy dev.tsv under another name",
    ("--best-checkpoint-metric", "asr_nll", HIGHER): "asr_nll to be minimised",
    ("--best-checkpoint-metric", "mt_acc", "--patience", "3"): "mt_acc to be maximised",
    (*PLATEAU, "--best-checkpoint-metric", "st_acc"): "st_acc to be maximised",
    ("--disable-validation", "--patience", "3"): "--patience 3: expected a validation",
    ("--disable-validation", *PLATEAU): "--lr-scheduler reduce_lr_on_plateau: expected a validation",
}
RIGHT = [(), ("--eval-bleu", "--best-checkpoint-metric", "bleu", HIGHER),
         ("--eval-bleu", "--best-checkpoint-metric", "bleu", HIGHER, "--tasks", "mt", "--eval-source", "text"),
         ("--eval-bleu", "--tasks", "mt"),
         ("--best-checkpoint-metric", "st_acc", HIGHER),
         ("--best-checkpoint-metric", "mt_nll", "--patience", "2", *PLATEAU),
         ("--disable-validation", "--best-checkpoint-metric", "bleu")]


@pytest.mark.parametrize("options", WRONG, ids=" ".join)
def test_a_goal_that_cannot_be_is_refused(tmp_path, options):
    with pytest.raises(InputError, match=WRONG[options]):
        check_goal(config(tmp_path, tmp_path, 2, *options))


@pytest.mark.parametrize("options", RIGHT, ids=" ".join)
def test_a_goal_that_can_be_is_not(tmp_path, options):
    check_goal(config(tmp_path, tmp_path, 2, *options))


def test_a_loss_that_the_model_does_not_have_is_refused(tmp_path):
    cfg = config(tmp_path, tmp_path, 2)
    cfg.criterion = CrossEntropyCriterionConfig(_name="cross_entropy")
    with pytest.raises(InputError, match="--criterion: expected multitask_cross_entropy, found cross_entropy"):
        check_goal(cfg)


def test_nothing_is_trained_before_it_is_refused(tiny_corpus, tmp_path):
    with pytest.raises(InputError, match="Add --eval-bleu"):
        train_here(tiny_corpus, tmp_path, 2, "--best-checkpoint-metric", "bleu", HIGHER)
    assert not list(tmp_path.rglob("*.pt"))


@pytest.mark.parametrize(("tasks", "bleu"), [("st,asr,mt", True), ("mt,asr", False)])
def test_each_metric_of_the_table_is_logged_and_decides(tiny_corpus, tmp_path, caplog, tasks, bleu):
    with caplog.at_level("INFO"):
        train_here(tiny_corpus, tmp_path, 1, "--tasks", tasks, "--segmentation-variant", "repaired",
                   *(["--eval-bleu", "--eval-source", "speech"] if bleu else []), "--best-checkpoint-metric", "mt_acc",
                   HIGHER, "--keep-best-checkpoints", "1")
    [line] = re.findall(r"epoch 001 \| valid on 'dev' subset \| (.*)", caplog.text)
    values = dict(field.rsplit(" ", 1) for field in line.split(" | "))
    assert {name for name in values if name in HIGHER_IS_BETTER} == set(logged(tasks.split(","), bleu))
    assert not [name for name in values if name.endswith(("_nll", "_acc")) and name not in HIGHER_IS_BETTER]
    [kept] = tmp_path.glob("checkpoint.best_mt_acc_*.pt")
    assert float(kept.stem.rsplit("_", 1)[1][:-1]) == float(values["mt_acc"])
