"""Compares the runs of a checkpoint on sentences with those on the talks that these are from, with intervals."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.evaluation.comparison.bootstrap import bleu_statistics, corpus_bleu, draw, judge
from mgcm_fairseq.evaluation.comparison.systems import Evaluated, Key, read_systems
from mgcm_fairseq.evaluation.logs import run_name
from mgcm_fairseq.evaluation.long_form.resegmentation import as_compared
from mgcm_fairseq.evaluation.table import markdown

SCRIPT = "scripts/checks/talks_against_sentences.py"
RESAMPLES, SEED = 2000, 1


@program(SCRIPT)
def main() -> None:
    args = _parser().parse_args()
    sentences, talks = (read_systems({str(folder): [folder]}, None)[str(folder)][0]
                        for folder in (args.sentences, args.talks))
    rows = compare(sentences, talks)
    for run in sorted({*sentences.runs} ^ {*talks.runs}):
        folder = args.sentences if run in sentences.runs else args.talks
        print(f"{SCRIPT}: {run_name(*run)} is in {folder} alone, and left out.", file=sys.stderr)
    if args.out:
        write_whole(args.out, json.dumps(rows, indent=1) + "\n")
    print(table(rows))


def compare(sentences: Evaluated, talks: Evaluated) -> list[dict[str, Any]]:
    """For each run of the talks that the sentences have, too: BLEU of both, their Difference, LAAL and LongLAAL in ms.

    InputError if the folders are not about the same references and the same model.
    """
    for name in ("model", "target_language"):
        found = [one.results["environment"][name] for one in (sentences, talks)]
        if found[0] != found[1]:
            raise InputError(talks.folder, f"the {name} of {sentences.folder}, {found[0]}", str(found[1]),
                             "Evaluate one checkpoint both ways.")
    keys = [key for key in talks.runs if key in sentences.runs]
    if not keys:
        raise InputError(talks.folder, f"a run that {sentences.folder} has", "none", "Evaluate the same runs.")
    return [_row(key, sentences, talks) for key in keys]


def _row(key: Key, sentences: Evaluated, talks: Evaluated) -> dict[str, Any]:
    both = sentences, talks
    references = [[one.reference for one in evaluated.instances[key]] for evaluated in both]
    compared = [[as_compared(one, evaluated.language.unit) for one in texts]
                for evaluated, texts in zip(both, references, strict=True)]
    if compared[0] != compared[1]:
        raise InputError(talks.folder, f"the {len(references[0])} references of {sentences.folder}, in their order",
                         f"{len(references[1])} references, and not these", "Evaluate the talks of that test set.")
    statistics = [bleu_statistics([one.prediction for one in evaluated.instances[key]], texts,
                                  evaluated.language.tokenizer)
                  for evaluated, texts in zip(both, references, strict=True)]
    count = len(references[0])
    once, counts = draw(count, 1, SEED) * 0 + 1, draw(count, RESAMPLES, SEED)
    [first], [second] = (corpus_bleu(one, once) for one in statistics)
    resampled = corpus_bleu(statistics[1], counts) - corpus_bleu(statistics[0], counts)
    return {"run": run_name(*key), "sentences": float(first), "talks": float(second),
            **asdict(judge(float(second - first), resampled, count)),
            "LAAL": sentences.runs[key]["LAAL"], "LongLAAL": talks.runs[key]["LongLAAL"]}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each run; the interval is of 95 %."""
    head = ["run", "BLEU of sentences", "of talks", "difference", "interval", "LAAL (ms)", "LongLAAL (ms)"]
    lines = [[row["run"], f"{row['sentences']:.1f}", f"{row['talks']:.1f}", f"{row['difference']:+.1f}",
              f"{row['low']:+.1f} to {row['high']:+.1f}",
              *("–" if row[name] is None else f"{row[name]:.0f}" for name in ("LAAL", "LongLAAL"))] for row in rows]
    return "\n".join(markdown([head, *lines]))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("sentences", type=Path, help="folder of scripts/evaluate.sh")
    parser.add_argument("talks", type=Path, help="folder of scripts/evaluate.sh --long-form, of the same checkpoint")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    return parser
