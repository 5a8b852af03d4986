"""configs/demo.yaml says what the preset and scripts/demo.sh say, and demo_imtl.yaml what demo.yaml says."""

import re

import yaml

from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.models.config import PRESETS, SimulSTModelConfig
from tests.fixtures import REPOSITORY


def test_presets_name_existing_options():
    assert all(hasattr(SimulSTModelConfig(), key) for preset in PRESETS.values() for key in preset)


def test_the_defaults_are_the_papers():
    assert {name: getattr(SimulSTModelConfig(), name) for name in PRESETS["paper"]} == PRESETS["paper"]


def test_the_demo_has_its_presets_sizes():
    config = yaml.safe_load((CONFIGS / "demo.yaml").read_text())
    assert config["defaults"][0] == {"presets@model": "demo"}
    assert not config["model"].keys() & PRESETS["demo"].keys()


def test_demo_yaml_is_the_demo_script():
    """What the script scales with --updates has for its own number of them the values of the YAML."""
    script = (REPOSITORY / "scripts" / "demo.sh").read_text()
    config = yaml.safe_load((CONFIGS / "demo.yaml").read_text())
    command = script[script.index("hydra_train"):script.index("if [ ! -f")]
    updates = int(re.search(r" updates=(\d+)", script)[1])
    scaled = re.findall(r"(\w+)\.(\w+)=(?:\$\(\(([^=]*updates[^=]*)\)\)|\"\$(updates)\")", command)
    assert len(scaled) == 11
    for section, name, *formula in scaled:
        expected = eval("".join(formula).replace("/", "//"), {"updates": updates})
        assert config[section][name] == expected, name
    assert f"variant={config['model']['segmentation_variant']}" in script


def test_imtls_variant_of_the_demo_differs_in_its_mechanisms_alone():
    """Intervals are the paper's 5,000, 20,000 and 3,000 of 30,000 updates, scaled."""
    demo, found = (yaml.safe_load((CONFIGS / f"{name}.yaml").read_text()) for name in ("demo", "demo_imtl"))
    changed = {f"{section}.{key}": value for section, of_section in found.items() if isinstance(of_section, dict)
               for key, value in of_section.items() if demo[section].get(key) != value}
    assert changed == {
        "task.conflict_scope": "all", "task.task_weights": "norm", "task.task_weight_interval": 2800 * 5 // 30,
        "task.asr_until": 2800 * 20 // 30, "task.transcript_noise": "0.1,0.2", "criterion.state_contrast": 1.0,
        "model.local_kernels": "5,3", "model.shrink": "ctc", "model.shrink_from": 2800 * 3 // 30}
    gone = {key for section in demo if isinstance(demo[section], dict) for key in demo[section].keys() - found[section]}
    assert gone == {"segment_number_from", "contrastive_from", "encoder_history", "longest_segment", "segment_from",
                    "segmentation_variant", "noise_from", "multipath_from", "lags", "differentiable_waiting"}
    assert demo["defaults"] == found["defaults"]
