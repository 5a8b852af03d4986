"""Writes options.md, the page of all options of training with their help; a test compares it with the code."""

from dataclasses import fields
from pathlib import Path
from textwrap import fill
from typing import Any

from mgcm_fairseq.criterions.multitask import MultitaskCriterionConfig
from mgcm_fairseq.models.config import SimulSTModelConfig
from mgcm_fairseq.tasks.config import SimulSTConfig

PAGE = Path(__file__).parent / "options.md"
PARTS = {
    "Task": ("--task simul_st", "task", SimulSTConfig),
    "Criterion": ("--criterion multitask_cross_entropy", "criterion", MultitaskCriterionConfig),
    "Model": ("--arch simul_st", "model", SimulSTModelConfig),
}
INTRODUCTION = """# Options of training

This plugin adds these options to `fairseq-train` and `fairseq-hydra-train`; `--help` shows them. fairseq's own options
are in [its documentation](https://fairseq.readthedocs.io/en/latest/command_line_tools.html). In YAML, and as
KEY=VALUE of `scripts/train.sh`, `--front-end-block 320` is `model.front_end_block=320`. `docs/options.py` writes this
page.
"""


def page() -> str:
    """The whole page."""
    parts = [f"## {title}\n\nOptions of `{chosen}`; in YAML they stand under `{section}`.\n\n{_options(config)}"
             for title, (chosen, section, config) in PARTS.items()]
    return "\n".join([INTRODUCTION, *parts])


def _options(config: type[Any]) -> str:
    known = [one for one in fields(config) if one.name != "_name" and one.metadata.get("help")]
    return "".join(fill(_line(one), 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) + "\n"
                   for one in known)


def _line(one: Any) -> str:
    name = one.name if one.name == "data" else f"--{one.name.replace('_', '-')}"
    return f"- `{name}`{' (a flag)' if one.default is False else ''}: {one.metadata['help'].replace('<', '&lt;')}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
