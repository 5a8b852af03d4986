"""scripts/train.sh for a row of GDPS: from the shared model of the row before, by the plan that was made from it."""

from pathlib import Path

import pytest
import torch

from mgcm_fairseq.commands import sharing_plan
from mgcm_fairseq.commands.train import main
from tests.fixtures import run
from tests.models.test_simul_st import save
from tests.scripts.test_train import SMALL
from tests.several_languages import LANGUAGES


@pytest.fixture(scope="module")
def options(two_languages_twice: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Of every call, with the folder of all trainings as the last one."""
    folder = tmp_path_factory.mktemp("planned")
    return ["--data", str(two_languages_twice), "--w2v", str(save(folder / "w2v.pt", "cfg")), "--cpu", "--gpus", "1",
            "--best", "1", *SMALL, "--out", str(folder / "out")]


@pytest.fixture(scope="module")
def planned(options: list[str]) -> Path:
    """The row that MGCM + GDPS starts from, trained; a plan made from its model, with groups that are given."""
    run("bash", "scripts/train.sh", "mgcm_multi_task", *options)
    out = Path(options[-1])
    made = out / "plan.yaml"
    sharing_plan.main(["--checkpoint", str(out / "mgcm_multi_task.pt"), "--corpus", options[1], "--batches", "8",
                       "--utterances", "1", "--processes", "1", "--groups", ":".join(LANGUAGES), "--out", str(made)])
    return made


def test_a_row_goes_on_from_the_shared_model_with_private_parts(options: list[str], planned: Path) -> None:
    done = run("bash", "scripts/train.sh", "mgcm_gdps_multi_task", *options, "--sharing-plan", str(planned)).stdout
    out = Path(options[-1])
    assert f"{out / 'mgcm_multi_task.pt'} is there: nothing to do." in done
    log = (out / "mgcm_gdps_multi_task.log").read_text()
    assert f"loaded checkpoint {out / 'mgcm_multi_task.pt'}" in log.lower()
    assert "private_lr" in log
    weights = torch.load(out / "mgcm_gdps_multi_task.pt")["model"]
    assert {f"network.encoder.layers.0.private.parts.{group}.fc1.weight" for group in (0, 1)} < weights.keys()


def test_a_plan_of_another_model_stands_in_the_way(options: list[str], planned: Path,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    other = planned.with_name("other.yaml")
    text = planned.read_text()
    digest = text.split("checkpoint: ")[1][:64]
    other.write_text(text.replace(digest, "ab" * 32))
    more = ["--sharing-plan", str(other), "--dry-run"]
    assert main(["mgcm_gdps_multi_task", *options[:-2], "--out", str(copied(options)), *more]) == 2
    assert f"expected the checkpoint that the sharing plan was made from, sha256 {'ab' * 32}" in capsys.readouterr().out


def copied(options: list[str]) -> Path:
    """A folder with the shared model alone, in which no other training was begun."""
    out = Path(options[-1])
    other = out.with_name("other")
    other.mkdir()
    (other / "mgcm_multi_task.pt").write_bytes((out / "mgcm_multi_task.pt").read_bytes())
    (other / "mgcm_multi_task.json").write_bytes((out / "mgcm_multi_task.json").read_bytes())
    return other


@pytest.mark.parametrize(("row", "plan", "message"), [
    ("mgcm_gdps_multi_task", [], "--sharing-plan: expected the plan that was made from"),
    ("gdps_multi_task", [], "multi_task.pt: expected the model that the sharing plan is made from, found no such file. "
     "Train the row multi_task first"),
    ("mgcm_multi_task", ["--sharing-plan", "plan.yaml"], "--sharing-plan: expected a row with grouped layers")])
def test_a_plan_that_lacks_or_is_of_no_use_is_told(options: list[str], planned: Path, row: str, plan: list[str],
                                                   message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([row, *options, *plan]) == 2
    assert message in capsys.readouterr().err
