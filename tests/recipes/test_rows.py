"""The rows of the paper: each has its YAML, which differs from that of its neighbours only where it must."""

import re

import pytest
from omegaconf import OmegaConf

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.models.config import SimulSTModelConfig
from mgcm_fairseq.recipes.cluster import Cluster
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.rows import STARTS_FROM, TEXTS, overrides_of, trainings_of

PATHS = ["task.data=/data", "model.w2v_path=/w2v.pt"]
SEGMENTATION = (r"task.eval_lag|criterion.(segment_number|contrastive)_.*|optimization.max_update|"
                r"model.(segment_.*|noise_from|multipath_from|lags|segmentation_variant)")
IMTL = (r"task.(conflict_rule|task_weights|asr_until|transcript_noise)|criterion.(label_smoothing|ctc_weight|"
        r"state_contrast)|optimization.(max_update|lr)|optimizer.(adam_betas|weight_decay|lr)|lr_scheduler.(lr|"
        r"warmup_updates)|model.(w2v_config|freeze_front_end_updates|subsample_kernels|model_dim|ffn_dim|attention_heads|"
        r"norm_first|ctc|local_kernels|shrink)")


def flat(tree, path=()):
    if not isinstance(tree, dict):
        return {".".join(path): tree}
    return {key: value for name, branch in tree.items() for key, value in flat(branch, (*path, name)).items()}


def config(name, *more):
    return flat(OmegaConf.to_container(resolve(name, [*PATHS, *more])))


def differences(one, other):
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


@pytest.mark.parametrize(("override", "full"), [("lags=7,2", '"model.lags=\'7,2\'".'), ("max_update=3",
                                                '"optimization.max_update=3".'), ("seed=3", '"common.seed=3".')])
def test_an_option_without_its_section_is_told_with_it(override, full):
    with pytest.raises(InputError, match=r"found no section") as raised:
        resolve("mgcm_diseg", [override])
    assert str(raised.value).endswith(f"Write {full}")


def test_every_yaml_is_a_row():
    assert {path.stem for path in (CONFIGS / "paper").glob("*.yaml")} == {*STARTS_FROM, *TEXTS, "base"}


def test_what_the_paper_says():
    offline = config("multi_task")
    assert offline["optimization.update_freq"] == [1]
    assert offline["dataset.max_tokens"] == 1_500_000
    assert offline["common.fp16"] is True
    assert offline["checkpoint.best_checkpoint_metric"] == "bleu"
    for name, value in (("model_dim", 768), ("ffn_dim", 2048), ("attention_heads", 8), ("encoder_layers", 6),
                        ("decoder_layers", 6)):
        assert offline[f"model.{name}"] == value == getattr(SimulSTModelConfig(), name)


@pytest.mark.parametrize(("row", "other", "where"), [
    ("single_task", "multi_task", "criterion.tasks"),
    ("mgcm_multi_task", "multi_task", "task.conflict_rule"),
    ("discard_multi_task", "multi_task", "task.conflict_rule"),
    ("pcgrad_multi_task", "multi_task", "task.conflict_(rule|granularity|engine)"),
    ("diseg", "multi_task", SEGMENTATION),
    ("imtl_multi_task", "multi_task", IMTL),
    ("mgcm_imtl_multi_task", "imtl_multi_task", "task.conflict_rule"),
    ("imtl_mt", "mt", IMTL),
    ("gdps_multi_task", "multi_task", "task.private_lr_factor"),
    ("mgcm_gdps_multi_task", "gdps_multi_task", "task.conflict_rule"),
    ("mt", "multi_task", "task.eval_source|criterion.tasks|dataset.(max_tokens|batch_size).*|optimization.(lr|"
     "max_update)|lr_scheduler.(lr|warmup_updates)|optimizer.(lr|weight_decay)"),
    *((f"{rule}_diseg", f"{rule}_multi_task", SEGMENTATION) for rule in ("mgcm", "pcgrad", "discard"))])
def test_a_row_differs_from_its_neighbour_only_there(row, other, where):
    found = differences(config(row), config(other))
    assert found
    assert [key for key in found if not re.fullmatch(where, key)] == []


@pytest.mark.parametrize("row", [row for row, before in STARTS_FROM.items() if before])
def test_a_row_starts_from_one_of_its_own_rule(row):
    assert trainings_of(row, text_first=True) == [TEXTS[0], STARTS_FROM[row], row]
    assert config(row)["task.conflict_rule"] == config(STARTS_FROM[row])["task.conflict_rule"]


