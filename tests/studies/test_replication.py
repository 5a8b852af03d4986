"""The replication's tables and figures: of numbers that are known, of the page, and where a number comes from."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from mgcm_fairseq.analysis.conflict_log import read_conflict_log
from mgcm_fairseq.commands.replication import main
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.studies.replication.conflicts import summary
from mgcm_fairseq.studies.replication.figures import FIGURES, over_training
from mgcm_fairseq.studies.replication.gather import as_lines, gather, systems_to_train, tuned
from mgcm_fairseq.studies.replication.origin import origin
from mgcm_fairseq.studies.replication.page import all_tables, filled
from mgcm_fairseq.studies.replication.tables import TABLES, latency
from mgcm_fairseq.studies.study_file import read_study
from mgcm_fairseq.training.masking import MASKING
from tests.fixtures import REPOSITORY

STUDY = read_study(CONFIGS / "studies" / "replication.yaml", "small")
RUNS = ("offline-1", "offline-5", "wait-k-3")
LAYERS = ("encoder.layers.0", "decoder.layers.0")
GROUPS = [{"name": f"{layer}.{component}", "layer": layer, "component": component}
          for layer in LAYERS for component in ("attention", "ffn")]
HEADER = {"format": 2, "tasks": ["st", "asr", "mt"], "rule": "sum", "granularity": "module", "bins": 4,
          "components": ["attention", "ffn", "norm"], "parts": [], "masking": list(MASKING), "groups": GROUPS}


def conflict_log(path: Path) -> Path:
    """Two records of ten passes: ASR opposes ST in four of ten in attention, of eight of which it loses a fifth."""
    record = {"passes": 10, "weights": [1, 1, 1],
              "quantities": [[[10, 4, 1.0, 2.0], [10, 0, 5.0, 0]], [[10, 0, 1.0, 0], [0, 0, 0, 0]]] * 2,
              "histogram": [[[4, 4, 8, 4], [0, 0, 20, 0]], [[0, 10, 10, 0], [0] * 4], [[0] * 4] * 2],
              "noise": [-0.1, 0.2, None, 0.4], "masking": [[10, 2, 1.5, 32, 8], [0, 0, 0, 0, 0]]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(one)}\n" for one in (
        HEADER, *({"update": update, **record} for update in (25, 50)))))
    return path


def coarse(figure: Figure, folder: Path, name: str) -> None:
    """A figure of few points, which take little time."""
    figure.set_layout_engine("none")
    figure.savefig(folder / f"{name}.png", dpi=10)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder as scripts/study.sh leaves it: two seeds of the baseline and MGCM, one of both constant weights."""
    figures = {run: {"BLEU": 20.0, "AL": 900.0} for run in RUNS}
    trials, folder = [], tmp_path / "small"
    for system, seed in [("multi_task", 1), ("multi_task", 2), ("mgcm", 1), ("mgcm", 2), ("constant_low", 1),
                         ("constant_mt", 1)]:
        bits = {"constant_low": 1.2, "constant_mt": 1.1}.get(system, 1.3)
        trials.append({"system": system, "seed": seed, "figures": figures, "dev": [[350, 9.0, 2.0], [700, 12.0, bits]],
                       "cpu_seconds": 150.0})
        if system in ("multi_task", "mgcm"):
            conflict_log(folder / f"{system}-seed{seed}" / "conflicts.jsonl")
        (folder / f"{system}-seed{seed}").mkdir(exist_ok=True)
        (folder / f"{system}-seed{seed}" / "trial.json").write_text(
            '{"corpus": "/home/corpus-small/en-de", "device": "cuda"}')
        (folder / f"{system}-seed{seed}" / "attempts.jsonl").write_text('{"began": 1}\n{"seconds": 60.0}\n')
    effect = {"by_seed": [1.0, 2.0], "difference": 1.5, "low": -0.5, "high": 3.0, "p": 0.11}
    systems = {name: {"updates": 700, "mean": {run: {"BLEU": [20.0, 1.0], "AL": [900.0, 5.0]} for run in RUNS},
                      "effects": {} if name == "multi_task" else dict.fromkeys(RUNS, effect), "bits": [1.3, 0.1],
                      "bits_by_seed": [-0.1, -0.2], "cpu_seconds": 150.0,
                      "updates_to_baseline": {"reached": 1, "of": 2, "mean": 600.0}}
               for name in ("multi_task", "mgcm", "constant_low", "constant_mt")}
    (folder / "study.json").write_text(json.dumps({
        "study": "replication", "title": "Does it?", "size": "small", "updates": 700, "baseline": "multi_task",
        "seeds": [1, 2], "missing": ["pcgrad-seed1", "constant_low-seed2", "constant_mt-seed2"],
        "environment": {"torch": "2"}, "trials": trials, "systems": systems}))
    return folder


