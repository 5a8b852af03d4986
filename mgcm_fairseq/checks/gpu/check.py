"""One command for a machine with a GPU: `python -m mgcm_fairseq.checks.gpu.check`, scripts/checks/gpu.sh."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from mgcm_fairseq import compat
from mgcm_fairseq.checks.gpu import report
from mgcm_fairseq.checks.gpu.isolated import rows_of
from mgcm_fairseq.checks.gpu.parts import MADE, PARTS
from mgcm_fairseq.checks.gpu.setting import GpuSetting, Row, say
from mgcm_fairseq.common.arguments import Parser, number, some_of
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import program

SCRIPT = "scripts/checks/gpu.sh"


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 if a part failed."""
    options = _parser().parse_args(arguments)
    results = check(options)
    print(report.tables(results), end="")
    failed = report.failures(results)
    for failure in failed:
        say(f"FAILED: {failure}")
    return 1 if failed else 0


def check(options: argparse.Namespace) -> dict[str, Any]:
    """All parts one after the other; results.json holds at any time what has been found so far."""
    began = time.monotonic()
    if options.corpus is not None and not (options.corpus / "train.tsv").is_file():
        raise InputError("--corpus", "a prepared corpus", f"no train.tsv in {options.corpus}",
                         "Leave it out to have one made.")
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    compat.silence_what_only_others_can_mend()
    corpus = (options.corpus or out / "corpus" / "en-de").resolve()

    def setting(seconds: float) -> GpuSetting:
        return GpuSetting(out, corpus, options.device, options.quick, options.seconds or seconds)

    [found] = rows_of(_environment, setting(60))
    if "error" in found:
        raise InputError("--device", "a device of this machine", found["error"], "Pass --device cpu --quick to try.")
    results: dict[str, Any] = {"parts": {}, "environment": {**found, **({"commit": options.commit}
                                                                        if options.commit else {})}}
    for name, part in {"corpus": MADE, **{name: PARTS[name] for name in PARTS if name in options.parts}}.items():
        rows = results["parts"][name] = []
        say(f"[{time.monotonic() - began:4.0f} s] {name}")
        for row in rows_of(part.rows, setting(part.seconds)):
            rows.append(row)
            report.write(out, results)
    results["seconds"] = round(time.monotonic() - began, 1)
    report.write(out, results)
    say(f"[{results['seconds']:4.0f} s] {out}/results.json, {out}/table.md")
    return results


def _environment(setting: GpuSetting) -> Iterator[Row]:
    """In a process of its own, since it asks the GPU for its name."""
    if setting.device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("cuda, which PyTorch does not see")
    cuda = {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()} if setting.device == "cuda" else {}
    yield {**environment(), **cuda, "device": setting.device, "quick": setting.quick}


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets results.json and table.md")
    parser.add_argument("--parts", type=some_of(PARTS), default=list(PARTS), metavar="NAME,...",
                        help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--corpus", type=Path, metavar="DIR",
                        help="prepared corpus; without it one is spoken, which needs espeakng-loader")
    parser.add_argument("--seconds", type=number(1, 3600, "seconds from 1 to 3,600"), metavar="S",
                        help="after which each part begins nothing more (default: its own, eight minutes for all)")
    parser.add_argument("--commit", help="for a copy without .git: the commit to write into the results")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="to measure")
    parser.add_argument("--quick", action="store_true",
                        help="the least of each part, on networks of no use: does all of it run?")
    return parser


if __name__ == "__main__":
    sys.exit(main())
