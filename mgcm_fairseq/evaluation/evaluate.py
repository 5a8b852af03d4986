"""Translates a test set under several policies and scores it: `python -m mgcm_fairseq.evaluation.evaluate`."""

import argparse
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mgcm_fairseq.core.signature import environment
from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.evaluation.instances import read_instances
from mgcm_fairseq.evaluation.logs import RunLog, environments
from mgcm_fairseq.evaluation.plot import plot
from mgcm_fairseq.evaluation.results import assemble, write_results, write_text
from mgcm_fairseq.evaluation.runs import Run, parse_runs
from mgcm_fairseq.evaluation.table import table
from mgcm_fairseq.evaluation.workers import DTYPES, Setting, load, translate

DEFAULT_RUNS = ["wait-segment:1,3,5,7,9,11,13,15", "offline:1,5"]
DECISIVE = ("commit", "torch", "simuleval", "cpu", "gpu")  # of the environment: what figures may depend on


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables and returns 0; prints what is wrong with the input and returns 2."""
    options = _parser().parse_args(arguments)
    try:
        results = evaluate(options)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    text = table(results)
    write_results(options.out / "results.json", results)
    write_text(options.out / "table.md", text)
    plot(results, options.out)
    print(text, end="")
    return 0


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """results.json of a test set; goes on where an earlier evaluation in the same folder stopped."""
    for option, value in (("--source-segment-size", options.source_segment_size), ("--processes", options.processes)):
        if value < 1:
            raise InputError(option, "a whole number from 1 on", str(value), "Correct the option.")
    runs = parse_runs(options.run or DEFAULT_RUNS)
    sources, setting = _test_set(options)
    if not options.checkpoint.is_file():
        raise InputError(options.checkpoint, "a checkpoint", "no such file", "Correct --checkpoint.")
    with options.checkpoint.open("rb") as file:
        model = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    shared = {"model": model, "split": options.split, "source_segment_size_ms": options.source_segment_size,
              "dtype": options.dtype, "device": options.device}
    logs = {run: RunLog(options.out / "runs" / run.name, len(sources),
                        {**shared, "policy": run.policy, "options": " ".join(run.options)}, environment())
            for run in runs}
    _translate_missing(logs, setting, options.processes)
    instances = {run: read_instances(log.folder, setting.references) for run, log in logs.items()}
    found = environments([log.folder for log in logs.values()])
    differing = {name: sorted({str(one[name]) for one in found}) for name in DECISIVE}
    return assemble(instances, sources, {
        **{name: value for name, value in found[0].items() if name in DECISIVE}, **shared,
        "differing": {name: values for name, values in differing.items() if len(values) > 1}})


def _translate_missing(logs: Mapping[Run, RunLog], setting: Setting, processes: int) -> None:
    jobs = [(run, index) for run, log in logs.items() for index in log.missing]
    if not jobs:
        return
    system = load(setting)  # before the processes start: a fault shows once, and at once
    for run in logs:
        run.agent(setting.checkpoint, system)
    del system
    with tqdm(total=len(jobs), desc="translating", unit=" sentences") as progress:
        for run, record in translate(setting, jobs, processes):
            logs[run].add(record)
            progress.set_postfix_str(run.name, refresh=False)
            progress.update()


def _test_set(options: argparse.Namespace) -> tuple[list[str], Setting]:
    """Transcripts, and what the processes need."""
    utterances = read_manifest(options.corpus / f"{options.split}.tsv")
    listed = options.corpus / "simuleval" / f"{options.split}.source"
    if not listed.is_file():
        raise InputError(listed, "SimulEval's list of wavs", "no such file", "Prepare with scripts/prep_mustc.sh.")
    wavs = listed.read_text(encoding="utf-8").splitlines()
    if len(wavs) != len(utterances):
        raise InputError(listed, f"{len(utterances)} wavs as in the manifest", str(len(wavs)), "Prepare again.")
    return [one.src_text for one in utterances], Setting(
        options.checkpoint, options.corpus, tuple(wavs), tuple(one.tgt_text for one in utterances),
        options.source_segment_size, options.dtype, options.device)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/evaluate.sh", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="trained simul_st checkpoint")
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR", help="prepared corpus of the test set")
    parser.add_argument("--split", default="tst-COMMON", help="test set (%(default)s)")
    parser.add_argument("--run", action="append", metavar="POLICY:LAG,LAG,... [OPTIONS]",
                        help="may be repeated; policies: wait-segment, wait-k, local-agreement, alignatt, edatt, "
                        "offline (the lag is its beam); OPTIONS are the agent's; NAME= in front names the curve. "
                        f"Default: {' and '.join(DEFAULT_RUNS)}")
    parser.add_argument("--source-segment-size", type=int, default=320, metavar="MS",
                        help="audio in a read, in ms (%(default)s)")
    parser.add_argument("--dtype", choices=DTYPES, default="fp32", help="precision (%(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ... (%(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), metavar="N",
                        help="sentences translated at a time (one a core: %(default)s); the text is the same for all")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
