"""Trains the systems of a study with several seeds, evaluates them, and writes study.json and study.md.

Trials that are done are skipped, one that was interrupted goes on; with --report nothing is trained. The tables are of
all trials that are done, whichever --systems and --seeds were asked for.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from fairseq import tasks

from mgcm_fairseq.commands._plan_options import check_plan_options
from mgcm_fairseq.common.arguments import Parser, positive, positives
from mgcm_fairseq.common.device import check_device
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS, SCRIPTS
from mgcm_fairseq.common.lock import locked
from mgcm_fairseq.common.program import called, program, say
from mgcm_fairseq.common.stopping import sigterm_as_ctrl_c
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.evaluation.results import write_results
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.launch import quoted
from mgcm_fairseq.studies.plan_tables import told
from mgcm_fairseq.studies.plans import Plans
from mgcm_fairseq.studies.report import assemble, tables
from mgcm_fairseq.studies.same_plan import repeated, results
from mgcm_fairseq.studies.side_by_side import SideBySide, TrialError
from mgcm_fairseq.studies.study import PLAN, PLANS, START, Study, against, chosen
from mgcm_fairseq.studies.study_file import read_study, studies
from mgcm_fairseq.studies.trial import Trial, begun
from mgcm_fairseq.tasks.split import check_item_lengths
from mgcm_fairseq.tasks.unread import check_unread
from mgcm_fairseq.training.at_least_zero import check_at_least_zero
from mgcm_fairseq.training.goal import check_goal
from mgcm_fairseq.training.needed_losses import check_losses

SCRIPT = SCRIPTS["study"]


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 where a trial failed."""
    args = _parser().parse_args(arguments)
    path = CONFIGS / "studies" / f"{args.study}.yaml" if args.study in studies() else Path(args.study)
    study = against(read_study(path, args.size), args.baseline)
    if args.plans and study.plan is None:
        raise InputError("--plans", "a study with a key plan", f"{path} without one", "Leave --plans out.")
    names = chosen(study, args.systems.split(",") if args.systems else None)
    corpus, out = args.corpus.resolve(), args.out.resolve()
    if not args.report:
        check_device(args.device)
    seeds = args.seeds or study.size.seeds
    every = [Trial(study, name, seed, corpus, out, args.device)
             for seed in dict.fromkeys((*seeds, *study.size.seeds, *begun(out / study.size.name)))
             for name in study.systems]
    trials = [trial for trial in every if trial.system in names and trial.seed in seeds]
    starts = list({trial.start.name: trial.start for trial in trials if trial.start}.values())
    plans = _plans(study, [] if args.plans else names, starts)
    trials = [] if args.plans else trials
    with sigterm_as_ctrl_c(), locked(out, "study") as lock:
        for trial in every:
            if trial.done:
                trial.claim()
        if not args.report:
            if plans:
                check_plan_options(path, plans[0])
            for name in [*names, *([START] if starts else [])]:
                _check_options(study, name, corpus)
            for trial in (*starts, *trials):
                trial.claim()
            for of_seed in plans:
                of_seed.claim()
            gpus = torch.cuda.device_count() if args.device == "cuda" else 0
            try:
                for these in (starts, plans):
                    SideBySide(these, args.jobs, lock.fileno(), gpus).run()
                SideBySide(_to_train(trials, every), args.jobs, lock.fileno(), gpus).run()
            except TrialError as error:
                say(called(SCRIPT), error)
                return 1
        done, planned = results(every), _told(every)
        if not done and not planned:
            raise InputError(out, "a trial that is done", "none", "Run it without --report first.")
        found = assemble(study, done, planned)
        name = f"study_against_{args.baseline}" if args.baseline else "study"
        write_results(out / study.size.name / f"{name}.json", found)
        write_whole(out / study.size.name / f"{name}.md", tables(found))
        print(tables(found), end="")
    return 0


def _plans(study: Study, names: Sequence[str], starts: Sequence[Trial]) -> list[Plans]:
    """The found plans, and those that these systems need; none for a study without plans."""
    if study.plan is None:
        return []
    wanted = {"found", *filter(None, map(study.plan_of, names))}
    return [Plans(start, frozenset(wanted)) for start in starts]


def _to_train(trials: Sequence[Trial], every: Sequence[Trial]) -> list[Trial]:
    """Those of the trials that are not the same training as another one of them, or as one that is done."""
    same = repeated([trial for trial in every if trial.done or trial in trials])
    for name, other in same.items():
        print(f"{name}: same plan as {other.system}: not trained again", file=sys.stderr, flush=True)
    return [trial for trial in trials if trial.name not in same]


def _told(every: Sequence[Trial]) -> list[dict[str, Any]]:
    """What the plans say that are done, of each seed."""
    starts = {trial.seed: trial.start for trial in every if trial.study.plan is not None and trial.start}
    plans = [Plans(start, frozenset(PLANS)) for _, start in sorted(starts.items())]
    return [told(of_seed) for of_seed in plans if of_seed.found_is_whole]


def _check_options(study: Study, system: str, corpus: Path) -> None:
    """InputError for options that its training would refuse, before hours of others."""
    plan = [f"++model.sharing_plan={PLAN}.yaml"] if study.plan_of(system) else []
    cfg = resolve(study.training, [f"task.data={quoted(corpus)}", *plan, *study.of_training(system, seed=1)])
    for check in (check_goal, check_at_least_zero, check_losses, check_unread, check_item_lengths):
        check(cfg)
    if 0 <= (kept := cfg.checkpoint.keep_interval_updates) < study.average:
        raise InputError(study.name, f"an average of at most {kept} checkpoints, which {study.training}.yaml keeps",
                         f"average: {study.average}", "Lower it, or raise checkpoint.keep_interval_updates.")
    cfg.model.sharing_plan = ""  # it is yet to be made
    task = tasks.setup_task(cfg.task)
    task.build_model(cfg.model)
    task.weights.of(cfg.criterion.tasks.split(","))


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("study", metavar="STUDY", help=f"{', '.join(studies())}, or a YAML of the same form")
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="prepared corpus")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="DIR/SIZE/SYSTEM-seedN/ gets each trial")
    parser.add_argument("--size", default="small", help="one of the study's sizes")
    parser.add_argument("--systems", metavar="NAME,NAME,...",
                        help="train some of them, and the baseline (default: those of the size)")
    parser.add_argument("--baseline", metavar="NAME",
                        help="compare with this system, in study_against_NAME.json and .md (default: the study's)")
    parser.add_argument("--plans", action="store_true",
                        help="end with the sharing plans: train what the systems begin with, and no system")
    parser.add_argument("--seeds", type=positives, metavar="N,N,...",
                        help="train each system once with each of these seeds (default: those of the size)")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, metavar="N",
                        help="trials at a time, each a process of one thread; the results are the same for any number "
                        "(default: one for each core)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda spreads trials over all GPUs")
    parser.add_argument("--report", action="store_true", help="train nothing: tables of the trials that are done")
    return parser


if __name__ == "__main__":
    sys.exit(main())
