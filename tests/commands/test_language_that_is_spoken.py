"""A model of several source languages from its preparation to scores by language, and what is said of unknown ones."""

import importlib.util
import json
import re
import shutil
from types import SimpleNamespace

import pytest
import torch
import yaml

from mgcm_fairseq.agents.choice import build_agent, read_options
from mgcm_fairseq.agents.offline import OfflineAgent
from mgcm_fairseq.commands import evaluate, export, plot_segments, serve, translate
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.corpus_record import CorpusRecord
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.live.protocol import Refused, Wishes
from mgcm_fairseq.live.streams import Streams
from mgcm_fairseq.tasks.validation_bleu import bleu_counts, bleu_of_sums, counts_of_batch
from tests.several_languages import LANGUAGES

KNOWN = "expected the source language, one of qab, qaa, found"


@pytest.fixture
def system(two_languages_checkpoint):
    return load_system(two_languages_checkpoint, None)


@pytest.fixture(scope="module")
def given(two_languages, two_languages_checkpoint):
    return ["--checkpoint", str(two_languages_checkpoint), "--corpus", str(two_languages)]


@pytest.fixture(scope="module")
def evaluated(given, tmp_path_factory):
    """The folder of one language's results."""
    out = tmp_path_factory.mktemp("evaluation") / "qaa"
    assert evaluate.main([*given, "--source-lang", "qaa", "--run", "offline:1", "--processes", "1", "--out",
                          str(out)]) == 0
    return out


def test_a_checkpoint_knows_its_languages(two_languages_checkpoint, system):
    state = torch.load(two_languages_checkpoint)
    assert state["task_state"]["corpus"]["config"]["src_lang"] == "qab,qaa"
    assert (system.corpus.src_langs, system.source_lang) == (LANGUAGES, "")
    assert system.hearing("qaa").hearing(None).source_lang == "qaa"
    spoilt = {"corpus": {**state["task_state"]["corpus"], "config": {
        **state["task_state"]["corpus"]["config"], "src_lang": "qab,zh"}}}
    with pytest.raises(InputError, match="qab with spaces, zh without"):
        CorpusRecord.of_state(spoilt, two_languages_checkpoint)


def test_results_are_of_one_language(evaluated, two_languages):
    results = json.loads((evaluated / "results.json").read_text())
    assert results["environment"]["source_language"] == "qaa"
    log = (evaluated / "runs" / "offline-1" / "instances.log").read_text()
    logged = [json.loads(line) for line in log.splitlines()]
    rows = [row for row in read_manifest(two_languages / "tst-COMMON.tsv") if row.src_lang == "qaa"]
    assert [one["reference"] for one in logged] == [row.tgt_text for row in rows]
    assert [one["source_length"] for one in logged] == [row.n_frames / 16 for row in rows]


def test_another_language_needs_another_folder(evaluated, given, capsys):
    assert evaluate.main([*given, "--source-lang", "qab", "--run", "offline:1", "--out", str(evaluated)]) == 2
    assert re.search("expected .*qab.* found .*qaa|expected test_set", capsys.readouterr().err)


def test_a_test_set_in_another_language_is_refused(given, two_languages, tmp_path, capsys):
    for name in ("tst-COMMON.tsv", "simuleval"):
        path = two_languages / "qab-de" / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / name)  # without a vocabulary
    command = [*given[:2], "--corpus", str(tmp_path), "--run", "offline:1", "--out", str(tmp_path / "out")]
    assert evaluate.main([*command, "--source-lang", "qaa"]) == 2
    assert "tst-COMMON.tsv:2: expected speech in qaa, found 'qab'" in capsys.readouterr().err


