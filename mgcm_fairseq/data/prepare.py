"""Preparation of a corpus in the MuST-C layout: manifests, vocabulary, config.yaml and SimulEval lists."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.data.manifest import Utterance, read_manifest, write_manifest
from mgcm_fairseq.data.mustc import Segment, SegmentError, SplitFiles, read_split
from mgcm_fairseq.data.simuleval_lists import write_lists
from mgcm_fairseq.data.steps import StepRecord, Summary, write_whole
from mgcm_fairseq.data.vocabulary import Vocabulary, dictionary_lines, train

FORMAT = 1  # raise it when the files written here change, so that corpora are prepared again
SPLITS = ("train", "dev", "tst-COMMON")
OPTIONAL_SPLITS = ("tst-HE",)
SIMULEVAL_SPLITS = ("dev", "tst-COMMON", "tst-HE")
MIN_TRAIN_FRAMES, MAX_TRAIN_FRAMES = 3_000, 480_000  # samples: 187.5 ms and 30 s; the bounds of DiSeg
SHOWN = 3  # faults of each kind that are printed; prep_report.json has all


@dataclass(frozen=True)
class Preparation:
    """Prepares `folder` (DIR/en-de); every method is a step that is skipped while its files are up to date."""

    folder: Path
    src_lang: str
    tgt_lang: str
    vocab_size: int
    skip_bad: bool
    workers: int
    record: StepRecord

    def split(self, name: str) -> Summary:
        """Writes NAME.tsv."""
        files = SplitFiles(self.folder / "data" / name, self.src_lang, self.tgt_lang)
        options = {"format": FORMAT, "src": self.src_lang, "tgt": self.tgt_lang, "skip_bad": self.skip_bad}
        return self._step(name, options, files.inputs(), lambda: self._write_split(name, files))

    def vocabulary(self) -> Summary:
        """Writes spm_unigramN.model, spm_unigramN.txt and config.yaml from train.tsv."""
        manifest = self.folder / "train.tsv"
        return self._step("vocabulary", {"format": FORMAT, "size": self.vocab_size}, [manifest],
                          lambda: self._write_vocabulary(read_manifest(manifest)))

    def simuleval(self, name: str) -> Summary:
        """Writes simuleval/NAME.source, .target and the wavs they list."""
        manifest = self.folder / f"{name}.tsv"
        return self._step(f"simuleval {name}", {"format": FORMAT}, [manifest],
                          lambda: self._write_simuleval(name, read_manifest(manifest)))

    def _step(self, name: str, options: dict[str, Any], inputs: list[Path],
              work: Callable[[], tuple[list[Path], Summary]]) -> Summary:
        summary, ran = self.record.run(name, options, inputs, work)
        print(f"{name}: {'done' if ran else 'up to date'}", flush=True)
        return summary

    def _write_split(self, name: str, files: SplitFiles) -> tuple[list[Path], Summary]:
        faults: list[SegmentError] = []

        def on_fault(fault: SegmentError) -> None:
            if not self.skip_bad:
                raise fault
            faults.append(fault)

        segments = read_split(files, on_fault, self.workers)
        reasons = [train_filter(segment) if name == "train" else None for segment in segments]
        kept = [segment for segment, reason in zip(segments, reasons, strict=True) if reason is None]
        left_out = Counter(fault.reason for fault in faults)
        filtered = Counter(reason for reason in reasons if reason)
        if not kept:
            raise InputError(files.folder, "at least one usable segment",
                             f"none of {len(segments) + len(faults)}: {dict(left_out + filtered)}", "Repair it.")
        path = self.folder / f"{name}.tsv"
        write_manifest(path, (self._utterance(segment) for segment in kept))
        return [path], {
            "segments": len(segments) + len(faults), "kept": len(kept),
            "hours": sum(segment.audio.frames for segment in kept) / SAMPLE_RATE / 3600,
            "talks": len({segment.audio.path for segment in kept}),
            "speakers": len({segment.speaker for segment in kept}),
            "filtered": dict(filtered), "left_out": dict(left_out),
            "shortened": sum(segment.shortened > 0 for segment in segments),
            "faults": [{"reason": fault.reason, "message": str(fault)} for fault in faults],
        }

    def _utterance(self, segment: Segment) -> Utterance:
        return Utterance(segment.id, segment.audio, segment.audio.frames, segment.src_text, segment.tgt_text,
                         segment.speaker, self.src_lang, self.tgt_lang)

    def _write_vocabulary(self, utterances: list[Utterance]) -> tuple[list[Path], Summary]:
        name = f"spm_unigram{self.vocab_size}"
        config = CorpusConfig(self.src_lang, self.tgt_lang, SAMPLE_RATE, f"{name}.txt", f"{name}.model")
        texts = [text for row in utterances for text in (row.src_text, row.tgt_text)]
        print(f"vocabulary: training SentencePiece on {len(texts)} sentences", flush=True)
        model = train(texts, self.vocab_size, (self.src_lang, self.tgt_lang))
        paths = [self.folder / config.spm_filename, self.folder / config.vocab_filename, self.folder / "config.yaml"]
        write_whole(paths[0], model)
        write_whole(paths[1], "".join(line + "\n" for line in dictionary_lines(model)))
        config.write(self.folder)
        return paths, {"asked": self.vocab_size, "size": len(Vocabulary.load(self.folder, config))}

    def _write_simuleval(self, name: str, utterances: list[Utterance]) -> tuple[list[Path], Summary]:
        return write_lists(self.folder / "simuleval", name, utterances, self.workers), {"wavs": len(utterances)}


def train_filter(segment: Segment) -> str | None:
    """Why training does without this segment, or None. Applied to train only; dev and test are never filtered."""
    if segment.audio.frames < MIN_TRAIN_FRAMES:
        return f"shorter than {MIN_TRAIN_FRAMES} samples"
    if segment.audio.frames > MAX_TRAIN_FRAMES:
        return f"longer than {MAX_TRAIN_FRAMES} samples"
    return None if segment.src_text and segment.tgt_text else "empty text"


def print_summary(splits: dict[str, Summary], vocabulary: Summary, report: Path) -> None:
    """The table, every number of segments that are not in it and why, and the size of the vocabulary."""
    columns = ("segments", "kept", "hours", "talks", "speakers")
    print("\n" + f"{'split':<12}" + "".join(f"{name:>10}" for name in columns))
    for split, summary in splits.items():
        cells = (f"{summary[name]:.2f}" if name == "hours" else str(summary[name]) for name in columns)
        print(f"{split:<12}" + "".join(f"{cell:>10}" for cell in cells))
    for split, summary in splits.items():
        for reason, count in summary["filtered"].items():
            print(f"{split}: the train filter of DiSeg removed {count}: {reason}")
        if summary["shortened"]:
            print(f"{split}: {summary['shortened']} segments shortened by at most 10 ms to the end of their wav")
        for reason, count in summary["left_out"].items():
            print(f"{split}: --skip-bad left out {count}: {reason}")
            faults = [fault["message"] for fault in summary["faults"] if fault["reason"] == reason]
            print("".join(f"    {message}\n" for message in faults[:SHOWN]), end="")
            if len(faults) > SHOWN:
                print(f"    ... and {len(faults) - SHOWN} more in {report}")
    asked, size = vocabulary["asked"], vocabulary["size"]
    print(f"vocabulary: {size} pieces" if size == asked else
          f"VOCABULARY SMALLER THAN ASKED: asked {asked}, text allows {size}")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line of scripts/prep_mustc.sh."""
    parser = argparse.ArgumentParser(prog="scripts/prep_mustc.sh", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder with en-de/data/{train,dev,tst-COMMON}")
    parser.add_argument("--lang", required=True, help="target language, e.g. de")
    parser.add_argument("--src-lang", default="en", help="source language")
    parser.add_argument("--vocab-size", type=_positive, default=10_000, help="pieces of the joint vocabulary")
    parser.add_argument("--splits", nargs="+", help="default: train dev tst-COMMON, and tst-HE if present")
    parser.add_argument("--skip-bad", action="store_true", help="leave faulty segments out and report them")
    parser.add_argument("--workers", type=_positive, default=os.cpu_count() or 1, help="threads that read and cut wavs")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, found {text!r}")
    return int(text)


def prepare(args: argparse.Namespace) -> None:
    """Runs all steps; raises InputError at the first fault of the input."""
    folder = args.root.resolve() / f"{args.src_lang}-{args.lang}"
    if not folder.is_dir():
        raise InputError(folder, "the folder of the language pair", "no such folder", "Check --root and --lang.")
    splits = args.splits or [*SPLITS, *(name for name in OPTIONAL_SPLITS if (folder / "data" / name).is_dir())]
    if "train" not in splits:
        raise InputError("--splits", "train among the splits: the vocabulary is made from it", " ".join(splits),
                         "Add train; splits that are up to date cost nothing.")
    steps = Preparation(folder, args.src_lang, args.lang, args.vocab_size, args.skip_bad, args.workers,
                        StepRecord(folder / ".prep_steps.json"))
    summaries = {name: steps.split(name) for name in splits}
    vocabulary = steps.vocabulary()
    for name in splits:
        if name in SIMULEVAL_SPLITS:
            steps.simuleval(name)
    report = folder / "prep_report.json"
    write_whole(report, json.dumps({**summaries, "vocabulary": vocabulary}, indent=1, ensure_ascii=False) + "\n")
    print_summary(summaries, vocabulary, report)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 2 with a message on stderr if the input does not fit."""
    try:
        prepare(parse_arguments(arguments))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
