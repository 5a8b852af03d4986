"""Makes the tables and figures of docs/replication.md: of a study that was trained, or again of replication.json.

With --trial it says where one training's numbers come from: its commands, its log and its seed.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS, SCRIPTS
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.studies.replication.figures import draw
from mgcm_fairseq.studies.replication.gather import as_lines, gather, study_of, systems_to_train
from mgcm_fairseq.studies.replication.origin import origin
from mgcm_fairseq.studies.replication.page import all_tables, fill
from mgcm_fairseq.studies.study_file import read_study

SCRIPT = SCRIPTS["replication"]
STUDY = CONFIGS / "studies" / "replication.yaml"


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    args = _parser().parse_args(arguments)
    if args.systems:
        if args.study is None:
            raise InputError("--systems", "--study, whose first seed chooses the weights", "none", "Add it.")
        found = study_of(args.study, STUDY.stem)
        print(",".join(systems_to_train(found, read_study(STUDY, found["size"]))))
        return
    if not (args.trial or args.page or args.out):
        raise InputError("--trial, --page and --out", "one of them at least", "none", "Say what is to be written.")
    found = _found(args.study, args.numbers, args.cost or ())
    if args.trial:
        print(origin(found, args.trial))
    if args.page:
        fill(args.page, found)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        write_whole(args.out / "replication.json", as_lines(found))
        write_whole(args.out / "tables.md", all_tables(found))
        left_out = draw(found, args.out)
        print(all_tables(found), end="")
        for name in left_out:
            print(f"{name}: not drawn, for the baseline logged no conflicts.")


def _found(study: Path | None, numbers: Path | None, costs: Sequence[Path]) -> dict[str, Any]:
    if (study is None) == (numbers is None):
        raise InputError("--study and --numbers", "one of the two", "none" if study is None else "both", "Correct it.")
    if numbers is not None and costs:
        raise InputError("--cost", "--study, whose costs they are", "--numbers", "Leave it out: that file has them.")
    if study is not None:
        return gather(study.resolve(), read_study(STUDY, study_of(study, STUDY.stem)["size"]), costs)
    try:
        found: dict[str, Any] = read_json(numbers or Path())
        if missing := {"study", "trials", "systems", "runs"} - set(found):
            raise ValueError(f"one without {', '.join(sorted(missing))}")
        return found
    except (OSError, ValueError, TypeError) as error:
        raise InputError(numbers or "--numbers", "a replication.json", str(error), "Check the path.") from error


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--study", type=Path, metavar="DIR", help="folder OUT/SIZE of the study `replication`")
    parser.add_argument("--numbers", type=Path, metavar="FILE", help="replication.json, in place of --study")
    parser.add_argument("--cost", type=Path, nargs="+", metavar="FILE",
                        help="with --study: JSON that the benchmark of conflict handling wrote")
    parser.add_argument("--out", type=Path, metavar="DIR", help="gets replication.json, tables.md and figures")
    parser.add_argument("--page", type=Path, metavar="FILE",
                        help="page whose marked tables are written anew, such as docs/replication.md")
    parser.add_argument("--trial", metavar="NAME", help="say where the numbers of SYSTEM-seedN come from")
    parser.add_argument("--systems", action="store_true",
                        help="print the systems that are left to train once the first seed has chosen constant weights")
    return parser


if __name__ == "__main__":
    sys.exit(main())
