"""Every command in README, CONTRIBUTING and docs is read by its program's parser; unmarked ones are run by a test."""

import argparse
import importlib
import re
import runpy
import sys
from pathlib import Path

import pytest
from fairseq import options
from omnisteval.cli import build_parser as omnisteval_parser
from simuleval import options as simuleval_options

from mgcm_fairseq.agents.choice import point_text, read_choice
from mgcm_fairseq.agents.registry import POLICIES, agent_class
from mgcm_fairseq.evaluation.runs import parse_runs
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.rows import overrides_of, trainings_of
from tests.documents import MARKS, commands, commands_in_sentences, commands_of, pages, unmarked_code
from tests.fixtures import REPOSITORY
from tests.test_promises import NAMED, missing

IN_VENV = "`scripts/test_setup.py::test_commands_of_the_pages_run_in_venv`"
INSTALLED = "`test_wheel.py::test_what_it_holds`"
WHEEL = ("pip wheel --no-deps -w dist .", "pip install --no-deps dist/mgcm_fairseq-*.whl",
         "pip install torch numpy cython setuptools wheel",
         "pip install --no-build-isolation $(ls dist/mgcm_fairseq-*.whl)[live,spoken]")
RUN_BY = {
    "bash scripts/setup.sh":
        "`scripts/test_setup.py::test_all_is_installed_in_venv_whatever_pip_and_python_are_told`",
    "source .venv/bin/activate": IN_VENV,
    "pip install -c constraints.txt -e": IN_VENV,
    **dict.fromkeys(WHEEL, INSTALLED),
    "pip install torch numpy cython setuptools wheel": IN_VENV,
    "mgcm-user-dir --configs": "`test_wheel.py::test_from_a_corpus_to_a_translation`",
    "bash scripts/demo.sh": "`scripts/test_demo.py::test_results_have_the_promised_form`",
    "bash scripts/demo.sh --training": "`scripts/test_demo.py::test_variations_train_and_are_scored`",
    "bash scripts/demo.sh --variant": "`scripts/test_demo.py::test_variations_train_and_are_scored`",
    "bash scripts/serve.sh": "`commands/test_serve.py::test_it_says_where_the_page_is_and_ends_with_ctrl_c`",
    "bash scripts/test.sh": "`scripts/test_test_script.py::test_a_failed_check_is_named_and_the_others_run`",
    "bash scripts/test.sh --versions": "`scripts/test_test_script.py::test_other_versions_get_their_own_environment`",
    "python -m sphinx docs": "`test_site.py::test_a_page_of_the_site_is_built`",
    "RENEW_CURVES=1 python -m pytest tests/checks/short_trainings":
        "`checks/short_trainings/test_curves.py::test_curves_are_written_anew`",
    "python scripts/checks/short_trainings.py":
        "`checks/short_trainings/test_curves.py::test_the_curve_is_the_one_kept`",
    "python scripts/checks/mutation.py": "`checks/mutation/test_mutation_command.py::test_one_mutant`",
    "bash scripts/checks/faults.sh":
        "`checks/faults/test_fault_suite.py::test_ten_kills_lose_nothing_and_are_not_done_again`",
    "python scripts/checks/fuzz.py": "`checks/fuzzing/test_fuzzing.py::test_the_command`",
    "python scripts/checks/half_precision.py": "`checks/test_half_precision.py::test_every_number_is_finite`",
    "python scripts/checks/sentences_in_music.py":
        "`checks/test_sentences_in_music.py::test_the_table_has_a_line_for_each_kind`",
    "python scripts/checks/option_pairs.py": "`checks/option_pairs/test_trial.py::test_the_command`",
    "python scripts/benchmarks/agents.py":
        "`benchmarks/test_benchmark_agents.py::test_a_run_has_a_row_for_every_policy_and_length`",
    "python scripts/benchmarks/conflict.py": "`benchmarks/test_benchmark_conflict.py::test_a_real_run_adds_times`",
    "python scripts/benchmarks/data.py": "`benchmarks/test_benchmark_data.py::test_rows_and_environment`",
    "python scripts/benchmarks/loader.py": "`benchmarks/test_benchmark_loader.py::test_rows_and_environment`",
    "python scripts/benchmarks/preparation.py": "`benchmarks/test_benchmark_preparation.py::test_rows_and_environment`",
    "python scripts/benchmarks/scaling.py": "`benchmarks/test_scaling.py::test_the_same_tables_from_its_own_file`",
    "python scripts/benchmarks/segmentation.py":
        "`benchmarks/test_benchmark_segmentation.py::test_a_run_writes_both_parts_and_their_tables`",
    "bash scripts/prep_corpus.sh --corpus pairs": "`test_contributing.py::test_a_corpus_is_prepared`",
    "fairseq-hydra-train --config-dir configs --config-name fbank/multi_task":
        "`test_contributing.py::test_a_front_end_trains_translates_and_is_tested_as_all_are`",
}
"""Beginning of unmarked commands -> the test that runs the program, in a small form. The longest beginning counts."""
WRITTEN_BY_THE_READER = ("--corpus pairs", "--config-name fbank/multi_task")  # CONTRIBUTING.md has him write them first
OPTIONS_IN_SENTENCES = {  # of a program whose whole commands stand elsewhere
    "simuleval --eval-latency-unit char --sacrebleu-tokenizer zh", "simuleval --system-dir",
    "fairseq-generate --post-process sentencepiece"}


