"""What README and docs name exists: files, options, values, links. Examples run, pictures show the demo's table."""

import importlib.util
import re
import runpy
from pathlib import Path

import pytest
import torch
import yaml

import mgcm_fairseq
from mgcm_fairseq.agents.registry import POLICIES
from mgcm_fairseq.core.conflict import ENGINES, GRANULARITIES, RULES
from mgcm_fairseq.criterions.multitask import MultitaskCriterionConfig
from mgcm_fairseq.evaluation.table import PLAIN
from mgcm_fairseq.models.config import SimulSTModelConfig
from mgcm_fairseq.training.config import SCOPES
from tests.documents import pages
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


@pytest.mark.parametrize("page", ["conflicts", "tutorials/own_rule", "tutorials/own_policy"])
def test_examples_of_the_pages_run(page):
    [code] = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / f"{page}.md").read_text(), re.DOTALL)
    exec(code, {})


def test_the_readme_is_short():
    assert len(README.read_text().split()) <= 1500


def test_what_is_cited_has_the_version_and_the_papers_of_the_package():
    cited = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert cited["version"] == mgcm_fairseq.__version__
    numbers = {one["identifiers"][0]["value"].removeprefix("arXiv:") for one in cited["references"]}
    assert numbers == set(re.findall(r"\d{4}\.\d{5}", README.read_text()))


def test_links_lead_somewhere():
    """To files and to headings of pages."""
    found = 0
    for path in pages():
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text()):
            name, _, heading = target.partition("#")
            other = path.parent / name if name else path
            assert other.exists(), f"{path.name}: {target}"
            headings = re.findall(r"(?m)^#+ (.*)", other.read_text()) if heading else []
            assert heading in ["", *(re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings)], target
            found += 1
    assert found > 45


def test_rows_of_the_readme_are_rows_of_the_demo():
    def rows(path):
        return [row.strip() for row in path.read_text().splitlines() if row.count("|") == 14]

    header = [cell.strip() for cell in rows(README)[0].strip("|").split("|")]
    assert header == ["system", "point", *PLAIN]
    assert len(rows(README)) == 8
    assert set(rows(README)) <= set(rows(REPOSITORY / "docs" / "first_run.md"))


def test_pictures_are_drawn_from_the_table():
    drawing = runpy.run_path(str(REPOSITORY / "docs" / "images" / "draw.py"))
    for name, draw in drawing["PICTURES"].items():
        assert (REPOSITORY / "docs" / "images" / name).read_text() == draw()
    assert len(drawing["table"]()["wait-segment"]) == 8


def documents():
    """README and docs as one text."""
    return "\n".join(path.read_text() for path in pages())


def table(header):
    """Cells of the table under a header row, without backquotes."""
    rows = documents().split(header)[1].splitlines()[1:]
    end = next(index for index, row in enumerate(rows) if not row.startswith("|"))
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split(" | ")] for row in rows[:end]]


def test_what_is_named_exists():
    text = re.sub(r"`[\w/]+\.py::", "", documents())  # tests, named from their own folder
    named = set(re.findall(r"(?<![\w/.])((?:scripts|tests|docs|mgcm_fairseq|configs)/[\w./]*\w)", text))
    assert len(named) > 40
    examples = set(re.findall(r"^# (\S+\.(?:py|yaml))$", text, re.MULTILINE))  # files that a page has the reader write
    assert [name for name in sorted(named - examples) if not (REPOSITORY / name).exists()] == []


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


def test_policies_and_what_a_curve_varies():
    rows = table("| policy | writes | checkpoint | what a curve varies |\n")
    assert {policy: option.split()[0] for policy, _, _, option in rows} == {
        name: policy.varied for name, policy in POLICIES.items()}


def test_folders_of_the_map_exist():
    text = (REPOSITORY / "docs" / "code_map.md").read_text().split("\nconfigs/")[0]
    folders = re.findall(r"(?:^|\s)(\w+)/(?=\s)", text)
    assert len(folders) > 25
    known = {path.name for path in (REPOSITORY / "mgcm_fairseq").rglob("*") if path.is_dir()}
    assert set(folders) - known == {"mgcm_fairseq"}