def test_a_log_becomes_rates_noise_masking_and_what_was_removed(tmp_path: Path) -> None:
    found = summary(read_conflict_log(conflict_log(tmp_path / "log"))[0])
    assert found["components"]["attention"] == {"asr": 0.4, "mt": 0.0, "noise": 1.0}
    assert found["components"]["ffn"] == {"asr": 0.0, "mt": None, "noise": 0.0}
    assert found["everywhere"] == {"asr": 0.2, "mt": 0.0, "noise": 0.3333}
    assert found["over_training"]["removed"] == {"asr": [0.1, 0.1], "mt": [0.0, 0.0]}
    assert found["over_training"]["noise"] == [0.3333, 0.3333]
    assert found["masking"] == {"asr": {"whole": 0.2, "cosine": 0.15, "hidden": 0.25},
                                "mt": {"whole": None, "cosine": None, "hidden": None}}
    assert found["cosines"]["attention"]["asr"] == [0.2, 0.2, 0.4, 0.2]
    assert found["layers"]["encoder.layers.0"]["attention"]["asr"] == 0.4


def test_the_better_constant_weights_on_dev_are_trained_with_the_other_seeds(study: Path) -> None:
    found = json.loads((study / "study.json").read_text())
    assert tuned(found) == "constant_mt"
    assert {"mgcm", "constant_mt"} < set(systems_to_train(found, STUDY))
    assert "constant_low" not in systems_to_train(found, STUDY)
    gathered = gather(study, STUDY, [])
    assert gathered["missing"] == ["pcgrad-seed1", "constant_mt-seed2"], "the worse weights need no other seed"
    found["trials"] = [one for one in found["trials"] if one["system"] != "constant_low"]
    with pytest.raises(InputError, match="seed 1"):
        systems_to_train(found, STUDY)


def test_every_table_and_figure_is_made_of_the_file_alone(study: Path, tmp_path: Path,
                                                          capsys: pytest.CaptureFixture[str],
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mgcm_fairseq.studies.replication.figures.save", coarse)
    gathered = tmp_path / "gathered.json"
    gathered.write_text(as_lines(gather(study, STUDY, [])))
    assert str(tmp_path) not in gathered.read_text(), "no path of this machine"
    assert main(["--numbers", str(gathered), "--out", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "tables.md").read_text()
    assert capsys.readouterr().out == text == all_tables(gather(study, STUDY, []))
    assert (tmp_path / "out" / "replication.json").read_text() == gathered.read_text()
    assert {f"{name}.png" for name in FIGURES} < {path.name for path in (tmp_path / "out").iterdir()}
    assert "| MGCM " in text
    assert "22.95" in text
    assert "+1.5 (-0.5 to +3.0), p 0.110" in text


def test_a_curve_has_the_updates_of_which_every_training_has_a_record(study: Path) -> None:
    path = study / "mgcm-seed1" / "conflicts.jsonl"
    header, *records = path.read_text().splitlines()
    path.write_text("\n".join([header, *(one.replace('"update": 25', '"update": 31') for one in records)]))
    (study / "multi_task-seed1" / "conflicts.jsonl").write_text("\n".join([header, records[1]]))
    above, below = over_training(gather(study, STUDY, [])).axes[::2]
    assert {tuple(line.get_xdata()) for line in above.lines} == {(50,)}
    assert [list(line.get_xdata()) for line in below.lines] == [[50]]


def test_costs_beside_a_file_that_has_them_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--numbers", str(tmp_path / "replication.json"), "--cost", str(tmp_path / "cost.json"),
                 "--trial", "mgcm-seed1"]) == 2
    assert "expected --study" in capsys.readouterr().err


