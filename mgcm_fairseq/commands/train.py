"""Trains a row of the paper, with all that comes before it.

A training that is done is skipped, one that was interrupted goes on; rows in one --out share what they have in common.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from mgcm_fairseq.common.arguments import Parser, number, positive
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.lock import locked
from mgcm_fairseq.common.program import called, command, program, say
from mgcm_fairseq.common.stopping import sigterm_as_ctrl_c
from mgcm_fairseq.common.whole import room_in
from mgcm_fairseq.recipes.cluster import Cluster, default_gpus
from mgcm_fairseq.recipes.gpus import CONTEXT, GIB, SHARE, Looking
from mgcm_fairseq.recipes.identity import record
from mgcm_fairseq.recipes.launch import LAUNCHERS, Launch, quoted
from mgcm_fairseq.recipes.micro_batches import cut_of
from mgcm_fairseq.recipes.processes import Processes
from mgcm_fairseq.recipes.rows import STARTS_FROM, TEXTS, check_sharing_plan, overrides_of, trainings_of

if TYPE_CHECKING:
    from mgcm_fairseq.recipes.plan import Training

SCRIPT = SCRIPTS["train"]
TFLOPS = 13.0  # what a V100 kept up in the pre-training of wav2vec 2.0 base (arXiv 2006.11477, section 4.2)


@program(SCRIPT)
def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, 2 for a problem that the plan shows, 1 for a training that failed."""
    args = _parser().parse_intermixed_args(arguments)
    out = args.out.resolve()
    cluster = Cluster(args.nodes, args.gpus or default_gpus(args.cpu), args.cpu)
    launch = Launch(args.launcher, cluster, args.node_rank, args.master)
    launch.check()
    if args.cpu and args.gpu_memory is not None:
        raise InputError("--gpu-memory", "GPUs", "--cpu", "Leave one out: on CPUs the YAML's micro-batches stay.")
    trainings = trainings_of(args.row, args.text_first)
    check_sharing_plan(args.row, args.sharing_plan, out)
    for training in trainings:
        cluster.overrides(overrides_of(training, args.overrides, trainings))  # before anything is written
    with ExitStack() as open_here:
        open_here.enter_context(sigterm_as_ctrl_c())  # else the training would go on without this program
        looking = None if args.cpu else Looking()
        processes = None
        if not args.dry_run:
            lock = open_here.enter_context(locked(out, f"training-on-node-{args.node_rank}"))
            processes = open_here.enter_context(Processes(launch, lock.fileno()))
            if not (out / f"{args.row}.pt").is_file():
                processes.prepare()
        import mgcm_fairseq.tasks  # noqa: F401 - brings fairseq, while the processes above begin; first, to keep it quiet
        from mgcm_fairseq.recipes.plan import Planner
        from mgcm_fairseq.recipes.room import room
        from mgcm_fairseq.recipes.show import show

        gpus = looking.found() if looking else []
        space = room(launch, gpus, args.gpu_memory)
        planned = [f"{args.row}:model.sharing_plan={quoted(args.sharing_plan.resolve())}"] if args.sharing_plan else []
        overrides = [f"task.data={quoted(args.data.resolve())}", f"model.w2v_path={quoted(args.w2v.resolve())}",
                     *planned, *args.overrides]
        planner = Planner(out, launch, gpus, space, args.best, args.tflops)
        plan = planner.plan(trainings, overrides)
        print(show(plan, cluster, space, args.tflops), flush=True)
        if plan.problems or (plan.machine_problems and not args.dry_run):
            return 2
        if processes is None:
            print("Dry run: nothing was started or written.")
            return 0
        for one in plan.trainings:
            if one.state == "done":
                print(f"{one.model} is there: nothing to do.", flush=True)
            elif not train(one, launch, args.best, processes):
                return 1
    return 0


def train(training: "Training", launch: Launch, best_of: int, processes: Processes) -> bool:
    """Runs the training to its end, and has the first machine average the best checkpoints; False if it failed."""
    from mgcm_fairseq.models.averaging import average, best

    if training.updates < training.cfg.optimization.max_update and not _run(training, launch, processes):
        return False
    if launch.node_rank == 0:
        paths = best(training.folder, best_of, training.cfg.checkpoint.best_checkpoint_metric)
        average(paths, training.model)
        print(f"{training.model}: mean of", *(path.name for path in paths), flush=True)
    return True


