"""What the dry run of a row finds: files for wav2vec 2.0 that are none, goals that cannot be, an average of nothing."""

import json
import os

import pytest
import torch

from mgcm_fairseq.commands.train import main
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.recipes.identity import PRETRAINED, SHARING_PLAN, check, identity
from tests.modules.test_wav2vec2_checkpoint import KEY, data2vec_with_classes, good, without
from tests.recipes.test_rows import resolve
from tests.scripts.test_train import SMALL


@pytest.fixture
def problems(tiny_corpus, tmp_path, capsys, monkeypatch):
    """What the plan of a row says is wrong, for this content of the file for wav2vec 2.0."""
    def plan(content, *more):
        torch.save(content, tmp_path / "w2v.pt")
        monkeypatch.setenv("PWD", os.getcwd())
        status = main(["single_task", "--data", str(tiny_corpus), "--w2v", str(tmp_path / "w2v.pt"), "--out",
                       str(tmp_path / "out"), "--cpu", "--gpus", "1", "--best", "1", "--dry-run", *SMALL, *more])
        said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("PROBLEM: ")]
        assert (status == 2) == bool(said)
        assert not (tmp_path / "out").exists()
        return "\n".join(said)

    return plan


@pytest.mark.parametrize(("make", "more", "expected"), [
    (good, (), []),
    (lambda: {**good(), "model": None}, ("task.eval_bleu=false",),
     ["with weights in `model`", "Add --eval-bleu (task.eval_bleu=true)"]),
    (lambda: without(KEY), ("checkpoint.best_checkpoint_metric=loss",), [f"found no {KEY}", "loss to be minimised"]),
    (data2vec_with_classes, ("checkpoint.best_checkpoint_metric=wer",), ["found data2vec", "found 'wer'"]),
    (good, ("dataset.disable_validation=true",), ["validated checkpoints, of which the best are averaged"]),
    (good, ("checkpoint.save_interval_updates=0",), ["a number of updates from 1 on, found 0"]),
    (good, ("dataset.validate_after_updates=4", "checkpoint.keep_best_checkpoints=1"), []),
    (good, ("++model.lags='7,2'",), ["of which it is an option", "1 <= LOWEST <= HIGHEST"]),
    (good, ("++model.lags='7,2'", "model.w2v_path=nowhere.pt"),
     ["of which it is an option", "1 <= LOWEST <= HIGHEST", "nowhere.pt"]),
    (good, ("++task.asr_until=3",), ["--asr-until: expected asr among the auxiliary tasks"]),
    (good, ("++task.asr_until=-1",), ["--asr-until: expected a number of updates, or 0 for all, found -1"]),
    (good, ("++task.windows='2,21'",), ["--windows: expected at most 20 s, as --max-source-samples"]),
    (good, ("++task.windows='2,20'",), []),  # --windows as long as a batch
    (good, ("dataset.valid_subset='dev,train'",), ["--valid-subset: expected splits that are not trained on"]),
    (good, ("dataset.validate_after_updates=5",), ["dataset.validate_after_updates=5"])])
def test_the_dry_run_shows_it(problems, make, more, expected):
    found = problems(make(), *more)
    assert found.count("PROBLEM") == len(expected), found
    assert all(text in found for text in expected), found


def test_another_wav2vec_of_the_same_size_is_another_training(tiny_corpus, tmp_path):
    file, record = tmp_path / "w2v.pt", tmp_path / "record.json"

    def known(content):
        file.write_bytes(content)
        os.utime(file, ns=(0, content[0]))  # not the same moment
        return identity(resolve("single_task", [f"task.data={tiny_corpus}", f"model.w2v_path={file}"]))

    first, second = known(b"one"), known(b"two")
    record.write_text(json.dumps(first))
    check(record, known(b"one"), begun=True)
    with pytest.raises(InputError, match=r"wav2vec 2\.0, sha256"):
        check(record, second, begun=True)
    record.write_text(json.dumps({key: value for key, value in first.items() if key != PRETRAINED}))
    check(record, second, begun=True)  # of before the content was recorded


def test_a_sharing_plan_is_known_by_what_it_says_wherever_it_lies(tiny_corpus, tmp_path):
    record = tmp_path / "record.json"

    def known(name, content):
        (tmp_path / name).write_text(content)
        return identity(resolve("gdps_multi_task", [f"task.data={tiny_corpus}", "model.w2v_path=null",
                                                    f"model.sharing_plan={tmp_path / name}"]))

    first = known("a.yaml", "one")
    earlier = {key: value for key, value in first.items() if key != SHARING_PLAN}
    for text in (first, {**earlier, "model.sharing_plan": str(tmp_path / "a.yaml")}):  # its path was recorded before
        record.write_text(json.dumps(text))
        check(record, known("b.yaml", "one"), begun=True)
        with pytest.raises(InputError, match="a training with sharing plan, sha256"):
            check(record, known("b.yaml", "another"), begun=True)
    for path in ("", "gone.yaml"):  # none, and one that nobody can look at any more
        record.write_text(json.dumps({**earlier, "model.sharing_plan": path}))
        with pytest.raises(InputError, match="a training with sharing plan, sha256"):
            check(record, known("b.yaml", "one"), begun=True)
    record.write_text(json.dumps(first))
    with pytest.raises(InputError, match="a training with sharing plan, sha256"):
        check(record, known("a.yaml", "another"), begun=True)
    with pytest.raises(InputError, match=r"none\.yaml: expected a sharing plan, found no such file"):
        identity(resolve("gdps_multi_task", [f"task.data={tiny_corpus}", "model.w2v_path=null",
                                             f"model.sharing_plan={tmp_path / 'none.yaml'}"]))


def test_an_option_that_came_later_had_its_default(tiny_corpus, tmp_path):
    record, paths = tmp_path / "record.json", [f"task.data={tiny_corpus}", "model.w2v_path=null"]
    now = identity(resolve("single_task", paths))
    assert now["model.front_end"] == "wav2vec2"
    record.write_text(json.dumps({key: value for key, value in now.items() if key != "model.front_end"}))
    check(record, now, begun=True)
    with pytest.raises(InputError, match=r"model\.front_end 'another', found one with 'wav2vec2'"):
        check(record, {**now, "model.front_end": "another"}, begun=True)


@pytest.mark.parametrize(("options", "named"), [
    (["checkpoint.finetune_from_model=mt.pt"], "begins with the model 'mt.pt', found one with None"),
    (["dataset.train_subset=dev"], "dataset.train_subset 'dev', found one with 'train'"),
    (["checkpoint.best_checkpoint_metric=loss"], "the best checkpoint by 'loss on dev', found one with 'bleu on dev'")])
def test_what_a_training_starts_from_and_hears_is_part_of_it(tiny_corpus, tmp_path, options, named):
    record, paths = tmp_path / "record.json", [f"task.data={tiny_corpus}", "model.w2v_path=null"]
    first, other = (identity(resolve("single_task", [*paths, *more])) for more in ((), options))
    record.write_text(json.dumps(first))
    with pytest.raises(InputError, match=f"expected a training with {named}"):
        check(record, other, begun=True)
    later = ("begins with the model", "dataset.train_subset", "the best checkpoint by")
    record.write_text(json.dumps({key: value for key, value in first.items() if key not in later}))
    check(record, other, begun=True)  # of before it was recorded