def test_a_command_that_would_write_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "replication.json").write_text("{}")
    assert main(["--numbers", str(tmp_path / "replication.json")]) == 2
    assert "--trial, --page and --out: expected one of them at least, found none" in capsys.readouterr().err


def test_a_page_gets_the_tables_it_asks_for(study: Path) -> None:
    found = gather(study, STUDY, [])
    page = filled("Before.\n\n<!-- table: masking -->\nold\n<!-- end -->\n\nAfter.\n", found, Path("page"))
    assert page.startswith("Before.\n\n<!-- table: masking -->\n\n| system")
    assert page.endswith("|\n\n<!-- end -->\n\nAfter.\n")
    assert "old" not in page
    assert filled(page, found, Path("page")) == page
    assert "| MGCM   |  asr |             – | 10.0 ± 0.0 % |" in "\n".join(TABLES["removed"](found))
    assert "ffn |    0.0 ± 0.0 % |             – |       0.0 ± 0.0 % |" in "\n".join(TABLES["conflict_rates"](found))
    with pytest.raises(InputError, match="a table of table_1"):
        filled("<!-- table: table_9 -->\n<!-- end -->", found, Path("page"))


def test_where_a_number_comes_from(study: Path) -> None:
    told = origin(gather(study, STUDY, []), "mgcm-seed2")
    assert "log RUNS/small/mgcm-seed2/train.log" in told
    assert "common.seed=2" in told
    assert "task.conflict_rule=mgcm" in told
    assert "checkpoint.finetune_from_model=RUNS/small/start-seed2/model.pt" in told
    assert "offline-5: BLEU 20.0" in told
    assert told.count("common.cpu=false distributed_training.distributed_world_size=1") == 2, "of the start, too"
    assert "--device cuda" in told
    with pytest.raises(InputError, match="mgcm-seed1"):
        origin(gather(study, STUDY, []), "mgcm-seed9")


def test_where_a_number_of_spoken_captions_comes_from(study: Path) -> None:
    corpus = re.search(r'corpus="\$out/(\S*)" runs', (REPOSITORY / "scripts" / "replicate.sh").read_text())
    assert corpus is not None
    name = corpus[1].replace("$size", "full").replace("${captions:+-captions}", "-captions")
    assert "--captions" not in origin(gather(study, STUDY, []), "mgcm-seed2")
    for trial in study.glob("*-seed*/trial.json"):
        trial.write_text(json.dumps({"corpus": f"/home/{name}/en-de", "device": "cpu"}))
    gathered = gather(study, STUDY, [])
    assert "bash scripts/replicate.sh --size small --captions CAPTIONS\n" in origin(gathered, "mgcm-seed2")
    assert "/home" not in as_lines(gathered), "no path of this machine"
    (study / "multi_task-seed1" / "trial.json").unlink()
    with pytest.raises(InputError, match=r"trial.json: expected what a trial is of, found FileNotFoundError"):
        gather(study, STUDY, [])


def test_numbers_take_a_line_for_each_training(study: Path) -> None:
    found = gather(study, STUDY, [])
    text = as_lines(found)
    assert json.loads(text) == found
    assert [line for line in text.splitlines() if '"system": "mgcm", "seed": 2' in line]