def _run(training: "Training", launch: Launch, processes: Processes) -> bool:
    log = training.folder.with_suffix(f".node{launch.node_rank}.log" if launch.node_rank else ".log")
    print(f"== {training.name}, log in {log}", flush=True)
    if launch.node_rank == 0:
        record(training.record, training.identity, cut_of(training.cfg).size)
    with room_in(log.parent, log), log.open("a") as file, processes.running(training.command) as process:
        for line in process.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            file.write(line)
    if process.returncode:
        where = f"{log}, and {training.folder}/slurm" if launch.launcher == "slurm" else log
        say(called(SCRIPT), f"{training.name} ended with status {process.returncode}; see {where}")
    return process.returncode == 0


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__, epilog="rows and what they start from:\n" + "\n".join(
        f"  {row:<22}{before or ''}" for row, before in STARTS_FROM.items()))
    parser.add_argument("row", metavar="ROW", choices=list(STARTS_FROM), help="see below")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared corpus")
    parser.add_argument("--w2v", type=Path, required=True, metavar="FILE",
                        help="what the front end starts from: wav2vec_small.pt, or HuBERT base for IMTL's rows")
    parser.add_argument("--sharing-plan", type=Path, metavar="FILE",
                        help=f"for GDPS's rows: the plan that {command('sharing-plan')} made from the model of the row "
                             "that they start from")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="DIR/TRAINING/ gets checkpoints, DIR/TRAINING.pt the mean of the best")
    parser.add_argument("--dry-run", action="store_true", help="check everything and print the plan, start nothing")
    parser.add_argument("--gpus", type=positive, metavar="N",
                        help=f"GPUs on each machine (default: {default_gpus(cpu=False)}, as in the paper; "
                             f"{default_gpus(cpu=True)} with --cpu)")
    parser.add_argument("--gpu-memory", type=number(1, 10_000, "GiB from 1 to 10,000"), metavar="GIB",
                        help="memory of each GPU, for a plan that is made on another machine: on a login node, with "
                             "--launcher slurm, with --nodes. Without it this machine's smallest GPU counts. "
                             "There are as few micro-batches as fit: "
                             f"{CONTEXT / GIB:.0f} GiB is left to CUDA's context and workspaces, and {1 - SHARE:.0%}"
                             .replace("%", "%%") + " of the rest to fragmentation and to the error of the estimate")
    parser.add_argument("--nodes", type=positive, default=1, metavar="N", help="machines")
    parser.add_argument("--cpu", action="store_true", help="no GPU: --gpus processes on CPUs, in fp32")
    parser.add_argument("--launcher", choices=LAUNCHERS, default="local",
                        help="local: fairseq starts a process for each GPU; torchrun: on each of --nodes; slurm: jobs "
                             "through Hydra's launcher, with hydra.launcher.partition=... and the like among KEY=VALUE")
    parser.add_argument("--node-rank", type=int, default=0, metavar="R", help="rank of this machine, for torchrun")
    parser.add_argument("--master", default="", metavar="HOST[:PORT]", help="the machine of rank 0, for torchrun")
    parser.add_argument("--text-first", action="store_true",
                        help=f"begin with the training {TEXTS[0]}, or {TEXTS[1]} for IMTL's rows, which uses "
                             "transcripts and translations alone")
    parser.add_argument("--best", type=positive, default=5, metavar="N", help="checkpoints to average")
    parser.add_argument("--tflops", type=number(0.001, 1e6, "TFLOP/s from 0.001 to 1,000,000"), default=TFLOPS,
                        metavar="T", help="TFLOP/s that a GPU sustains; the plan's hours depend on it")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", type=_override,
                        help="options that override configs/paper/*.yaml; TRAINING:KEY=VALUE for one of the trainings")
    return parser


def _override(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, found {text!r}")
    return text


if __name__ == "__main__":
    sys.exit(main())
