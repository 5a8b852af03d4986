"""What a training takes over from a checkpoint, whatever options changed in between: by name, or refused."""

import copy
import logging
import shutil
from argparse import Namespace
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.compat import resuming
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.training.resume import take_over
from tests.fixtures import made_once
from tests.training.here import train_here, weights

PLAIN = ("--disable-validation", "--conflict-rule", "gradvac")


@pytest.fixture(scope="session")
def begun(tiny_corpus, tmp_path_factory):
    """Two updates with gradvac, which remembers."""
    return made_once(tmp_path_factory, "begun", lambda folder: train_here(tiny_corpus, folder, 2, *PLAIN)) / (
        "checkpoint_last.pt")


@pytest.fixture
def folder(begun, tmp_path):
    """Where that training goes on."""
    shutil.copy(begun, tmp_path)
    return tmp_path


def moments(checkpoint):
    """Adam's second moments and steps, by the names of the parameters."""
    state = torch.load(checkpoint)
    shared = {"network.decoder.embedding.weight", "network.decoder.output.weight", "network.ctc.embedding.weight"}
    order = [name for name, weight in state["model"].items() if weight.is_floating_point() and name not in shared]
    found = state["last_optimizer_state"]["state"]
    assert len(order) == len(state["last_optimizer_state"]["param_groups"][0]["params"])
    return {name: (found[position]["exp_avg_sq"], int(found[position]["step"])) for position, name in enumerate(order)}


@pytest.mark.parametrize("style", ["named", "before names were saved"])
def test_gradvac_goes_on_by_the_names_of_the_tasks(tiny_corpus, folder, style):
    path = folder / "checkpoint_last.pt"
    state = torch.load(path)
    [group, *_] = state["task_state"]["conflict"]["state"]["targets"]
    pairs = torch.tensor([[0.0, 0.1, 0.2], [0.3, 0.0, 0.4], [0.5, 0.6, 0.0]])  # of st, asr and mt
    targets = {name: pairs.clone() for name in state["task_state"]["conflict"]["state"]["targets"]}
    if style == "named":
        state["task_state"]["conflict"]["state"]["targets"] = targets
    else:
        state["task_state"]["conflict"] = targets
    torch.save(state, path)
    saved = torch.load(train_here(tiny_corpus, folder, 3, *PLAIN, "--tasks", "mt,st"))["task_state"]["conflict"]
    assert saved["state"]["tasks"] == ["mt", "st"]
    moved = saved["state"]["targets"][group]
    torch.testing.assert_close(moved, torch.tensor([[0.0, 0.5], [0.2, 0.0]]), atol=0.02, rtol=0, check_dtype=False)


def test_a_segmenter_joins_and_the_optimizers_state_keeps_its_parameters(tiny_corpus, begun, folder):
    before = moments(begun)
    after = moments(train_here(tiny_corpus, folder, 3, *PLAIN, "--segmentation-variant", "repaired"))
    new = after.keys() - before.keys()
    assert new
    assert all(name.startswith("network.encoder.segmenter.") for name in new)
    assert all(after[name][1] == 1 for name in new)
    for name, (square, step) in before.items():
        assert after[name][1] == step + 1 == 3
        assert (after[name][0] >= 0.9989 * square).all(), name  # 0.999 of it, and the new gradient's square


@pytest.mark.parametrize(("options", "message"), [
    (("--attention-heads", "4"), "expected a model with attention_heads 4, found one with attention_heads 2"),
    (("--model-dim", "32"), "expected a model with model_dim 32, found one with model_dim 16"),
    (("--w2v-config", '{"conv_feature_layers": "[(32,10,5)] + [(32,3,2)] * 2 + [(64,3,2)] * 2 + [(64,2,2)] * 2", '
      '"encoder_layers": 1, "encoder_embed_dim": 96, "encoder_ffn_embed_dim": 384, "encoder_attention_heads": 8, '
      '"layer_norm_first": true, "conv_pos": 32, "conv_pos_groups": 4}'),
     "expected a wav2vec 2.0 with encoder_attention_heads 8, found one with encoder_attention_heads 4"),
    (("--front-end-block", "320"), "front_end_block 320, found one with front_end_block 0.*--finetune-from-model"),
    (("--optimizer", "adagrad"), "expected optimizer adagrad in fp32, found optimizer adam in fp32"),
    (("--fp16", "--fp16-no-flatten-grads"), "expected optimizer adam in half precision, found optimizer adam in fp32"),
    (("--lr-scheduler", "inverse_sqrt", "--warmup-updates", "4"), "found --lr-scheduler fixed.*--reset-lr-scheduler"),
    (("--store-ema",), "expected an average of the weights"),
    (("--conflict-granularity", "layer"), "expected module, by whose groups gradvac remembers .* found layer")])
