"""docs/options.md has every option of the plugin with its help."""

import runpy
from argparse import SUPPRESS, ArgumentParser

import pytest
from fairseq.dataclass.utils import gen_parser_from_dataclass

from mgcm_fairseq.criterions.multitask import MultitaskCriterionConfig
from mgcm_fairseq.models.config import SimulSTModelConfig
from mgcm_fairseq.tasks.config import SimulSTConfig
from tests.fixtures import REPOSITORY

DOCS = REPOSITORY / "docs"


def test_the_page_is_what_the_code_says():
    written = (DOCS / "options.md").read_text(encoding="utf-8")
    assert written == runpy.run_path(str(DOCS / "options.py"))["page"](), "run python docs/options.py"


def test_options_of_all_three_parts_are_there():
    written = (DOCS / "options.md").read_text(encoding="utf-8")
    for option in ("--conflict-rule", "--max-source-samples", "--ctc-weight", "--front-end-block", "--lags"):
        assert f"- `{option}`" in written


@pytest.mark.parametrize("config", [SimulSTConfig, SimulSTModelConfig, MultitaskCriterionConfig])
def test_help_ends_with_the_default_as_that_of_our_own_programs_does(config):
    parser = ArgumentParser(add_help=False)
    gen_parser_from_dataclass(parser, config())
    shown = 0
    for action in filter(lambda one: one.help, parser._actions):
        nothing = action.default is None or action.default is False or action.default in ("", "{}", "???", SUPPRESS)
        values = [] if nothing else [action.default]
        written = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
        assert all(action.help.endswith(f" (default: {value})") for value in written), action.dest
        assert action.help.count("(default: ") == len(values), action.dest
        shown += len(values)
    assert shown > 5