@pytest.mark.parametrize("row", ["imtl_multi_task", "mgcm_imtl_multi_task"])
def test_what_imtls_paper_says(row):
    found = config(row)
    for name, value in {"model_dim": 512, "ffn_dim": 1024, "attention_heads": 4, "encoder_layers": 6, "dropout": 0.1,
                        "decoder_layers": 6, "shrink": "ctc", "shrink_from": 3000, "shrink_pool": "first"}.items():
        assert found[f"model.{name}"] == value, name
    for name, value in {"task_weights": "norm", "task_weight_interval": 5000, "task_weight_floor": 0.1,
                        "task_weight_variant": "repaired", "conflict_scope": "all"}.items():
        assert found[f"task.{name}"] == value, name


@pytest.mark.parametrize("row", ["imtl_multi_task", "mgcm_imtl_multi_task"])
def test_the_text_before_imtls_rows_has_their_sizes(row):
    assert trainings_of(row, text_first=True) == ["imtl_mt", row]
    text, after = config("imtl_mt"), config(row)
    assert {key for key in differences(text, after) if key.startswith("model.")} == {
        "model.shrink", "model.freeze_front_end_updates"}


def test_unknown_row():
    with pytest.raises(InputError, match=r"one of single_task, .*, found 'best'"):
        trainings_of("best", text_first=False)


@pytest.mark.parametrize(("override", "message"), [
    ("dataset.no_such=1", "no_such"), ("model.no_such=1", "no_such"), ("optimization.max_update=many", "many"),
    ("task.conflict_rule", "conflict_rule")])
def test_overrides_that_cannot_be_are_refused(override, message):
    with pytest.raises(InputError, match=message):
        resolve("diseg", [*PATHS, override])


def test_an_override_may_be_of_one_training():
    given = ["optimization.max_update=7", "diseg:optimization.max_update=9", "model.w2v_path=a:b"]
    trainings = trainings_of("diseg", text_first=False)
    assert overrides_of("multi_task", given, trainings) == [given[0], given[2]]
    assert overrides_of("diseg", given, trainings) == [given[0], "optimization.max_update=9", given[2]]
    with pytest.raises(InputError, match=r"one of multi_task, diseg, found 'mt:a=1'"):
        overrides_of("diseg", ["mt:a=1"], trainings)


def test_overrides_of_hydras_launcher_are_not_the_trainings():
    resolve("diseg", [*PATHS, "hydra.launcher.partition=gpu", "+hydra.launcher.account=x"])


@pytest.mark.parametrize(("nodes", "gpus", "frequency"), [(1, 1, 8), (1, 2, 4), (2, 4, 1), (1, 8, 1)])
def test_the_batch_stays_the_papers(nodes, gpus, frequency):
    cluster = Cluster(nodes, gpus)
    cfg = resolve("diseg", [*PATHS, *cluster.overrides([])])
    assert cfg.optimization.update_freq == [frequency]
    assert cfg.distributed_training.distributed_world_size * frequency == 8


def test_another_batch_is_the_users_choice():
    with pytest.raises(InputError, match="8 times the paper's"):
        Cluster(8, 8).overrides([])
    cfg = resolve("diseg", [*PATHS, *Cluster(8, 8).overrides(["optimization.update_freq=[1]"])])
    assert cfg.distributed_training.distributed_world_size == 64


def test_a_cpu_trains_in_fp32():
    cfg = resolve("diseg", [*PATHS, *Cluster(1, 2, cpu=True).overrides([])])
    assert (cfg.common.cpu, cfg.common.fp16, cfg.distributed_training.distributed_backend) == (True, False, "gloo")


def test_a_number_that_python_does_not_read_is_an_input_error():
    with pytest.raises(InputError, match="KEY=VALUE"):
        resolve("multi_task", ["common.seed=" + "9" * 5_000])


@pytest.mark.parametrize(("override", "message"), [
    ("dataset=400000", "a section dataset with options"), ("~dataset", "a section dataset with options"),
    ("optimization.update_freq=[]", "update_freq: expected a list of whole numbers"),
    ("optimization.update_freq=[0]", "update_freq: expected a list of whole numbers"),
    ("dataset.max_tokens=null", "max_tokens: expected a number of samples"),
    ("dataset.max_tokens=-1", "max_tokens: expected a number of samples"),
    ("a" * 300 + "=b", "KEY=VALUE")])
def test_an_override_that_leaves_no_training_is_refused(override, message):
    with pytest.raises(InputError, match=message):
        resolve("multi_task", [*PATHS, override])