def test_what_would_lose_its_meaning_is_refused(tiny_corpus, folder, options, message):
    before = (folder / "checkpoint_last.pt").read_bytes()
    with pytest.raises(InputError, match=message):
        train_here(tiny_corpus, folder, 3, *PLAIN, *options)
    assert (folder / "checkpoint_last.pt").read_bytes() == before


@pytest.mark.parametrize(("options", "said"), [
    (("--tasks", "st,mt,asr", "--dropout", "0.2", "--update-freq", "2"),
     ["tasks was st,asr,mt, and is st,mt,asr from here on", "dropout was 0.0, and is 0.2 from here on",
      "update_freq was [1], and is [2]"]),
    (("--label-smoothing", "0.3", "--augment-gain=-6,6", "--clip-norm", "1"),
     ["label_smoothing was 0.1, and is 0.3", "augment_gain was unset, and is -6,6", "clip_norm was 5.0, and is 1.0"]),
    (("--conflict-rule", "mgcm", "--conflict-granularity", "layer", "--conflict-scope", "above-front-end"),
     ["conflict_rule was gradvac, and is mgcm", "conflict_granularity was module, and is layer",
      "conflict_scope was all, and is above-front-end", "what gradvac remembered is left out"])])
def test_what_else_changes_is_said(tiny_corpus, folder, options, said, caplog):
    with caplog.at_level(logging.INFO):
        saved = torch.load(train_here(tiny_corpus, folder, 3, *PLAIN, *options))
    assert saved["optimizer_history"][-1]["num_updates"] == 3
    for text in said:
        assert text in caplog.text


def test_the_front_end_is_the_checkpoints(tiny_corpus, folder):
    """Which is wav2vec 2.0 in those from before there was a choice."""
    path = folder / "checkpoint_last.pt"
    saved = torch.load(path)
    assert saved["cfg"]["model"].pop("front_end") == "wav2vec2"
    torch.save(saved, path)
    assert load_system(path, None).network.encoder.front_end.dim == 96
    train_here(tiny_corpus, folder, 3, *PLAIN)
    another = {**saved["cfg"]["model"], "front_end": "another"}
    with pytest.raises(InputError, match="a model with front_end 'another', found one with front_end 'wav2vec2'"):
        take_over({"path": str(path), "cfg": saved["cfg"]}, OmegaConf.create({"model": another}), None, None, True,
                  False)
    saved["cfg"]["model"] = another
    torch.save(saved, path)
    with pytest.raises(InputError, match="a model with front_end 'wav2vec2', found one with front_end 'another'"):
        train_here(tiny_corpus, folder, 4, *PLAIN)
    with pytest.raises(InputError, match="the checkpoint's: expected one of wav2vec2, found 'another'"):
        load_system(path, None)


def test_a_rule_that_remembers_begins_anew_where_there_was_none(tiny_corpus, folder, caplog):
    path = folder / "checkpoint_last.pt"
    torch.save({**torch.load(path), "task_state": {}}, path)
    with caplog.at_level(logging.INFO):
        train_here(tiny_corpus, folder, 3, *PLAIN)
    assert "nothing that gradvac remembers is there" in caplog.text


def test_nothing_is_said_where_nothing_changed(tiny_corpus, folder, caplog):
    with caplog.at_level(logging.INFO):
        train_here(tiny_corpus, folder, 3, *PLAIN)
    assert not [record for record in caplog.records if record.name.startswith("mgcm_fairseq.training")]


def test_a_new_training_from_a_checkpoint_may_change_more(tiny_corpus, begun, tmp_path):
    start = ("--finetune-from-model", str(begun), *PLAIN)
    with pytest.raises(InputError, match="attention_heads 4, found one with attention_heads 2"):
        train_here(tiny_corpus, tmp_path / "refused", 1, *start, "--attention-heads", "4")
    found = torch.load(train_here(tiny_corpus, tmp_path / "new", 1, *start, "--front-end-block", "320",
                                  "--segmentation-variant", "repaired", "--conflict-granularity", "layer"))
    assert found["optimizer_history"][-1]["num_updates"] == 1
    with pytest.raises(InputError, match=r"segmentation_variant 'published', found one with .*'repaired'.*--finetune"):
        train_here(tiny_corpus, tmp_path / "new", 2, *PLAIN, "--front-end-block", "320", "--segmentation-variant",
                   "published")
    with pytest.raises(InputError, match=r"found network\.encoder\.segmenter\.\S+ and 4 more, for which"):
        train_here(tiny_corpus, tmp_path / "new", 2, *PLAIN, "--front-end-block", "320")