@pytest.mark.parametrize("language", [None, "qac"])
def test_each_program_asks_which_of_the_known_languages_is_spoken(given, two_languages, tmp_path, capsys, language):
    option = [] if language is None else ["--source-lang", language]
    wav = str(two_languages / "qaa-de" / "data" / "dev" / "wav" / "ted_1.wav")
    image = str(tmp_path / "image.png")
    for main, command in (
            (evaluate.main, [*given, *option, "--run", "offline:1", "--out", str(tmp_path / "out")]),
            (translate.main, [wav, *given, *option, "--run", "offline:1"]),
            (serve.main, [*given, *option, "--run", "offline:1"]),
            (export.main, [*given, "--policy", "offline", "--out", str(tmp_path / "made"), "--", *option]),
            (plot_segments.main, [*given, *option, "--lag", "1", "--audio", wav, "--out", image])):
        assert main(command) == 2
        assert f"--source-lang: {KNOWN} {'none' if language is None else repr(language)}" in capsys.readouterr().err


def test_agents_hear_the_language_that_is_said(given, system):
    said = read_options("offline", [*given[:2], "--source-lang", "qab"])
    assert OfflineAgent(said, system).system.source_lang == "qab"
    assert build_agent("offline", 1, [], given[1], system.hearing("qaa")).system.source_lang == "qaa"
    with pytest.raises(InputError, match="options that are set nowhere else, found --source-lang"):
        build_agent("offline", 1, ["--source-lang", "qab"], given[1], system.hearing("qaa"))
    with pytest.raises(InputError, match=KNOWN):
        build_agent("offline", 1, [], given[1], system)


def test_a_client_of_the_page_may_say_the_language_that_it_serves(system):
    streams = Streams(SimpleNamespace(system=system.hearing("qaa")), None)
    streams.check_languages(Wishes(languages={"source_lang": "qaa", "target_lang": "de"}))
    with pytest.raises(Refused, match="source_lang: expected qaa, found 'qab'"):
        streams.check_languages(Wishes(languages={"source_lang": "qab"}))


def test_an_exported_system_says_its_language(given, tmp_path):
    args = export.agent_args("offline", tmp_path.joinpath(given[1]), None, ["--source-lang", "qaa"])
    export.export("offline", args, tmp_path / "made")
    assert yaml.safe_load((tmp_path / "made" / "main.yaml").read_text())["source_lang"] == "qaa"
    assert yaml.safe_load((tmp_path / "made" / "config.yaml").read_text())["src_lang"] == "qab,qaa"
    options = yaml.safe_load((tmp_path / "made" / "simulstream.yaml").read_text())["options"]
    assert options["source_lang"] == "qaa"
    if importlib.util.find_spec("simulstream"):
        from mgcm_fairseq.agents.simulstream_processor import AgentProcessor

        content = SimpleNamespace(policy="offline", checkpoint=given[1], options=SimpleNamespace(**options))
        AgentProcessor(content).set_source_language("qaa")
        with pytest.raises(InputError, match="expected qaa"):
            AgentProcessor(content).set_source_language("qab")


def test_validation_scores_each_language_by_itself(system, two_languages_checkpoint):
    texts, references = ["Ein Hund ist da.", "Das Haus.", "Guten Tag!"], ["Ein Hund ist da.", "Ein Haus.", "Hallo!"]
    batch = {"references": references, "language": torch.tensor([1, 1, 1])}
    counts = counts_of_batch(texts, batch, system.corpus)
    both = counts_of_batch(texts, {**batch, "language": torch.tensor([1, 0, 1])}, system.corpus)
    assert both.keys() == counts.keys()
    assert bleu_counts(texts, references, "13a").items() <= counts.items()
    assert {name: counts[name.replace("_bleu", "_bleu_qaa")] for name in bleu_counts([""], [""], "13a")} \
        == bleu_counts(texts, references, "13a")
    assert not any(value for name, value in counts.items() if name.startswith("_bleu_qab"))
    assert {name: both[name.replace("_bleu", "_bleu_qab")] for name in bleu_counts([""], [""], "13a")} \
        == bleu_counts(texts[1:2], references[1:2], "13a")
    meters = {name: SimpleNamespace(sum=value) for name, value in counts.items()}
    assert bleu_of_sums(meters, "_qaa") == bleu_of_sums(meters) > 0
    kept = json.dumps(torch.load(two_languages_checkpoint)["extra_state"]["metrics"]["valid"], default=str)
    assert all(f"_bleu_{code}_hyp" in kept for code in LANGUAGES)
