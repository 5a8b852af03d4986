"""Plans which layers languages share, by what their gradients ask of each: a YAML plan, a table, a report, a figure.

Gradients of the plain ST loss are taken on batches of one language each of the training split. An FFN of the encoder
gets private parts where groups of languages, which half of the batches propose, differ on the other half by more than
chance. If none does, the plan says that everything is shared.

If it is killed, run it again: it goes on where it was. The same seed gives the same plan for any --processes.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mgcm_fairseq.analysis.plot_sharing import plot_sharing
from mgcm_fairseq.analysis.sharing_capture import Captured, Setup, captured
from mgcm_fairseq.analysis.sharing_layers import VARIANTS, given, published, repaired
from mgcm_fairseq.analysis.sharing_report import report, table
from mgcm_fairseq.common.arguments import Parser, positive
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.plain_numbers import plain_whole
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.stopping import sigterm_as_ctrl_c
from mgcm_fairseq.core.sharing import Fit, GroupedLayer, Partition, PlanSource, SharingPlan, cross_fit
from mgcm_fairseq.core.sharing.similarity import FEWEST, canonical
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.sharing_plan import read_plan, write_plan
from mgcm_fairseq.evaluation.figures import FORMATS
from mgcm_fairseq.evaluation.results import write_results

SCRIPT = SCRIPTS["sharing-plan"]


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    args = parsed(Parser(SCRIPT, description=__doc__), arguments)
    setup = Setup(args.checkpoint, args.corpus, args.batches, args.utterances, args.seed, args.sketch, args.paired)
    for path in (args.out, args.report, args.figure):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    with sigterm_as_ctrl_c():
        found = captured(setup, args.work or args.out.with_name(f"{args.out.name}.capture"), args.processes)
    fits = cross_fit(found.of_ffns, len(found.languages), args.seed)
    layers = _layers(args, found, fits)
    source = PlanSource(found.checkpoint, found.preparation, tuple(found.languages), args.batches, args.seed)
    told = report(found, fits, args.seed)
    if args.report:
        write_results(args.report, {**_setting(args, found), **told})
    if args.figure:
        plot_sharing(told, found.languages, args.figure)
    write_plan(args.out, SharingPlan(source, layers))  # last: once it is there, nothing is left to do
    print(table(told), end="")
    for layer in layers:
        groups = " | ".join(" ".join(group) for group in layer.groups.values())
        print(f"{args.out}: {layer.ffn} has {len(layer.private)} private hidden units for each of {groups}")
    if not layers:
        print(f"{args.out}: shared. No FFN of the encoder has groups of languages that differ by more than chance.")


def parsed(parser: Parser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, which a parser without any gets first; InputError where they do not fit together."""
    _add_options(parser)
    args = parser.parse_args(arguments)
    _check(args)
    return args


def _layers(args: argparse.Namespace, found: Captured, fits: Sequence[Fit]) -> tuple[GroupedLayer, ...]:
    if args.groups:
        like = {layer.ffn: len(layer.private) for layer in read_plan(args.like).layers} if args.like else {}
        try:
            return given(found, _partition(args.groups, found.languages), args.seed, args.most, like)
        except ValueError as error:
            raise InputError("--groups", "groups by which gradients differ in some FFN", str(error).rstrip("."),
                             "Say by --like what to split.") from error
    if args.sharing_variant == "published":
        return published(found, args.seed, args.most)
    return repaired(found, fits, args.most)


def _partition(text: str, languages: Sequence[str]) -> Partition:
    """The groups of languages' ranks; InputError unless each language is in one of two groups or more."""
    groups = [group.split(",") for group in text.split(":")]
    if len(groups) < 2 or sorted(name for group in groups for name in group) != sorted(languages):
        raise InputError("--groups", f"two groups or more, with each of {', '.join(languages)} in one of them",
                         repr(text), "Write them as qaa,qab:qac,qad.")
    return canonical([[languages.index(name) for name in group] for group in groups])


def _setting(args: argparse.Namespace, found: Captured) -> dict[str, object]:
    """What the report's numbers depend on."""
    return {"checkpoint": found.checkpoint, "corpus": found.preparation, "languages": found.languages,
            "batches": args.batches, "utterances": args.utterances, "seed": args.seed, "paired": args.paired or None,
            "gradients": "CountSketch of 4,096 numbers a parameter, exact in FFNs of the encoder" if args.sketch
            else "exact", "variant": args.sharing_variant, "groups": args.groups}


def _check(args: argparse.Namespace) -> None:
    if args.batches < 2 * FEWEST:
        raise InputError("--batches", f"{2 * FEWEST} or more, for {FEWEST} in either half", str(args.batches),
                         "Ask for more.")
    if args.groups:
        _partition(args.groups, CorpusConfig.read(args.corpus).src_langs)
    if args.like and not args.groups:
        raise InputError("--like", "--groups, of which it is an option", "none", "Add them, or leave it out.")
    if args.groups and args.sharing_variant != "repaired":
        raise InputError("--sharing-variant", "repaired where --groups are given", args.sharing_variant,
                         "Leave one of the two out.")
    if args.like and not read_plan(args.like).layers:
        raise InputError(args.like, "a plan that splits some FFN, which another can be like",
                         "one that shares everything", "Leave --like out.")
    if args.figure and args.figure.suffix.removeprefix(".") not in FORMATS:
        raise InputError("--figure", f"a name that ends in {' or '.join('.' + kind for kind in FORMATS)}",
                         str(args.figure), "Correct the name.")


def _seed(text: str) -> int:
    value = plain_whole(text)
    if value is None:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 on, found {text!r}")
    return value


def _add_options(parser: Parser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True,
                        help="a model that was trained on all languages, all of whose layers they share")
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR",
                        help="its prepared corpus of several source languages")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the plan, YAML")
    parser.add_argument("--batches", type=positive, default=32, metavar="K",
                        help="batches of each language: half propose groups, half judge them; 32 can tell groups apart "
                             "where noise is some eight times as long as the signal")
    parser.add_argument("--utterances", type=positive, default=16, metavar="N",
                        help="utterances in a batch; the published code accumulates 16")
    parser.add_argument("--seed", type=_seed, default=1, help="seed of batches, permutations and bootstrap")
    parser.add_argument("--most", type=positive, default=1, metavar="N",
                        help="layers to split; the papers split one")
    parser.add_argument("--sharing-variant", choices=VARIANTS, default="repaired",
                        help="published: always two groups, and steps of delta, as GDPS's code")
    parser.add_argument("--groups", metavar="LANG,LANG:LANG,...",
                        help="split by these groups of languages, significant or not, to compare with those that are "
                        "found (default: find them)")
    parser.add_argument("--like", type=Path, metavar="FILE",
                        help="with --groups: the FFNs of this plan, with as many private hidden units, so that both "
                        "have as many parameters where they have as many groups (default: by the scores of --groups)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="JSON with every number of every module")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="PNG or SVG by layer")
    parser.add_argument("--paired", default="", metavar="SPLIT",
                        help="a split with the same sentences in every language, such as dev, for the report's CCA")
    parser.add_argument("--sketch", action="store_true",
                        help="keep 4,096 numbers of each larger parameter outside the encoder's FFNs: without it each "
                             "batch takes 4 bytes a parameter on the disk until the end")
    parser.add_argument("--work", type=Path, metavar="DIR",
                        help="folder for gradients, and then for their inner products (default: --out with .capture)")
    parser.add_argument("--processes", type=positive, default=os.cpu_count() or 1, metavar="N",
                        help="processes, each of which holds the model (default: one for each core)")


if __name__ == "__main__":
    sys.exit(main())