@pytest.mark.parametrize(("change", "message"), [
    (lambda state: state.pop("last_optimizer_state"), "none, as in a mean of checkpoints"),
    (lambda state: state["model"].pop("network.decoder.layers.0.ffn.fc1.bias"),
     "found no network.decoder.layers.0.ffn.fc1.bias"),
    (lambda state: state["model"].update(more=torch.zeros(2)), "found more, for which the model has no place"),
    (lambda state: state["model"].update({"network.decoder.layers.0.ffn.fc1.bias": torch.zeros(7)}),
     r"network.decoder.layers.0.ffn.fc1.bias of shape \(7,\) for \(24,\)"),
    (lambda state: state["last_optimizer_state"]["param_groups"][0]["params"].pop(), "which have no names"),
    (lambda state: state.update(cfg={**state["cfg"], "model": Namespace(arch="transformer_iwslt_de_en")},
                                model={"decoder.embed_tokens.weight": torch.zeros(2)}),
     r"decoder\.embed_tokens\.weight"),  # a model that knows no Hydra, as fairseq's translation
    (lambda state: state.clear(), "expected a checkpoint by fairseq, found no model")])
def test_checkpoints_of_something_else_are_refused(tiny_corpus, folder, change, message):
    path = folder / "checkpoint_last.pt"
    state = torch.load(path)
    change(state)
    torch.save(state, path)
    with pytest.raises(InputError, match=message):
        train_here(tiny_corpus, folder, 3, *PLAIN)


@pytest.mark.parametrize(("change", "found"), [
    ({"model": [torch.zeros(1)]}, "a list as its model"), ({"extra_state": None}, "no extra_state"),
    ({"optimizer_history": [3]}, "a int in its optimizer_history"), ({"cfg": 3}, "a int as its cfg"),
    ({"last_optimizer_state": {"param_groups": [3]}}, "one that fails with TypeError: 'int' object")])
def test_contents_that_are_none_of_fairseqs_are_refused_on_every_worker(begun, tmp_path, change, found):
    """What the first worker raises is what it tells the others, who wait for it."""
    torch.save(torch.load(begun) | change, tmp_path / "other.pt")
    trainer = SimpleNamespace(data_parallel_rank=0, data_parallel_world_size=1)
    with pytest.raises(InputError, match=f"other.pt: expected a checkpoint by fairseq, found {found}"):
        resuming._contents(trainer, str(tmp_path / "other.pt"))


def test_a_file_that_is_no_checkpoint_is_refused(tiny_corpus, tmp_path):
    (tmp_path / "checkpoint_last.pt").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match="expected a complete PyTorch checkpoint"):
        train_here(tiny_corpus, tmp_path, 1, *PLAIN)


def test_the_best_score_is_of_the_metric_that_counts_now(tiny_corpus, tmp_path, caplog):
    path = train_here(tiny_corpus, tmp_path, 1)
    first = copy.deepcopy(torch.load(path)["extra_state"])
    assert first["best"] == first["val_loss"] > 5
    by_accuracy = ("--best-checkpoint-metric", "st_acc", "--maximize-best-checkpoint-metric")
    with caplog.at_level(logging.INFO):
        second = torch.load(train_here(tiny_corpus, tmp_path, 2, *by_accuracy))["extra_state"]
    assert second["best"] == second["val_loss"] < 5
    assert "was the lowest loss on dev, and is the highest st_acc on dev from here on" in caplog.text
    plateau = ("--lr-scheduler", "reduce_lr_on_plateau", "--reset-lr-scheduler")
    train_here(tiny_corpus, tmp_path, 3, *plateau)
    with pytest.raises(InputError, match="by the highest st_acc on dev, found one by the lowest loss on dev"):
        train_here(tiny_corpus, tmp_path, 4, *plateau[:2], *by_accuracy)


@pytest.mark.parametrize(("options", "told"), [
    (("--valid-subset", "tst-COMMON"), True), ((), False),
    (("--valid-subset", "tst-COMMON", "--best-checkpoint-metric", "st_nll"), False)])
def test_best_checkpoints_of_another_split_are_told(tiny_corpus, tmp_path, options, told, caplog):
    kept = ("--keep-best-checkpoints", "2")
    train_here(tiny_corpus, tmp_path, 1, *kept)
    with caplog.at_level(logging.INFO):
        train_here(tiny_corpus, tmp_path, 2, *kept, *options)
    assert ("checkpoint.best_loss_*.pt of before count among the best from here on" in caplog.text) == told


def test_weights_go_on_bit_for_bit(tiny_corpus, begun, folder):
    after = weights(train_here(tiny_corpus, folder, 3, *PLAIN, "--lr", "0"))
    before = weights(begun)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert OmegaConf.create(torch.load(begun)["cfg"]).task.conflict_rule == "gradvac"
