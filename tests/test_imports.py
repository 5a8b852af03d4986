"""Imports point one way, and core needs nothing but torch and the standard library."""

import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

import mgcm_fairseq

PACKAGE = Path(mgcm_fairseq.__file__).parent
CORE = sorted(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
              for path in PACKAGE.glob("core/**/[!_]*.py"))
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
LOADED = """
import sys, torch
before = {name.partition(".")[0] for name in sys.modules}
import CODE
after = {name.partition(".")[0] for name in sys.modules}
print(*sorted(after - before - set(sys.stdlib_module_names)))
"""
CONFIGURATION = """
[tool.importlinter]
root_package = "layered"
[[tool.importlinter.contracts]]
name = "imports point one way"
type = "layers"
containers = ["layered"]
layers = ["data", "core"]
"""


def run(code: str, folder: Path = PACKAGE.parent) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a fresh process, in the folder that holds the package."""
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def third_parties(module: str) -> list[str]:
    """Top-level packages outside the standard library that `module` loads on top of torch."""
    found = run(LOADED.replace("CODE", module))
    assert found.returncode == 0, found.stderr
    return found.stdout.split()


@pytest.mark.parametrize("command", ["prepare", "plot_conflicts"])
def test_some_commands_load_no_torch(command: str) -> None:
    """Which would take 200 MB in each of their processes, and longer than a command that has nothing to do."""
    found = run(f"import sys, mgcm_fairseq.commands.{command}; print('torch' in sys.modules)")
    assert found.stdout == "False\n", found.stderr


def test_the_contracts_in_pyproject_hold() -> None:
    found = run(LINT)
    assert found.returncode == 0, found.stdout
    assert "0 broken" in found.stdout


def test_no_imports_run_in_a_circle() -> None:
    graph = grimp.build_graph("mgcm_fairseq")
    TopologicalSorter({module: graph.find_modules_directly_imported_by(module) for module in graph.modules}).prepare()


def test_the_largest_room_is_under_a_quarter_of_the_lines() -> None:
    lines = Counter({room.name: sum(len(path.read_text().splitlines()) for path in room.rglob("*.py"))
                     for room in PACKAGE.iterdir() if room.is_dir()})
    [(room, most)] = lines.most_common(1)
    assert most < lines.total() / 4, room


@pytest.mark.parametrize(("importing", "imported", "broken"), [("data", "core", 0), ("core", "data", 1)])
def test_a_broken_contract_is_found(tmp_path: Path, importing: str, imported: str, broken: int) -> None:
    for layer in ("data", "core"):
        (tmp_path / "layered" / layer).mkdir(parents=True)
        (tmp_path / "layered" / layer / "__init__.py").touch()
    (tmp_path / "layered" / "__init__.py").touch()
    (tmp_path / "layered" / importing / "user.py").write_text(f"import layered.{imported}\n")
    (tmp_path / "pyproject.toml").write_text(CONFIGURATION)
    found = run(LINT, tmp_path)
    assert (found.returncode, f"{broken} broken" in found.stdout) == (broken, True), found.stdout + found.stderr


def test_core_loads_nothing_but_torch() -> None:
    assert third_parties(", ".join(CORE)) == ["mgcm_fairseq"]


def test_the_search_finds_what_a_module_loads() -> None:
    assert "soundfile" in third_parties("mgcm_fairseq.data.audio")
    assert "fairseq" in third_parties("mgcm_fairseq.data.dataset")


def test_the_package_itself_loads_nothing() -> None:
    assert run("import mgcm_fairseq, sys; print('torch' in sys.modules)").stdout == "False\n"
