"""What faults do to preparation, training and evaluation: `python -m mgcm_fairseq.checks.faults.check`."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mgcm_fairseq.checks.faults.report import table
from mgcm_fairseq.checks.faults.setting import Case, FaultsSetting, Row, say
from mgcm_fairseq.common.arguments import Parser, number, some_of
from mgcm_fairseq.common.lock import locked
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.read_text import json_lines
from mgcm_fairseq.common.whole import write_whole

SCRIPT = "scripts/checks/faults.sh"
PARTS = ("kills", "stops", "disk", "deaths", "checkpoints", "clocks")
KILLS, QUICK = 100, 10


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 if a program did not recover."""
    options = _parser().parse_args(arguments)
    kills = int(options.kills or (QUICK if options.quick else KILLS))
    setting = FaultsSetting(options.out.resolve(), options.seed, kills, options.quick)
    with locked(setting.out, "fault-check"):
        rows = check(setting, options.parts)
    write_whole(setting.out / "table.md", table(rows))
    print(table(rows), end="")
    return 1 if any(row["fault"] for row in rows) else 0


def check(setting: FaultsSetting, parts: Sequence[str]) -> list[Row]:
    """All cases one after the other; results.jsonl grows by a line after each, and what is in it is not done again."""
    began = time.monotonic()
    path = setting.out / "results.jsonl"
    rows = [row for _, row in json_lines(path, f"Delete {path} to begin again.")] if path.is_file() else []
    known = {(row["part"], row["case"], row["number"]) for row in rows if row["seed"] == setting.seed}
    for part, cases in _cases(setting, parts):
        for case in cases:
            if (part, case.name, case.number) in known:
                continue
            row = {"part": part, "case": case.name, "number": case.number, "seed": setting.seed, **case.run()}
            rows.append(row)
            with path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            say(f"[{time.monotonic() - began:4.0f} s] {part}: {case.name} {case.number}: "
                f"{row['fault'] or row.get('said') or row.get('reached') or 'as before'}")
    return rows


def _cases(setting: FaultsSetting, parts: Sequence[str]) -> Iterator[tuple[str, Iterator[Case]]]:
    """Imports what is forked, in this process alone and not in those that a program spawns."""
    import torch

    from mgcm_fairseq.checks.faults.checkpoints import checkpoints
    from mgcm_fairseq.checks.faults.clocks import clocks
    from mgcm_fairseq.checks.faults.deaths import deaths
    from mgcm_fairseq.checks.faults.disk import full_disks
    from mgcm_fairseq.checks.faults.disturb import Bench
    from mgcm_fairseq.checks.faults.kills import kills
    from mgcm_fairseq.checks.faults.material import make
    from mgcm_fairseq.checks.faults.programs import import_everything
    from mgcm_fairseq.checks.faults.stops import stops

    found: dict[str, Callable[[Bench], Iterator[Case]]] = {
        "kills": kills, "stops": stops, "disk": full_disks, "deaths": deaths, "checkpoints": checkpoints,
        "clocks": clocks}
    torch.set_num_threads(1)  # a process with threads cannot be forked safely
    import_everything()
    bench = Bench(setting, make(setting.material))
    for part in parts:
        yield part, found[part](bench)


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="gets results.jsonl and table.md; the same command goes on where it stopped")
    parser.add_argument("--parts", type=some_of(PARTS), default=list(PARTS), metavar="NAME,...",
                        help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--kills", type=number(QUICK, 100_000, f"a number from {QUICK} to 100,000"), metavar="N",
                        help=f"by SIGKILL, over all programs (default: {KILLS})")
    parser.add_argument("--seed", type=int, default=1, help="of all random choices")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} kills and the least of each part")
    return parser


if __name__ == "__main__":
    sys.exit(main())