class Parsed(BaseException):  # no `except Exception` of a program is to catch it
    """What a program's parser has read, before the program does anything."""

    def __init__(self, namespace: argparse.Namespace) -> None:
        self.namespace = namespace


@pytest.fixture
def stop_when_parsed(monkeypatch):
    for name in ("parse_args", "parse_intermixed_args"):
        stock = getattr(argparse.ArgumentParser, name)

        def parse(self, *args, stock=stock, **kwargs):
            raise Parsed(stock(self, *args, **kwargs))

        monkeypatch.setattr(argparse.ArgumentParser, name, parse)


def read(words, monkeypatch):
    """Has the command's program read its options; AssertionError or the program's own error where it cannot."""
    program, *arguments = words = words["=" in words[0]:]  # without a variable in front
    if program in ("bash", "python") and arguments[0].startswith("scripts/"):
        path = REPOSITORY / arguments[0]
        assert path.is_file(), arguments[0]
        read_script(path, arguments[1:], monkeypatch)
    elif program.startswith("mgcm-"):
        read_main(f"mgcm_fairseq.commands.{program.removeprefix('mgcm-').replace('-', '_')}", arguments)
    elif program in ("fairseq-train", "fairseq-generate"):
        assert arguments[1] == "--user-dir"
        assert arguments[2] in ("mgcm_fairseq", "$(mgcm-user-dir)")
        parser = getattr(options, f"get_{'training' if program == 'fairseq-train' else 'generation'}_parser")()
        with pytest.raises(Parsed):
            options.parse_args_and_arch(parser, [arguments[0], *arguments[3:]])
    elif program == "fairseq-hydra-train":
        assert arguments[0::2][:2] == ["--config-dir", "--config-name"]
        assert arguments[1] in ("configs", "$(mgcm-user-dir --configs)")
        assert (REPOSITORY / "configs" / f"{arguments[3]}.yaml").is_file()
        if arguments[3].startswith("paper/"):
            overrides = arguments[4:-2] if arguments[-2:] == ["--cfg", "job"] else arguments[4:]
            resolve(arguments[3].removeprefix("paper/"), overrides)
    elif program == "simuleval":
        read_simuleval(arguments)
    elif program == "simulstream_inference":
        inference = pytest.importorskip("simulstream.inference", reason="needs the extra `simulstream`")
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(Parsed):
            inference.cli_main()
    elif program == "omnisteval":
        with pytest.raises(Parsed):
            omnisteval_parser().parse_args(arguments)
    elif words[:5] == ["pip", "install", "-c", "constraints.txt", "-e"]:
        [extra] = re.findall(r"^\.\[(\w+)\]$", words[5])
        assert f'"{extra}":' in (REPOSITORY / "setup.py").read_text()
    elif " ".join(words) in WHEEL:
        assert (REPOSITORY / "setup.py").is_file()
    elif words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2]), words[2]
    else:
        assert words in (["source", ".venv/bin/activate"], ["cd", "system"]), f"no parser for {program}"


