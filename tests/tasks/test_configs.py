"""configs/demo.yaml says what the preset and scripts/demo.sh say."""

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