def test_a_systems_own_share_of_the_updates() -> None:
    assert STUDY.updates_of("multi_task_same_time") == 980
    options = STUDY.of_training("multi_task_same_time", 1)
    assert "optimization.max_update=980" in options
    assert "lr_scheduler.total_num_update=980" in options
    assert not [option for option in options if option.startswith("updates=")]


def test_the_page_has_the_numbers_of_the_file() -> None:
    text = (REPOSITORY / "docs" / "replication.md").read_text()
    file = REPOSITORY / "docs" / "figures" / "replication_small.json"
    assert filled(text, json.loads(file.read_text()), Path("page")) == text
    assert file.stat().st_size < 300_000


def test_the_page_asks_for_every_table() -> None:
    text = (REPOSITORY / "docs" / "replication.md").read_text()
    assert [name for name in TABLES if f"<!-- table: {name} -->" not in text] == []


def _gramian(seed: int) -> np.ndarray:
    gradients = np.random.default_rng(seed).normal(size=(5, 3, 7))
    gradients[1, 2] = 0  # a group that MT does not reach
    return gradients


@pytest.mark.parametrize("seed", range(4))
def test_masking_is_that_of_the_gradients_themselves(seed: int) -> None:
    import torch

    from mgcm_fairseq.core.conflict import Report
    from mgcm_fairseq.training.masking import masking

    gradients: Any = torch.from_numpy(_gramian(seed))
    gramian = torch.einsum("nsd,ntd->nst", gradients, gradients)
    report = Report(("st", "asr", "mt"))
    report.add(range(5), gramian, gramian)
    for auxiliary, sums in enumerate(masking(report).tolist(), start=1):
        whole, other = gradients[:, 0].flatten(), gradients[:, auxiliary].flatten()
        cosine = float(whole @ other / whole.norm() / other.norm())
        dots = [float(one[0] @ one[auxiliary]) for one in gradients if one[auxiliary].any()]
        expected = [1, float(cosine < 0), cosine, 0 if cosine < 0 else len(dots),
                    0 if cosine < 0 else sum(dot < 0 for dot in dots)]
        assert sums == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("arguments", "message"), [
    (["--page", "none.md"], "--page: expected a page with marked tables, found none.md, which is no file"),
    (["--cost", "none.json", "--trial", "mgcm-seed1"], "none.json: expected what the benchmark of conflict handling"),
    (["--cost", "rows.json", "--trial", "mgcm-seed1"], "found KeyError: 'environment'"),
])
def test_files_that_are_not_there_or_anothers_are_told(study: Path, arguments: list[str], message: str,
                                                       monkeypatch: pytest.MonkeyPatch,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(study.parent)
    Path("rows.json").write_text('{"rows": []}')
    assert main(["--study", str(study), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_another_study_and_numbers_that_are_none_are_told(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / "numbers.json").write_text("{}")
    assert main(["--numbers", str(study / "numbers.json"), "--trial", "mgcm-seed1"]) == 2
    assert "expected a replication.json, found one without runs, study, systems, trials" in capsys.readouterr().err
    found = json.loads((study / "study.json").read_text())
    (study / "study.json").write_text(json.dumps({**found, "study": "sharing"}))
    for more in (["--trial", "mgcm-seed1"], ["--systems"]):
        assert main(["--study", str(study), *more]) == 2
        assert "expected the study replication, found sharing" in capsys.readouterr().err


def test_a_point_without_a_latency_is_a_dash_in_the_table() -> None:
    means = {"wait-k-3": {"BLEU": [20.0, None], "AL": [None, None]}, "wait-k-5": {"BLEU": [21.0, None], "AL": [900, 1]}}
    found = {"systems": {"mgcm": {"mean": means}}}
    assert [cell.strip() for cell in latency(found)[-1].split("|")[2:4]] == ["20.0 at –", "21.0 at 900 ms"]