def read_script(path, arguments, monkeypatch):
    text = path.read_text()
    inner = re.search(r'exec bash .*?/(\w+\.sh)" (.*) "\$@"', text)
    module = re.search(r'exec "\$PYTHON".* -m (mgcm_fairseq[\w.]+) ', text)
    if inner:
        read_script(path.parent / inner[1], [*inner[2].split(), *arguments], monkeypatch)
    elif module:
        defaults = [] if "defaults=" not in text or "--checkpoint" in arguments else ["--checkpoint", "model.pt"]
        read_main(module[1], [*defaults, *arguments])
    elif path.suffix == ".py":
        monkeypatch.setattr(sys, "argv", [str(path), *arguments])
        with pytest.raises(Parsed):
            runpy.run_path(str(path), run_name="__main__")
    else:  # options of shell alone, in its first lines
        known = re.findall(r"--[a-z-]+", text.split("set -euo")[0] + " --training --variant")
        assert [option for option in arguments if option.startswith("--") and option not in known] == []


def read_main(module, arguments):
    with pytest.raises(Parsed) as parsed:
        importlib.import_module(module).main(arguments)
    found = parsed.value.namespace
    if module.endswith(".evaluate"):
        for run in parse_runs(found.run or ["offline:1"]):
            read_agent(run.policy, [POLICIES[run.policy].varied, point_text(run.point), *run.options])
    elif module.endswith(".translate") and found.run:
        choice = read_choice(found.run)
        read_agent(choice.policy, [POLICIES[choice.policy].varied, point_text(choice.points[0]), *choice.options])
    elif module.endswith(".export"):
        read_agent(found.policy, found.options)
    elif module == "mgcm_fairseq.commands.train":
        trainings = trainings_of(found.row, found.text_first)
        for training in trainings:
            resolve(training, ["task.data=DIR", *overrides_of(training, found.overrides, trainings)])


def read_agent(policy, arguments):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    agent_class(policy).add_args(parser)
    with pytest.raises(Parsed):
        parser.parse_args(["--checkpoint", "model.pt", *arguments])


def read_simuleval(arguments):
    parser = argparse.ArgumentParser(allow_abbrev=False, conflict_handler="resolve")
    simuleval_options.general_parser(parser=parser)
    simuleval_options.add_evaluator_args(parser)
    simuleval_options.add_scorer_args(parser, arguments)
    simuleval_options.add_dataloader_args(parser, arguments)
    agent = arguments[arguments.index("--agent") + 1] if "--agent" in arguments else None
    if agent:
        assert (REPOSITORY / agent).is_file()
        [policy] = [name for name, policy in POLICIES.items() if policy.agent.split(".")[-2] == Path(agent).stem]
        agent_class(policy).add_args(parser)
    with pytest.raises(Parsed):
        parser.parse_args(arguments)


@pytest.mark.parametrize("page", [str(path.relative_to(REPOSITORY)) for path in pages()])
def test_a_pages_commands_are_read_by_their_programs(page, monkeypatch, stop_when_parsed):
    monkeypatch.chdir(REPOSITORY)
    for command in commands():
        line = " ".join(command.words)
        if command.page == page and line not in OPTIONS_IN_SENTENCES and not any(
                words in line for words in WRITTEN_BY_THE_READER):
            try:
                read(command.words, monkeypatch)
            except (AssertionError, Exception, SystemExit) as error:
                pytest.fail(f"{command}: {error!r}")


