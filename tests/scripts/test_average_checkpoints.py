"""scripts/average_checkpoints.py on a real training's folder."""

import re
import sys

from tests.fixtures import run, training_command


def test_average_of_the_last_two_translates(tiny_corpus, tmp_path):
    run(*training_command(tiny_corpus, tmp_path, 4, "--save-interval-updates", "2", "--disable-validation"))
    output = tmp_path / "mean.pt"
    said = run(sys.executable, "scripts/average_checkpoints.py", tmp_path, "--last", "2", "--out", output).stdout
    assert re.findall(r"checkpoint_\d+_(\d+)\.pt", said) == ["4", "2"]
    wav = (tiny_corpus / "simuleval" / "dev.source").read_text().split()[0]
    assert run("bash", "scripts/translate.sh", wav, "--checkpoint", output, "--wait-k", "2").returncode == 0


def test_an_empty_folder_is_named(tmp_path):
    failed = run(sys.executable, "scripts/average_checkpoints.py", tmp_path, "--best", "2", "--out", tmp_path / "o",
                 check=False)
    assert failed.returncode != 0
    assert "expected 2 checkpoints" in failed.stderr
