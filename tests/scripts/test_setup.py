"""scripts/setup.sh names what a machine lacks, before it touches anything, and what it can be asked for."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.documents import pages
from tests.fixtures import REPOSITORY
from tests.scripts.packages import constraints_of, index_in, make_index


@pytest.mark.parametrize(("lacking", "message"), [
    ({"PYTHON_BASE": "/no/such/python"}, "expected Python 3.11 or 3.12 as /no/such/python, found none"),
    ({"CXX": "false"}, "false is no C++ compiler that works")])
def test_a_missing_tool_is_named(tmp_path, lacking, message):
    for name in ("setup.py", "constraints.txt"):
        shutil.copy(REPOSITORY / name, tmp_path)
    shutil.copytree(REPOSITORY / "scripts", tmp_path / "scripts")
    failed = subprocess.run(["bash", "scripts/setup.sh"], cwd=tmp_path, env={**os.environ, **lacking}, text=True,
                            capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert failed.returncode == 2
    assert message in failed.stdout + failed.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("name", ["setup.sh", "test.sh"])
def test_help_is_what_the_script_says_of_itself(tmp_path, name):
    script = REPOSITORY / "scripts" / name
    shown = subprocess.run(["bash", script, "--help"], cwd=tmp_path, text=True, capture_output=True, check=True,
                           stdin=subprocess.DEVNULL).stdout
    lines = script.read_text().splitlines()
    assert shown.splitlines() == [line.removeprefix("# ") for line in lines[1:lines.index("set -euo pipefail")]]


@pytest.mark.parametrize("arguments", [["--versions"], ["--versions", "old"], ["--dve"], ["--dev", "more"]])
def test_an_unknown_option_is_refused(arguments):
    failed = subprocess.run(["bash", REPOSITORY / "scripts" / "setup.sh", *arguments], text=True, capture_output=True,
                            check=False, stdin=subprocess.DEVNULL)
    assert failed.returncode == 2
    assert failed.stderr.startswith("scripts/setup.sh: error: expected --dev, --versions lowest, --versions latest or "
                                    "--help, found ")


def test_versions_and_an_environment_of_ones_own_exclude_each_other():
    failed = subprocess.run(["bash", REPOSITORY / "scripts" / "test.sh", "--versions", "lowest"], text=True,
                            env={**os.environ, "PYTHON": "python"}, capture_output=True, check=False,
                            stdin=subprocess.DEVNULL)
    assert failed.returncode == 2
    assert "unset PYTHON" in failed.stderr


# surroundings


def copy(folder):
    """What set-up needs of the repository."""
    shutil.copytree(REPOSITORY / "scripts", folder / "scripts")
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, folder)
    (folder / "mgcm_fairseq").mkdir()
    shutil.copy(REPOSITORY / "mgcm_fairseq" / "__init__.py", folder / "mgcm_fairseq")
    (folder / "constraints.txt").write_text(constraints_of((REPOSITORY / "constraints.txt").read_text()))
    return folder


def bash(folder, *command, **environment):
    """The process, in an environment that has nothing of the tests' own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    return subprocess.run(["bash", *command], cwd=folder, env={**kept, **environment}, text=True, capture_output=True,
                          check=False, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A set-up of empty packages where everything is in the way at once: folder, what it said, PYTHONPATH."""
    base = tmp_path_factory.mktemp("hostile")
    folder = base / "a folder, Übung"
    folder.mkdir()
    copy(folder)
    foreign = base / "foreign"
    (foreign / "tqdm-4.64.1.dist-info").mkdir(parents=True)
    (foreign / "tqdm-4.64.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: tqdm\nVersion: 4.64.1\n")
    (foreign / "tqdm.py").write_text("raise ImportError('of another Python')\n")
    index = make_index(base / "index", (folder / "constraints.txt").read_text())
    made = bash(folder, "-c", "umask 027; bash scripts/setup.sh", **index, PIP_NO_CACHE_DIR="1", PIP_USER="1",
                PIP_TARGET=str(base / "target"), PIP_REQUIRE_VIRTUALENV="1", PYTHONPATH=str(foreign), LC_ALL="C",
                HOME="/dev/null", TMPDIR="/no/such/folder", CDPATH=f".:{base}")
    assert made.returncode == 0, made.stdout + made.stderr
    return folder, made.stdout, foreign


def test_all_is_installed_in_venv_whatever_pip_and_python_are_told(hostile):
    folder, said, foreign = hostile
    assert "not used here: CDPATH PYTHONPATH PIP_TARGET PIP_USER\n" in said
    [packages] = folder.glob(".venv/lib/python*/site-packages")
    assert (packages / "tqdm.py").exists()
    assert (packages / "fairseq.py").exists()
    assert not (foreign.parent / "target").exists()


@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONHOME"])
def test_nothing_comes_before_what_is_in_venv(hostile, variable):
    folder, _, foreign = hostile
    found = bash(folder, "-c", 'source scripts/python.sh && "$PYTHON" -c "import tqdm; print(tqdm.__version__)"',
                 **{variable: str(foreign), "CDPATH": "."})
    assert found.stdout == "4.64.1\n", found.stderr
    assert "PYTHONPATH and PYTHONHOME are not used" in found.stderr


def test_a_second_set_up_returns_at_once(hostile):
    again = bash(hostile[0], "scripts/setup.sh")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_commands_of_the_pages_run_in_venv(hostile):
    """source .venv/bin/activate; pip install -c constraints.txt -e '.[...]' with every extra that a page names."""
    folder, _, _ = hostile
    extras = {extra for path in pages() for extra in re.findall(r"-e '\.\[(\w+)\]'", path.read_text())}
    assert extras == {"m4a", "slurm", "torchjd"}
    alone = {**index_in(folder.parent / "index"), "PIP_NO_BUILD_ISOLATION": "0"}  # 0 is pip's yes
    done = bash(folder, "-c", f"""set -e
        source .venv/bin/activate
        pip install torch numpy cython setuptools wheel
        pip install -c constraints.txt -e '.[{",".join(sorted(extras))}]'
        python -c 'import av, hydra_submitit_launcher, torchjd'""", **alone)
    assert done.returncode == 0, done.stdout + done.stderr


def one_sentence(failed):
    assert failed.returncode == 2, failed.stdout + failed.stderr
    lines = [line for line in failed.stderr.splitlines() if ": error: " in line]
    assert len(lines) == 1
    return lines[0]


def test_a_colon_in_the_path_is_refused(tmp_path):
    (tmp_path / "a:b").mkdir()
    failed = bash(copy(tmp_path / "a:b"), "scripts/setup.sh")
    assert "expected a folder without a colon" in one_sentence(failed)
    assert not (tmp_path / "a:b" / ".venv").exists()


def test_a_link_to_another_clones_environment_is_refused_and_that_is_kept(tmp_path):
    (tmp_path / "other" / "bin").mkdir(parents=True)
    clone = copy(tmp_path / "clone")
    (clone / ".venv").symlink_to(tmp_path / "other")
    assert f"found {clone}/.venv, a link to {tmp_path}/other, which" in one_sentence(bash(clone, "scripts/setup.sh"))
    assert (tmp_path / "other" / "bin").exists()


def test_a_disk_without_room_is_refused(tmp_path):
    script = copy(tmp_path) / "scripts" / "surroundings.sh"
    script.write_text(script.read_text().replace("NEEDED_MB=2000", "NEEDED_MB=999000000"))
    assert "expected 999000000 MB of free disk for" in one_sentence(bash(tmp_path, "scripts/setup.sh"))


AS_ANOTHER = ["-c", 'exec setpriv --reuid 65533 --regid 65533 --clear-groups bash "$@"', "as another"]
as_root = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can be another user")


@as_root
def test_another_user_who_may_not_write_is_told_whose_folder_it_is():
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        message = one_sentence(bash(copy(Path(base)), *AS_ANOTHER, "scripts/setup.sh"))
    assert "expected a folder in which 65533 may write, found" in message
    assert "of root." in message


@as_root
def test_another_user_who_may_not_read_venv_is_told_who_can_change_that():
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        (copy(Path(base)) / ".venv").mkdir(mode=0o700)
        message = one_sentence(bash(Path(base), *AS_ANOTHER, "scripts/prep_mustc.sh"))
    assert "chmod -R go+rX" in message


@pytest.mark.parametrize("command", ["scripts/prep_mustc.sh", "scripts/train.sh", "scripts/translate.sh"])
def test_a_set_up_that_was_killed_is_not_used(tmp_path, command):
    (copy(tmp_path) / ".venv").mkdir()
    (tmp_path / ".venv" / "setup-unfinished").touch()
    assert "expected a finished set-up" in one_sentence(bash(tmp_path, command))


@pytest.mark.parametrize(("log", "environment", "reason"), [
    ("WARNING: Retrying (Retry(total=4)) after connection broken by 'ProxyError('Cannot connect to proxy.')': /simple",
     {}, "pip did not reach its package index (ProxyError('Cannot connect to proxy.'))"),
    ("OSError: [Errno 28] No space left on device", {}, "The disk is full: "),
    ("ERROR: ResolutionImpossible", {"PIP_CONSTRAINT": "c.txt"}, "PIP_CONSTRAINT=c.txt may be why"),
    ("ERROR: No matching distribution found", {"PIP_ONLY_BINARY": ":all:"}, "PIP_ONLY_BINARY=:all: may be why"),
    ("error: command 'c++' failed", {}, "")])
def test_a_reason_outside_the_project_is_named(tmp_path, log, environment, reason):
    (tmp_path / "log").write_text(f"{log}\n")
    told = bash(tmp_path, "-c", f"LOG=log VENV=.; source '{REPOSITORY}/scripts/surroundings.sh'; explain_log",
                **environment)
    assert told.stdout.startswith(reason)
    assert bool(told.stdout) == bool(reason)
