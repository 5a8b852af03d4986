"""Trainings started by torchrun and by SLURM's commands: two processes that train as one."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.recipes.cluster import Cluster
from mgcm_fairseq.recipes.launch import Launch, quoted
from tests.fixtures import ENVIRONMENT, REPOSITORY, run
from tests.models.test_simul_st import save
from tests.scripts.test_train import SMALL

# As SLURM behaves on one machine of two tasks: a job's script runs at once, srun starts a process for each task.
SLURM = {
    "sbatch": """
        script="${@: -1}"
        grep '^#SBATCH' "$script" > "$SLURM_SHIM/directives"
        tasks=$(sed -n 's/^#SBATCH --ntasks-per-node=//p' "$script")
        SLURM_JOB_ID=7 SLURM_NODELIST=localhost SLURM_JOB_NODELIST=localhost SLURM_NNODES=1 SLURM_JOB_NUM_NODES=1 \\
        SLURM_NTASKS=$tasks SLURM_NTASKS_PER_NODE=$tasks SLURM_NODEID=0 \\
        nohup bash -c "bash '$script'; touch $SLURM_SHIM/ended" > "$SLURM_SHIM/job" 2>&1 &
        echo Submitted batch job 7""",
    "srun": """
        while [ "${1#--}" != "$1" ]; do
            case "$1" in --output|--error) shift ;; esac
            shift
        done
        for ((task = 0; task < SLURM_NTASKS; task++)); do
            SLURM_PROCID=$task SLURM_LOCALID=0 "$@" > "$SLURM_SHIM/task$task" 2>&1 &
        done
        wait""",
    "scontrol": "echo localhost",
    "sacct": """
        state=RUNNING
        [ ! -e "$SLURM_SHIM/ended" ] || state=COMPLETED
        printf 'JobID|State|NodeList\\n7|%s|localhost\\n' $state""",
}


def training(corpus, folder, *more):
    return ["bash", "scripts/train.sh", "mgcm_multi_task", "--data", corpus, "--w2v", save(folder / "w2v.pt", "cfg"),
            "--out", folder / "out", "--cpu", "--gpus", "2", "--best", "1", *more, *SMALL, "++model.dropout=0.0",
            "++model.attention_dropout=0.0", "++model.activation_dropout=0.0", "dataset.batch_size=5",
            '++model.w2v_config=\'{"dropout":0.0,"attention_dropout":0.0,"dropout_input":0.0,"encoder_layerdrop":0.0}\'']


def weights(path):
    return torch.load(path, weights_only=True)["model"]


@pytest.fixture(scope="module")
def alone(tiny_corpus, tmp_path_factory):
    """The weights after four updates of one process on the same global batches."""
    folder = tmp_path_factory.mktemp("alone")
    line = training(tiny_corpus, folder, "--launcher", "local")
    line[line.index("--gpus") + 1] = "1"
    run(*line, "optimization.update_freq=[2]")
    return weights(folder / "out" / "mgcm_multi_task" / "checkpoint_last.pt")


def assert_close(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], atol=1e-4, rtol=0, msg=name)


def test_torchrun_trains_as_one_process(tiny_corpus, tmp_path, alone):
    run(*training(tiny_corpus, tmp_path, "--launcher", "torchrun"))
    log = (tmp_path / "out" / "mgcm_multi_task.log").read_text()
    assert "training on 2 devices" in log
    assert len(re.findall(r"scored 7 ", log)) == len(set(re.findall(r"'dev' subset.*num_updates (\d+)", log)))
    assert_close(weights(tmp_path / "out" / "mgcm_multi_task" / "checkpoint_last.pt"), alone)


def test_slurm_trains_as_one_process(tiny_corpus, tmp_path, alone):
    for name, body in SLURM.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/bash\n{body}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    line = [*training(tiny_corpus, tmp_path, "--launcher", "slurm"), "hydra.launcher.partition=speech",
            "hydra.launcher.timeout_min=60"]
    environment = {**ENVIRONMENT, "SLURM_SHIM": str(tmp_path), "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run([str(part) for part in line], cwd=REPOSITORY, env=environment, text=True, capture_output=True)
    tasks = "".join(path.read_text()[-3000:] for path in sorted(tmp_path.glob("task*")))
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-2000:]}{tasks}"
    directives = (tmp_path / "directives").read_text()
    for expected in ("--nodes=1", "--ntasks-per-node=2", "--partition=speech", "--time=60"):
        assert f"#SBATCH {expected}\n" in directives
    assert_close(weights(tmp_path / "out" / "mgcm_multi_task" / "checkpoint_last.pt"), alone)


def test_without_slurm_it_is_said(tiny_corpus, tmp_path):
    failed = run(*training(tiny_corpus, tmp_path, "--launcher", "slurm", "--dry-run"), check=False)
    assert "ON THIS MACHINE: --launcher slurm: expected sbatch on the PATH" in failed.stdout


def test_two_machines_by_torchrun():
    command = Launch("torchrun", Cluster(2, 4), 1, "first:4000").command("diseg", Path("/out/diseg"), ["a=1"])
    text = " ".join(command)
    assert text.startswith(f"{sys.executable} -m torch.distributed.run --nnodes 2 --nproc-per-node 4 --node-rank 1 "
                           "--master-addr first --master-port 4000 -m mgcm_fairseq.recipes.worker --config-dir ")
    assert text.endswith("--config-name paper/diseg hydra.run.dir='/out/diseg' a=1")


@pytest.mark.parametrize(("launch", "message"), [
    (Launch("local", Cluster(2, 8)), "--nodes"), (Launch("local", Cluster(1, 2, cpu=True)), "--launcher torchrun"),
    (Launch("torchrun", Cluster(2, 8)), "--master"), (Launch("torchrun", Cluster(2, 8), 2, "first"), "0 to 1")])
def test_impossible_launches(launch, message):
    with pytest.raises(InputError, match=message):
        launch.check()


@pytest.mark.parametrize("path", [r"/a\b", r"/a\\b\c", r"/a\'b", "/a'b", "/a\\", r"/a\\'\\", "/a, b=c ${d}", r"/\t"])
def test_a_quoted_path_comes_back_from_hydra(path):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    override = OverridesParser.create().parse_override(f"task.data={quoted(path)}")
    assert override.value() == path
