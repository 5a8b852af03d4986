"""The command line from manifest, log and generated text to results.json, table.md and bleu_al.png."""

import json
from pathlib import Path

import pytest

from mgcm_fairseq.data.audio import AudioSpan
from mgcm_fairseq.data.manifest import Utterance, write_manifest
from mgcm_fairseq.evaluation.instances import read_instances
from mgcm_fairseq.evaluation.report import main
from mgcm_fairseq.evaluation.results import simul_result

SIMUL_KEYS = ["policy", "lag", "BLEU", "signature", "AL", "LAAL", "AP", "DAL", "ATD", "before_end"]


@pytest.fixture
def manifest(tmp_path: Path, references: list[str]) -> Path:
    span = AudioSpan(tmp_path / "a.wav", 0, 16000)
    write_manifest(tmp_path / "tst.tsv", [Utterance(f"u{number}", span, 16000, "s", reference, "spk", "en", "de")
                                          for number, reference in enumerate(references)])
    return tmp_path / "tst.tsv"


@pytest.fixture
def options(tmp_path, manifest, write_log, records, write_generated) -> list[str]:
    generated = write_generated({2: "z", 0: "a b c d", 1: "x"})
    folder = write_log(records)
    return ["--manifest", str(manifest), "--offline", f"greedy={generated}", "--offline", f"beam5={generated}",
            "--simul", f"wait-k:10={folder}", "--simul", f"wait-k:3={folder}", "--source-segment-size", "320",
            "--out", str(tmp_path / "out")]


def test_results_table_and_plot(options, tmp_path, capsys):
    assert main(options) == 0
    results = json.loads((tmp_path / "out/results.json").read_text(encoding="utf-8"))
    assert list(results) == ["offline", "simul", "environment"]
    assert list(results["offline"]) == ["greedy", "beam5"]
    assert [list(run) for run in results["simul"]] == [SIMUL_KEYS, SIMUL_KEYS]
    assert [run["lag"] for run in results["simul"]] == [3, 10]
    run = results["simul"][0]
    assert {key: run[key] for key in SIMUL_KEYS[4:]} == {
        "AL": 391.7, "LAAL": 416.7, "AP": 1.025, "DAL": 439.6, "ATD": 125.0, "before_end": 0.4286}
    assert results["environment"].items() >= {"utterances": 3, "source_segment_size_ms": 320, "dtype": "fp32",
                                              "empty_hypotheses": {"wait-k:3": 1, "wait-k:10": 1}}.items()
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "out/table.md").read_text(encoding="utf-8")
    assert (tmp_path / "out/bleu_al.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bleu_al.png", "results.json", "table.md"]


def test_table_rows(options, capsys):
    main(options)
    lines = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert cells[0] == ["system", "lag k", "BLEU", "AL (ms)", "LAAL (ms)", "AP", "DAL (ms)", "ATD (ms)",
                        "before end (of words)"]
    assert [row[:2] for row in cells[2:]] == [["offline greedy", "–"], ["offline beam5", "–"], ["wait-k", "3"],
                                              ["wait-k", "10"]]
    assert cells[2][3:] == ["–"] * 6
    assert cells[4][3:] == ["392", "417", "1.02", "440", "125", "42.9%"]
    assert len({len(line) for line in lines if line.startswith("|")}) == 1
    assert "wait-k:3 (1), wait-k:10 (1)" in lines[-1]


def test_run_without_a_word(options, tmp_path, records, write_log, capsys):
    write_log([{**record, "prediction": "", "delays": []} for record in records])
    assert main(options) == 0
    run = json.loads((tmp_path / "out/results.json").read_text())["simul"][0]
    assert run["BLEU"] == 0
    assert {run[key] for key in SIMUL_KEYS[4:]} == {None}
    assert "wait-k:3 (3)" in capsys.readouterr().out


@pytest.mark.parametrize(("extra", "message"), [
    (["--simul", "wait-k=folder"], "--simul: expected POLICY:LAG=FOLDER"),
    (["--simul", "wait-k:3=folder"], "--simul: expected each run once, found wait-k:3 again"),
    (["--offline", "greedy"], "--offline: expected NAME=FILE"),
    (["--simul", "wait-k:5=nowhere"], "nowhere/instances.log: expected the log of a SimulEval run"),
    (["--offline", "beam9=nowhere"], "nowhere: expected the results of fairseq-generate"),
    (["--manifest", "nowhere"], "nowhere: expected a manifest"),
])
def test_bad_input_is_named_and_nothing_written(options, tmp_path, capsys, extra, message):
    assert main([*options, *extra]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert not (tmp_path / "out").exists()


def test_later_words_lower_before_end_and_raise_lagging(write_log, records, references):
    early = simul_result("wait-k", 1, read_instances(write_log(records), references))
    for record in records:
        record["delays"] = [record["source_length"]] * len(record["delays"])
    late = simul_result("wait-k", 9, read_instances(write_log(records), references))
    assert late["before_end"] == 0 < early["before_end"]
    assert all(late[name] > early[name] for name in ("AL", "LAAL", "AP", "DAL", "ATD"))
    assert late["BLEU"] == early["BLEU"]
