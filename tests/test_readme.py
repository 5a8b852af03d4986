"""What README and docs name exists: scripts, files, options, their values and defaults; README's example runs."""

import importlib.util
import re
from pathlib import Path

import torch

from mgcm_fairseq.agents.registry import POLICIES
from mgcm_fairseq.core.conflict import ENGINES, GRANULARITIES, RULES
from mgcm_fairseq.criterions.multitask import MultitaskCriterionConfig
from mgcm_fairseq.models.config import SimulSTModelConfig
from mgcm_fairseq.training.config import SCOPES
from tests.fixtures import REPOSITORY

README = REPOSITORY / "README.md"


def test_example_merges_gradients():
    [code] = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert len(code.strip().splitlines()) <= 12
    torch.manual_seed(0)
    names: dict = {}
    exec(code, names)
    report, model = names["engine"].report, names["model"]
    assert report.cosine().shape == (2, 1)
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert torch.equal(report.removed() > 0, report.conflict())


def documents():
    """README and docs as one text."""
    return "\n".join(path.read_text() for path in [README, *sorted((REPOSITORY / "docs").glob("*.md"))])


def table(header):
    """Cells of README's table under a header row, without backquotes."""
    rows = README.read_text().split(header)[1].splitlines()[1:]
    end = next(index for index, row in enumerate(rows) if not row.startswith("|"))
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split(" | ")] for row in rows[:end]]


def test_what_is_named_exists():
    text = re.sub(r"`[\w/]+\.py::", "", documents())  # tests, named from their own folder
    named = set(re.findall(r"(?<![\w/.])((?:scripts|tests|docs|mgcm_fairseq|configs)/[\w./]*\w)", text))
    assert len(named) > 40
    assert [name for name in sorted(named) if not (REPOSITORY / name).exists()] == []


def test_options_that_are_named_exist():
    """As a word of the package, of its scripts or of fairseq's own options."""
    [fairseq] = importlib.util.find_spec("fairseq").submodule_search_locations
    sources = [(Path(fairseq) / "dataclass" / "configs.py").read_text()]
    sources += [path.read_text() for folder in ("mgcm_fairseq", "scripts") for path in (REPOSITORY / folder).rglob("*")
               if path.suffix in (".py", ".sh")]
    words = set(re.findall(r"[\w-]+", "\n".join([*sources, (REPOSITORY / "setup.py").read_text()])))
    options = set(re.findall(r"(?<![\w-])--([a-z][a-z0-9-]+)", documents()))
    unknown = {option for option in options if not {f"--{option}", option.replace("-", "_")} & words}
    assert len(options) > 80
    assert unknown == set()


def test_defaults_of_segmentation():
    models, criterion = SimulSTModelConfig(), MultitaskCriterionConfig()
    for options, _, given in table("| option | updates after which | default |\n"):
        names = [option.removeprefix("--").replace("-", "_") for option in options.split(", ")]
        found = [getattr(models if hasattr(models, name) else criterion, name) for name in names]
        assert ", ".join(value if isinstance(value, str) else f"{value:g}" for value in found) == given


def test_values_of_conflict_options():
    rows = dict(table("| option | values |\n"))
    known = {"--conflict-granularity": GRANULARITIES, "--conflict-scope": SCOPES, "--conflict-engine": ENGINES,
             "--conflict-reduce": ("global", "local")}
    words = {option: set(re.findall(r"[\w-]+", values)) for option, values in rows.items()}
    assert set(rows) == {"--conflict-rule", *known}
    for option, values in known.items():
        assert set(values) <= words[option]
    assert {*RULES, "torchjd", "none"} <= words["--conflict-rule"]


def test_policies_and_their_lags():
    rows = table("| policy | writes | checkpoint | what a curve varies |\n")
    assert {policy: lag.split()[0] for policy, _, _, lag in rows} == {
        name: policy.lag for name, policy in POLICIES.items()}


def test_folders_of_the_map_exist():
    text = README.read_text().split("## Map of the code")[1].split("## ")[0].split("    configs/")[0]
    folders = re.findall(r"(?:^|\s)(\w+)/(?=\s)", text)
    assert len(folders) > 15
    known = {path.name for path in (REPOSITORY / "mgcm_fairseq").rglob("*") if path.is_dir()}
    assert set(folders) - known == {"mgcm_fairseq"}
