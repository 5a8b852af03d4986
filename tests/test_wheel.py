"""The wheel by itself, in an empty folder, with no way to the clone: from a spoken corpus to a translation."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures import BIN, ENVIRONMENT, REPOSITORY
from tests.models.test_simul_st import save

SOURCES = ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "constraints.txt", "configs",
           "mgcm_fairseq")
RUN_IN_TURN = """
import json, sys
from importlib.metadata import distribution
import mgcm_fairseq
commands = {point.name: point for point in distribution("mgcm-fairseq").entry_points}
for line in json.loads(sys.stdin.read()):
    sys.argv = line
    status = commands[line[0]].load()()
    if status:
        sys.exit(f"{line} ended with {status}")
print(mgcm_fairseq.__file__)
"""  # one process for several entry points, since each new one imports torch anew
MODEL = ["--task", "simul_st", "--arch", "simul_st_demo", "--criterion", "multitask_cross_entropy"]
SMALL = ["++model.model_dim=16", "++model.ffn_dim=24", "++model.attention_heads=2", "++model.encoder_layers=1",
         "++model.decoder_layers=1"]


def pip(*arguments):
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)],
                   check=True, env={**ENVIRONMENT, "PYTHONPATH": ""})


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder that the wheel is installed in; the wheel is made of a copy, since a build writes beside setup.py."""
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "clone").mkdir()
    for name in SOURCES:
        source, target = REPOSITORY / name, folder / "clone" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))  # which others write
        else:
            shutil.copy(source, target)
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, folder / "clone")
    shutil.rmtree(folder / "clone")
    [wheel] = folder.glob("*.whl")
    pip("install", "--no-deps", "--no-index", "--target", folder / "site", wheel)
    return folder / "site"


@pytest.fixture
def outside(site, tmp_path):
    """Runs a program in an empty folder where nothing but the wheel is found."""
    def start(program, *arguments, stdin=""):
        found = subprocess.run([program, *map(str, arguments)], cwd=tmp_path, text=True, capture_output=True,
                               input=stdin, env={**ENVIRONMENT, "PYTHONPATH": str(site), "PWD": str(tmp_path)})
        assert found.returncode == 0, f"{program} {arguments}\n{found.stdout[-3000:]}\n{found.stderr[-3000:]}"
        return found.stdout
    return start


def in_turn(outside, site, *lines):
    """Calls entry points one after the other; returns what they printed."""
    said = outside(sys.executable, "-W", "ignore", "-c", RUN_IN_TURN,
                   stdin=json.dumps([[str(part) for part in line] for line in lines]))
    assert Path(said.splitlines()[-1]).is_relative_to(site)
    return said


def yamls(folder):
    return {path.relative_to(folder): path.read_text() for path in folder.rglob("*.yaml")}


def test_what_it_holds(site):
    package = site / "mgcm_fairseq"
    for there, here in (("configs", "configs"), ("models/presets", "mgcm_fairseq/models/presets")):
        found, ours = yamls(package / there), yamls(REPOSITORY / here)
        assert found == ours
        assert ours
    assert (package / "py.typed").is_file()
    pages = [{path.name for path in (folder / "live" / "page").iterdir()}
             for folder in (package, REPOSITORY / "mgcm_fairseq")]
    assert pages[0] == pages[1]
    assert "index.html" in pages[0]
    modules = {path.stem for path in (REPOSITORY / "mgcm_fairseq" / "commands").glob("[!_]*.py")}
    assert {path.name for path in (site / "bin").iterdir()} == {f"mgcm-{name.replace('_', '-')}" for name in modules}


def test_from_a_corpus_to_a_translation(site, outside, tmp_path):
    user_dir = outside(site / "bin" / "mgcm-user-dir").strip()
    assert user_dir == str(site / "mgcm_fairseq")
    configs = outside(site / "bin" / "mgcm-user-dir", "--configs").strip()
    in_turn(outside, site,
            ["mgcm-spoken-corpus", "--out", "spoken", "--train", "16", "--dev", "2", "--test", "2", "--processes", "1"],
            ["mgcm-prepare", "--root", "spoken", "--lang", "de", "--vocab-size", "120", "--processes", "1"])
    outside(BIN / "fairseq-train", "spoken/en-de", "--user-dir", user_dir, *MODEL, "--cpu", "--max-tokens", "64000",
            "--conflict-rule", "mgcm", "--optimizer", "adam", "--lr", "1e-3", "--max-update", "10",
            "--num-workers", "0", "--disable-validation", "--save-dir", "runs")
    outside(BIN / "fairseq-hydra-train", "--config-dir", configs, "--config-name", "demo",
            f"common.user_dir={user_dir}", f"hydra.searchpath=[file://{user_dir}/models]",
            f"task.data={tmp_path}/spoken/en-de", "optimization.max_update=1",
            "dataset.disable_validation=true", "checkpoint.save_dir=by_hydra")
    assert (tmp_path / "by_hydra" / "checkpoint_last.pt").is_file()
    wav = next((tmp_path / "spoken" / "en-de").rglob("*.wav"))
    said = in_turn(outside, site,
                   ["mgcm-evaluate", "--checkpoint", "runs/checkpoint_last.pt", "--corpus", "spoken/en-de",
                    "--run", "wait-k:3", "--out", "scores", "--processes", "1"],
                   ["mgcm-translate", "--checkpoint", "runs/checkpoint_last.pt", "--run", "wait-k:3", wav],
                   ["mgcm-train", "mgcm_diseg", "--data", "spoken/en-de", "--w2v", save(tmp_path / "w2v.pt", "cfg"),
                    "--out", "rows", "--cpu", "--gpus", "1", "--dry-run", *SMALL])
    assert "wait-k" in (tmp_path / "scores" / "table.md").read_text()
    assert "Dry run: nothing was started or written." in said
