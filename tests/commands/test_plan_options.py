"""The options of a study's sharing plans are checked before anything is trained."""

import json
from pathlib import Path

import pytest
import yaml

from mgcm_fairseq.commands._plan_options import check_plan_options
from mgcm_fairseq.commands.study import main
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.studies.plans import Plans
from mgcm_fairseq.studies.study import PLANS
from mgcm_fairseq.studies.study_file import read_study
from mgcm_fairseq.studies.trial import Trial


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    CorpusConfig("qab,qaa", "de", 16_000, "v.txt", "v.model").write(folder)
    (folder / "dialects.json").write_text(json.dumps({"groups": {"family1": ["qab"], "family2": ["qaa"]}}))
    return folder


def written(tmp_path: Path, *options: str) -> Path:
    """sharing.yaml with these options of its plans."""
    path = tmp_path / "mine.yaml"
    found = yaml.safe_load((CONFIGS / "studies" / "sharing.yaml").read_text())
    path.write_text(yaml.safe_dump({**found, "plan": list(options)}))
    return path


def check(path: Path, corpus: Path, *wanted: str) -> None:
    start = Trial(read_study(path, "small"), "start", 1, corpus, corpus.parent / "out", "cpu")
    check_plan_options(path, Plans(start, frozenset(wanted)))


@pytest.mark.parametrize(("options", "message"), [
    (["--bacthes 64"], "'--bacthes 64': unrecognized arguments: --bacthes 64"),
    (["--sketch", "--batches"], "'--sketch --batches': argument --batches: expected one argument"),
    (["--batches 6x"], "expected a whole number from 1 on, found '6x'"), (["64"], "unrecognized arguments: 64"),
    (["--batches 7"], "--batches: expected 8 or more, for 4 in either half, found 7"),
    (["--help"], "unrecognized arguments: --help"), (["--s 5"], "ambiguous option: --s could match"),
    (["--seed 5"], "'--seed 5': --seed 5 in place of 1"), (["--out plan.yaml"], "--out plan.yaml in place of"),
    (["--groups qaa:qab"], "--groups qaa:qab in place of qab:qaa"),
    (["--like plan.yaml"], "--like: expected --groups, of which it is an option"),
    (["--sharing-variant published"], "--sharing-variant: expected repaired where --groups are given")])
def test_wrong_options_are_told_with_file_key_and_value(tmp_path: Path, corpus: Path, options: list[str],
                                                        message: str) -> None:
    path = written(tmp_path, *options)
    with pytest.raises(InputError) as raised:
        check(path, corpus, *PLANS)
    told = str(raised.value)
    assert told.startswith(f"{path}: expected under the key plan options of scripts/sharing_plan.py that the study")
    assert message in told
    assert told.endswith("Correct the file; scripts/sharing_plan.py --help lists them.")


def test_options_that_the_commands_take_are_taken(tmp_path: Path, corpus: Path) -> None:
    check(written(tmp_path, "--batches 8 --utterances 1", "--sketch"), corpus, *PLANS)
    check(written(tmp_path, "--sharing-variant published"), corpus, "found", "reference")


def test_a_study_with_a_typo_trains_nothing(tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    command = [str(written(tmp_path, "--bacthes 64")), "--corpus", str(corpus), "--out", str(out)]
    assert main(command) == 2
    assert "found '--bacthes 64': unrecognized arguments" in capsys.readouterr().err
    assert not (out / "small").exists()


def test_a_corpus_of_one_language_has_nothing_to_plan(tmp_path: Path, corpus: Path) -> None:
    CorpusConfig("en", "de", 16_000, "v.txt", "v.model").write(corpus)
    with pytest.raises(InputError, match="corpus: expected a corpus of several source languages, found en alone"):
        check(written(tmp_path), corpus, "found")
