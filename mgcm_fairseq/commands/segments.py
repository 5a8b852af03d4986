"""Counts the segments that a model makes while it streams against the words of the transcripts: JSON and a table."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from mgcm_fairseq.analysis.segment_counts import count_segments, split_at
from mgcm_fairseq.analysis.segment_report import assemble, table
from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.program import program
from mgcm_fairseq.data.languages import UNITS, language
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.decoding.system import System, load_system
from mgcm_fairseq.evaluation.results import write_results

SCRIPT = SCRIPTS["segments"]


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    args = _parser().parse_args(arguments)
    paths = [args.checkpoint] if args.published is None else [args.checkpoint, args.published]
    utterances = read_manifest(args.corpus / f"{args.split}.tsv")
    median = split_at(utterances)
    models = [_segmenting(path, args.corpus) for path in paths]
    variants = [system.network.encoder.segmenting.variant.name for system in models]
    if variants[1:] not in ([], ["published"]):
        raise InputError("--published", "a model trained with --segmentation-variant published",
                         f"one of {variants[1]}", "Pass it as --checkpoint.")
    counts = [list(tqdm(count_segments(system.network.encoder, utterances, args.source_segment_size,
                                       system.corpus.src_langs), total=len(utterances),
                        desc=f"{variant}: streaming", unit=" utterances"))
              for variant, system in zip(variants, models, strict=True)]
    report = assemble(counts[0], counts[1] if args.published else None, median, {
        "split": args.split, "source_segment_size_ms": args.source_segment_size, "dtype": "fp32",
        "variant": variants[0], "unit": UNITS[language(utterances[0].src_lang).unit]})
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_results(args.out, report)
    print(table(report), end="")


def _segmenting(checkpoint: Path, corpus: Path) -> System:
    """The system of a checkpoint that segments."""
    system = load_system(checkpoint, corpus)
    if not system.phase.segmented:
        raise InputError(checkpoint, "a model trained with --segmentation-variant, past --segment-from",
                         "one that does not segment", "Train it so, or longer.")
    return system


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="a model trained with --segmentation-variant")
    parser.add_argument("--published", type=Path, metavar="CHECKPOINT",
                        help="one trained with --segmentation-variant published, for comparison")
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR",
                        help="prepared corpus: manifests, config.yaml and vocabulary")
    parser.add_argument("--split", default="tst-COMMON", help="split to stream, DIR/SPLIT.tsv")
    parser.add_argument("--source-segment-size", type=int, default=320, metavar="MS",
                        help="audio that arrives at a time, in ms")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON, e.g. runs/demo/segments.json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
