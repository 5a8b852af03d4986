"""configs/demo.yaml says what the preset and the demo's command line say."""

import json
import re

import yaml

from mgcm_fairseq.models.config import PRESETS, SimulSTModelConfig
from tests.fixtures import REPOSITORY

SEGMENTATION = {"front_end_block", "segmentation_variant", "segment_from", "noise_from", "multipath_from", "lags",
                "differentiable_waiting"}


def read(name):
    return yaml.safe_load((REPOSITORY / "configs" / f"{name}.yaml").read_text())


def comparable(model):
    model = {key: value for key, value in model.items() if key not in ("_name", "w2v_path")}
    return {**model, **({"w2v_config": json.loads(model["w2v_config"])} if "w2v_config" in model else {})}


def test_model_section_of_the_demo_is_the_preset():
    model = {key: value for key, value in read("demo")["model"].items() if key not in SEGMENTATION}
    assert comparable(model) == comparable(PRESETS["demo"])


def test_presets_name_existing_options():
    assert all(hasattr(SimulSTModelConfig(), key) for preset in PRESETS.values() for key in preset)


def test_demo_yaml_is_the_demo_script():
    script = (REPOSITORY / "scripts" / "demo.sh").read_text()
    command = script[script.index("fairseq-train"):script.index("if [ ! -f")]
    mgcm = re.search(r"mgcm\).*\n *objective=\((.*)\)", script)[1]
    options = dict(re.findall(r"--([a-z-]+) (?!--)('[^']*'|\$\(\(.*?\)\)|\S+)", f"{mgcm} {command}"))
    config = read("demo")
    for section, names in {"dataset": ["max_tokens", "num_workers", "curriculum"], "criterion": ["tasks", "ctc_weight"],
                           "optimization": ["clip_norm"], "optimizer": ["adam_betas"],
                           "checkpoint": ["keep_interval_updates"], "common": ["log_interval"], "model": ["lags"],
                           "task": ["conflict_rule", "conflict_scope", "conflict_reduce"]}.items():
        for name in names:
            given = options[name.replace("_", "-")].strip("'")
            assert str(config[section][name]).replace(" ", "").removesuffix(".0") == given, name
    assert float(options["lr"]) == config["optimization"]["lr"][0]
    updates = int(re.search(r" updates=(\d+)", script)[1])
    assert config["optimization"]["max_update"] == config["lr_scheduler"]["total_num_update"] == updates
    assert config["lr_scheduler"]["_name"] == options["lr-scheduler"]
    assert config["lr_scheduler"]["warmup_updates"] == updates // 15
    assert config["checkpoint"]["save_interval_updates"] == (updates + 19) // 20
    assert config["dataset"]["validate_after_updates"] == updates * 4 // 5
    for section, name in (("model", "segment_from"), ("model", "noise_from"), ("model", "multipath_from"),
                          ("criterion", "segment_number_from"), ("criterion", "contrastive_from")):
        times, _, by = re.fullmatch(r"\$\(\(updates( \* (\d+))? / (\d+)\)\)", options[name.replace("_", "-")]).groups()
        assert config[section][name] == updates * int((times or "* 1").split()[-1]) // int(by), name
    assert ("waiting=(--differentiable-waiting)" in script) == config["model"]["differentiable_waiting"]
    assert f"variant={config['model']['segmentation_variant']}" in script
    assert f"block_ms={config['model']['front_end_block']}" in script
    assert config["dataset"]["validate_interval"] == updates
