"""Scores finished runs: `python -m mgcm_fairseq.evaluation.report` writes results.json, table.md and bleu_al.png."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.evaluation.instances import read_instances
from mgcm_fairseq.evaluation.offline import read_hypotheses
from mgcm_fairseq.evaluation.plot import plot
from mgcm_fairseq.evaluation.results import assemble, write_results, write_text
from mgcm_fairseq.evaluation.table import table

SIMUL = re.compile(r"([^:=]+):(\d+)=(.+)")
OFFLINE = re.compile(r"([^=]+)=(.+)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table and returns 0; prints what is wrong with the input and returns 2."""
    options = _parser().parse_args(arguments)
    try:
        references = [utterance.tgt_text for utterance in read_manifest(options.manifest)]
        files = _named("--offline", OFFLINE, "NAME=FILE", options.offline)
        folders = _named("--simul", SIMUL, "POLICY:LAG=FOLDER with a whole number as LAG", options.simul)
        offline = {name: read_hypotheses(path, len(references)) for (name,), path in files.items()}
        simul = {(policy, int(lag)): read_instances(path, references) for (policy, lag), path in folders.items()}
        results = assemble(offline, simul, references, options.source_segment_size, options.dtype)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    text = table(results)
    write_results(options.out / "results.json", results)
    write_text(options.out / "table.md", text)
    plot(results, options.out / "bleu_al.png")
    print(text, end="")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mgcm_fairseq.evaluation.report", description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="TSV of the translated split")
    parser.add_argument("--offline", action="append", default=[], metavar="NAME=FILE",
                        help="generate-SPLIT.txt of fairseq-generate, e.g. beam5=...; may be repeated")
    parser.add_argument("--simul", action="append", required=True, metavar="POLICY:LAG=FOLDER",
                        help="--output folder of simuleval, e.g. wait-k:3=...; may be repeated")
    parser.add_argument("--source-segment-size", type=int, required=True, metavar="MS",
                        help="as given to simuleval, which does not record it")
    parser.add_argument("--dtype", choices=["fp32", "fp16"], default="fp32", help="as given to simuleval (fp32)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    return parser


def _named(option: str, pattern: re.Pattern[str], expected: str, texts: Sequence[str]) -> dict[tuple[str, ...], Path]:
    """The paths after the last group of `pattern`, by the groups before it."""
    runs: dict[tuple[str, ...], Path] = {}
    for text in texts:
        match = pattern.fullmatch(text)
        if match is None:
            raise InputError(option, expected, repr(text), "See --help.")
        *name, path = match.groups()
        if tuple(name) in runs:
            raise InputError(option, "each run once", f"{':'.join(name)} again", "Drop one of the two.")
        runs[tuple(name)] = Path(path)
    return runs


if __name__ == "__main__":
    sys.exit(main())
