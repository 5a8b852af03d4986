"""What fuzzing found: results.json and table.md, written anew after each target, and the inputs of the faults."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mgcm_fairseq.checks.fuzzing.attempt import FAULTS
from mgcm_fairseq.checks.fuzzing.guard import Tally
from mgcm_fairseq.checks.fuzzing.jobs import Fault
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.evaluation.table import markdown

HEAD = ["target", "inputs", "accepted", "refused", "sorts of refusal", *FAULTS, "inputs/s", "MiB"]


class Kept:
    """The first fault of each sort of a target, with its input, in `folder`."""

    def __init__(self, folder: Path, target: str) -> None:
        self._folder, self._target = folder, target
        self._known: set[tuple[str, str]] = set()

    def __call__(self, fault: Fault) -> None:
        if (fault.kind, fault.sort) in self._known:
            return
        self._known.add((fault.kind, fault.sort))
        folder = self._folder / f"{self._target}-{fault.number}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(fault.folder, folder)
        (folder / "FAULT.txt").write_text(f"{fault.kind}: {fault.sort}\n\n{fault.detail}\n", encoding="utf-8")


def row(tally: Tally) -> dict[str, Any]:
    """A target's part of results.json; MiB is the growth of the process over all inputs."""
    return {"inputs": tally.inputs, "accepted": tally.accepted, "refused": tally.refused,
            "sorts of refusal": len(tally.refusals),
            **{kind: sum(count for (one, _), count in tally.faults.items() if one == kind) for kind in FAULTS},
            "sorts of fault": {f"{kind}: {sort}": count for (kind, sort), count in tally.faults.most_common()},
            "seconds": round(tally.seconds, 1), "inputs/s": round(tally.inputs / max(tally.seconds, 1e-9)),
            "MiB": round(tally.memory_mib)}


def write(folder: Path, results: Mapping[str, Any]) -> None:
    """Both files, each whole."""
    write_whole(folder / "results.json", json.dumps(results, indent=1) + "\n")
    write_whole(folder / "table.md", table(results))


def table(results: Mapping[str, Any]) -> str:
    """A row for each target and one for all of them; below it every sort of fault."""
    rows: dict[str, dict[str, Any]] = results["targets"]
    total = {name: sum(of_target[name] for of_target in rows.values()) for name in HEAD[1:-2]}
    seconds = sum(of_target["seconds"] for of_target in rows.values())
    total |= {"inputs/s": round(total["inputs"] / max(seconds, 1e-9)), "MiB": max(one["MiB"] for one in rows.values())}
    lines = markdown([HEAD, *([name, *(f"{one[column]:,}" for column in HEAD[1:])]
                              for name, one in {**rows, "all": total}.items())])
    faults = [f"- {name}: {sort} ({count})" for name, one in rows.items()
              for sort, count in one["sorts of fault"].items()]
    lines += ["", f"Generator {results['generator']}, seed {results['seed']}, {seconds:.0f} s.", *faults]
    return "\n".join(lines) + "\n"
