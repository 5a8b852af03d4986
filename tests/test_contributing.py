"""The examples of CONTRIBUTING.md, put into a copy of the package as the page says, do what it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch
import yaml

from mgcm_fairseq.recipes.configuration import resolve
from tests.fixtures import BIN, ENVIRONMENT, REPOSITORY, made_once

PAGE = REPOSITORY / "CONTRIBUTING.md"
REGISTRIES = {  # a line of the page -> the file and the line that it stands behind
    '    "halve":': ("mgcm_fairseq/core/conflict/rules/__init__.py", "RULES = {"),
    '    "share": Policy(': ("mgcm_fairseq/agents/registry.py", "POLICIES: dict[str, Policy] = {"),
    '    "share": (': ("tests/agents/policies.py", "SOON = {  # policy: agent and options that let it write early"),
    "from mgcm_fairseq.agents.share": ("tests/agents/policies.py",
                                       "from mgcm_fairseq.agents.offline import OfflineAgent"),
    '    "share": "--share 0"': (
        "tests/agents/policies.py",
        "NEVER = {  # policy: options that let it write nothing before the end"),
    '    "pairs":': ("mgcm_fairseq/preparation/corpora/__init__.py", "CORPORA = {"),
    '    "fbank": FrontEndKind(': ("mgcm_fairseq/modules/front_ends.py", "FRONT_ENDS = {"),
    '    "fbank": {': ("tests/modules/test_front_ends.py", "ROWS = {  # the model's options beside the demo's"),
}


def extend(copy: Path) -> None:
    """Writes the page's files, and its lines into the registries."""
    examples = re.findall(r"^```(python|yaml)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = []
    for language, example in examples:
        if named := re.match(r"# (\S+\.(py|yaml))\n", example):
            (copy / named[1]).parent.mkdir(exist_ok=True)
            (copy / named[1]).write_text(example[named.end():], encoding="utf-8")
        elif language == "python":
            lines.append(example)
    assert len(lines) == len(REGISTRIES)
    for line in lines:
        [(file, behind)] = [registry for beginning, registry in REGISTRIES.items() if line.startswith(beginning)]
        text = (copy / file).read_text(encoding="utf-8")
        assert text.count(f"{behind}\n") == 1
        (copy / file).write_text(text.replace(f"{behind}\n", f"{behind}\n{line}"), encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        for name in ("mgcm_fairseq", "configs", "tests"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        extend(folder)

    return made_once(tmp_path_factory, "contributing", make)


@pytest.fixture
def inside(copy: Path):
    """Runs a program on the copy."""
    def run(*command: str | Path) -> str:
        done = subprocess.run(list(map(str, command)), cwd=copy, text=True, capture_output=True,
                              env={**ENVIRONMENT, "PYTHONPATH": str(copy), "PWD": str(copy)},
                              stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    return run


def test_a_rule_trains(inside, tiny_corpus, tmp_path):
    assert "1 passed" in inside(sys.executable, "-m", "pytest", "-q", "-p", "no:flake8", "-p", "no:cacheprovider",
                                "--noconftest", "-c", "/dev/null", "tests/core/conflict/test_halve.py")
    said = inside(BIN / "fairseq-train", tiny_corpus, "--user-dir", "mgcm_fairseq", "--task", "simul_st", "--arch",
                  "simul_st_demo", "--criterion", "multitask_cross_entropy", "--conflict-rule", "halve", "--cpu",
                  "--max-tokens", "64000", "--num-workers", "0", "--optimizer", "adam", "--lr", "1e-3",
                  "--max-update", "2", "--log-interval", "1", "--conflict-log-interval", "1", "--log-format", "json",
                  "--disable-validation", "--save-dir", tmp_path)
    assert '"asr_conflict"' in said


def test_a_policy_translates_and_is_tested_as_all_are(copy, inside, tiny_corpus, tiny_checkpoint):
    wav = min((tiny_corpus / "data" / "tst-COMMON" / "wav").glob("*.wav"))
    assert " s  " in inside(sys.executable, "-W", "ignore", "-m", "mgcm_fairseq.commands.translate", wav,
                            "--checkpoint", tiny_checkpoint, "--run", "share:0.5")
    assert "1 passed" in inside(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", REPOSITORY / "pyproject.toml",
        "--rootdir", copy, "tests/agents/test_every_agent.py::test_every_policy_of_the_registry_is_here")


def test_a_corpus_is_prepared(inside, tiny_corpus, tmp_path):
    wav = min((tiny_corpus / "data" / "tst-COMMON" / "wav").glob("*.wav"))
    samples, rate = soundfile.read(wav, dtype="int16")
    soundfile.write(tmp_path / "a.wav", samples[:rate], rate, subtype="PCM_16")
    texts = [(f"Sentence number {one} has words.", f"Satz Nummer {one} hat Wörter.") for one in range(9)]
    for split in ("train", "dev", "test"):
        for index in range(len(texts)):
            shutil.copy(tmp_path / "a.wav", tmp_path / f"{split}{index}.wav")
        (tmp_path / f"{split}.txt").write_text("".join(
            f"{split}{index}.wav|{source}|{target}\n" for index, (source, target) in enumerate(texts)))
    said = inside(sys.executable, "-m", "mgcm_fairseq.commands.prepare", "--corpus", "pairs", "--root", tmp_path,
                  "--lang", "de", "--vocab-size", "60", "--processes", "1")
    assert "train" in said
    assert "1 passed" in inside(sys.executable, "-m", "pytest", "-q", "-p", "no:flake8", "-p", "no:cacheprovider",
                                "--noconftest", "-c", "/dev/null", "tests/preparation/corpora/test_pairs.py")
    assert len((tmp_path / "en-de" / "train.tsv").read_text().splitlines()) == 10


def test_a_recipes_lag_range_is_changed_for_a_run():
    assert resolve("mgcm_diseg", ["task.data=/d", "model.w2v_path=/w.pt", "model.lags='3,9'"]).model.lags == "3,9"


RESOLVED = """
from mgcm_fairseq.recipes.configuration import resolve
print(resolve("mgcm_diseg", ["task.data=/d", "model.w2v_path=/w.pt"]).model.lags)
"""


def test_a_recipes_lag_range_is_changed_for_good(copy, inside):
    [section] = re.findall(r"^```yaml\n(model:.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    recipe = copy / "configs" / "paper" / "mgcm_diseg.yaml"
    begun = re.sub(r"(?m)^model:.*\n(?:[ \t].*\n|\n)*", "", f"{recipe.read_text()}\n")  # without a reader's own section
    recipe.write_text(begun)
    inherited = yaml.safe_load((recipe.parent / "diseg.yaml").read_text())["model"]["lags"]
    assert inside(sys.executable, "-W", "ignore", "-c", RESOLVED).splitlines()[-1] == inherited
    recipe.write_text(f"{begun}\n{section}")
    assert inside(sys.executable, "-W", "ignore", "-c", RESOLVED).splitlines()[-1] == "3,9"


SMALL = ("common.fp16=false", "common.cpu=true", "distributed_training.distributed_world_size=1",
         "dataset.max_tokens=64000", "dataset.num_workers=0", "dataset.disable_validation=true",
         "optimization.max_update=2", "++model.model_dim=16", "++model.ffn_dim=16", "++model.attention_heads=2",
         "++model.encoder_layers=1", "++model.decoder_layers=1", "task.conflict_rule=mgcm")
USED = """
import sys, pytest
from fairseq_cli import hydra_train
import mgcm_fairseq.tasks  # as --user-dir does
from mgcm_fairseq.commands import translate
*sys.argv, wav, checkpoint = sys.argv
hydra_train.cli_main()
translate.main([wav, "--checkpoint", checkpoint, "--run", "wait-k:3"])
sys.exit(pytest.main(["-q", "-p", "no:flake8", "-p", "no:cacheprovider", "--noconftest", "-c", "/dev/null",
                      "tests/modules/test_front_ends.py", "-k", "fbank or registry"]))
"""


def test_a_front_end_trains_translates_and_is_tested_as_all_are(inside, tiny_corpus, tmp_path):
    wav, checkpoint = min((tiny_corpus / "data" / "tst-COMMON" / "wav").glob("*.wav")), tmp_path / "checkpoint_last.pt"
    said = inside(sys.executable, "-W", "ignore", "-c", USED, "--config-dir", "configs", "--config-name",
                  "fbank/multi_task", f"task.data={tiny_corpus}", f"checkpoint.save_dir={tmp_path}", *SMALL, wav,
                  checkpoint)
    assert " s  " in said
    assert "7 passed" in said
    assert [name for name in torch.load(checkpoint)["model"] if "front_end" in name] == [
        "network.encoder.front_end.norm.weight", "network.encoder.front_end.norm.bias"]