def names(line):
    """What a test that runs the command has in its file: the program, or the function that a script calls."""
    words = line.split()
    script = next((word for word in words if word.startswith("scripts/")), "")
    if not script:
        return words[:1] if words[0] in ("pip", "mgcm-user-dir") else [" ".join(words[:3]), "hydra_train"]
    text = (REPOSITORY / script).read_text()
    started = re.search(r"-m (mgcm_fairseq[\w.]+)|from (mgcm_fairseq[\w.]+) import main", text)
    inside = script.removeprefix("scripts/")
    return [script, inside, f'"{inside.partition(".")[0]}"', *(filter(None, started.groups()) if started else ())]


def test_each_command_has_a_mark_or_a_test():
    found = [command for command in commands() if " ".join(command.words) not in OPTIONS_IN_SENTENCES]
    assert len(found) > 120
    assert {command.mark for command in found} == set(MARKS)
    unmarked = {" ".join(command.words): command for command in found if not command.mark}
    beginnings = {line: max((one for one in RUN_BY if line.startswith(one)), key=len, default="") for line in unmarked}
    assert [str(unmarked[line]) for line, beginning in beginnings.items() if not beginning] == []
    assert set(RUN_BY) == set(beginnings.values())
    assert {" ".join(command.words) for command in commands()} >= OPTIONS_IN_SENTENCES


@pytest.mark.parametrize("line", RUN_BY)
def test_the_test_of_a_command_exists_and_names_the_program(line):
    test = RUN_BY[line]
    assert NAMED.fullmatch(test)
    assert missing(test) == []
    text = (REPOSITORY / "tests" / NAMED.fullmatch(test)[1]).read_text()
    assert [name for name in names(line) if name in text]


def test_a_command_in_a_sentence_is_found():
    text = "See `bash x.sh --a\n1 [--b]`, `A=1 python -m b`, `bash`.\n```python\nx = '`bash y.sh z`'\n```\n"
    assert list(commands_in_sentences(text)) == [["bash", "x.sh", "--a", "1"], ["A=1", "python", "-m", "b"]]


def test_no_command_hides_in_another_fence():
    assert {path.name: lines for path in pages() if (lines := unmarked_code(path.read_text()))} == {}
    hidden = "    bash scripts/x.sh\n\n```text\n$ python y.py\n```\n"
    assert unmarked_code(hidden) == ["bash scripts/x.sh", "$ python y.py"]


@pytest.mark.parametrize("line", [
    "bash scripts/evaluate.sh --checkpoint m.pt --corpus DIR --out o --runs x",
    "bash scripts/evaluate.sh --checkpoint m.pt --corpus DIR --out o --run 'alignatt:2 --step 3'",
    "bash scripts/no_such.sh", "python scripts/average_checkpoints.py DIR --first 3", "bash scripts/demo.sh --voices 3",
    "bash scripts/train.sh mgcm_diseg --data D --w2v W --out O multi_task:model.lags=1",
    "bash scripts/train.sh mgcm_diseg --data D --w2v W --out O mgcm_diseg:model.lag=1",
    "fairseq-train DIR --user-dir mgcm_fairseq --task simul_st --arch simul_st_demo --conflict-rules mgcm",
    "simuleval --agent mgcm_fairseq/agents/alignatt.py --checkpoint m --lag 3",
    "pip install -c constraints.txt -e .[gone]",
    "curl http://example.org"])
def test_a_wrong_command_is_found(line, monkeypatch, stop_when_parsed, capsys):
    monkeypatch.chdir(REPOSITORY)
    [(_, words)] = commands_of(f"```bash\n{line}\n```\n")
    with pytest.raises((AssertionError, Exception, SystemExit)):
        read(words, monkeypatch)
