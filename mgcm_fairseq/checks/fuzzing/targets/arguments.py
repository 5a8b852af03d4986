"""Command lines of the programs, up to where they begin to work."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from mgcm_fairseq.agents.choice import build_agent, read_choice
from mgcm_fairseq.checks.fuzzing.spoiling import few, scalar, spoil_bytes
from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.checks.fuzzing.targets.systems import corpus, state
from mgcm_fairseq.commands import compare, evaluate, export, prepare, train, translate
from mgcm_fairseq.data.augmentation import Augmentation
from mgcm_fairseq.data.languages import language, source_languages
from mgcm_fairseq.decoding.system import System, load_system
from mgcm_fairseq.evaluation.runs import Run, parse_runs
from mgcm_fairseq.models.simul_st import _lag_range
from mgcm_fairseq.recipes.cluster import Cluster
from mgcm_fairseq.recipes.launch import Launch
from mgcm_fairseq.recipes.rows import overrides_of, trainings_of

LINES: dict[str, tuple[str, ...]] = {
    "prepare": ("--root", "/r", "--lang", "de", "--src-lang", "en,fr", "--vocab-size", "100", "--processes", "2"),
    "manifests": ("--manifest", "train=a.tsv", "dev=b.lst", "--out", "/o", "--lang", "de"),
    "evaluate": ("--checkpoint", "/c.pt", "--corpus", "/d", "--out", "/o", "--run", "wait-segment:1,3", "--run",
                 "wide=alignatt:2,4 --beam 5", "--run", "edatt:0.2", "--run", "wait-k:3 --step-ms 320", "--processes",
                 "2", "--source-segment-size", "320", "--run", "local-agreement:640 --agreeing 2"),
    "compare": ("a=/r/1,/r/2", "b=/r/3", "--out", "/o", "--at", "500,1000", "--resamples", "10", "--seed", "1"),
    "train": ("mgcm_diseg", "--data", "/d", "--w2v", "/w.pt", "--out", "/o", "--gpus", "4", "--nodes", "1",
              "--gpu-memory", "80", "--tflops", "13", "--best", "5", "model.dropout=0.1"),
    "export": ("--checkpoint", "/c.pt", "--policy", "wait-segment", "--out", "/o", "--", "--lag", "3"),
    "translate": ("a.wav", "--checkpoint", "/c.pt", "--run", "alignatt:4 --beam 2"),
    "augment": ("0.9,1,1.1", "-6,6", "10,30"),
    "lags": ("1,15",),
}


class Arguments:
    """A number is taken for what it says, or refused."""

    def __init__(self, shared: Path) -> None:
        folder, checkpoint = corpus(shared / "corpus"), shared / "checkpoint.pt"
        import torch

        torch.save(state(folder), checkpoint)
        self._system = load_system(checkpoint, folder)

    def draw(self, random: Random) -> Files:
        program = random.choice(list(LINES))
        line = list(LINES[program])
        for _ in range(random.randint(0, 2)):
            at, kind = random.randrange(len(line)), random.randrange(8)
            if kind < 3:
                line[at] = scalar(random)
            elif kind < 5:
                head, mark, _ = line[at].rpartition(random.choice(",:= "))
                line[at] = head + mark + scalar(random)
            elif kind == 5:
                line[at] = few(random, line[at].encode(), (spoil_bytes,), 1).decode("utf-8", "replace")
            elif kind == 6 and len(line) > 1:
                del line[at]
            else:
                line.insert(at, line[random.randrange(len(line))])
        return {"line.json": json.dumps([program, line]).encode()}

    def read(self, folder: Path) -> None:
        program, line = json.loads((folder / "line.json").read_text())
        PROGRAMS[program](line, self._system)


def _prepare(line: Sequence[str], system: System) -> None:
    args = prepare.parse_arguments(line)
    for code in (*source_languages(args.src_lang), args.lang):
        language(code)


def _evaluate(line: Sequence[str], system: System) -> None:
    options = evaluate._parser().parse_args(line)
    runs = parse_runs(options.run or evaluate.DEFAULT_RUNS)
    for run in runs:
        same("settings of a run", Run.of_settings(json.loads(json.dumps(run.settings))), run)
        run.agent(Path("/c.pt"), system)
        if "/" in run.name or len(run.name) > 255:
            raise AssertionError(f"expected a run that names a folder, found {run.name}")


def _compare(line: Sequence[str], system: System) -> None:
    options = compare._parser().parse_intermixed_args(line)
    compare._whole("--resamples", options.resamples, 1)
    compare._whole("--seed", options.seed, 0)
    if options.at is not None:
        same("latencies", compare._latencies(options.at), [float(part) for part in options.at.split(",")])
    compare._named(options.systems)


def _train(line: Sequence[str], system: System) -> None:
    args = train._parser().parse_intermixed_args(line)
    cluster = Cluster(args.nodes, args.gpus, args.cpu)
    Launch(args.launcher, cluster, args.node_rank, args.master).check()
    trainings = trainings_of(args.row, args.text_first)
    for training in trainings:
        cluster.overrides(overrides_of(training, args.overrides, trainings))


def _export(line: Sequence[str], system: System) -> None:
    given = export._parser().parse_args(line)
    args = export.agent_args(given.policy, given.checkpoint, given.corpus, given.options)
    export.agent_class(given.policy)(args, system)


def _translate(line: Sequence[str], system: System) -> None:
    args = translate._parser().parse_args(line)
    _, policy, points, options = read_choice(args.run or f"wait-k:{args.wait_k or args.lag}")
    for point in points:
        build_agent(policy, point, options, args.checkpoint, system)


def _augment(line: Sequence[str], system: System) -> None:
    speed, gain, noise = [*line, "", "", ""][:3]
    Augmentation.parse(speed, gain, noise, seed=1)


def _lags(line: Sequence[str], system: System) -> None:
    same("lags", list(_lag_range(line[0] if line else "")), [int(part) for part in line[0].split(",")])


PROGRAMS: dict[str, Callable[[Sequence[str], System], None]] = {
    "prepare": _prepare, "manifests": _prepare, "evaluate": _evaluate, "compare": _compare, "train": _train,
    "export": _export, "translate": _translate, "augment": _augment, "lags": _lags}
