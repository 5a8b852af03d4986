"""Preparation of a corpus for training: manifests, vocabulary, config.yaml and SimulEval lists."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgcm_fairseq.common.arguments import Parser, positive
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.lock import await_helpers, locked
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.steps import StepRecord, Summary
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.languages import language
from mgcm_fairseq.data.manifest import read_manifest
from mgcm_fairseq.data.simuleval_lists import write_lists
from mgcm_fairseq.data.vocabulary import Vocabulary, dictionary_lines, train
from mgcm_fairseq.preparation.corpora import CORPORA, reader
from mgcm_fairseq.preparation.corpora.entries import CorpusReader
from mgcm_fairseq.preparation.corpora.manifest import ManifestCorpus
from mgcm_fairseq.preparation.parallel import ProcessPool
from mgcm_fairseq.preparation.report import print_summary
from mgcm_fairseq.preparation.splits import SplitWriter
from mgcm_fairseq.preparation.texts import Sentences, unknown_characters

SCRIPT = SCRIPTS["prepare"]
FORMAT = 4  # raise it when the files written here change, so that corpora are prepared again
DEFAULT = "mustc"  # --corpus


@dataclass(frozen=True)
class Preparation:
    """Writes into `folder`; every method is a step that is skipped while its files are up to date."""

    corpus: CorpusReader
    folder: Path
    src_lang: str
    tgt_lang: str
    vocab_size: int
    skip_bad: bool
    pack: bool
    processes: int
    record: StepRecord

    def split(self, name: str, processes: ProcessPool) -> Summary:
        """Writes NAME.tsv, and audio/NAME where the corpus's audio has to be converted."""
        options = {"format": FORMAT, "src": self.src_lang, "tgt": self.tgt_lang, "skip_bad": self.skip_bad,
                   "pack": self.pack}
        writer = SplitWriter(self.corpus, name, self.src_lang, self.tgt_lang, self.skip_bad, self.pack, processes)
        return self._step(name, options, self.corpus.inputs(name), lambda: writer.write(self.folder))

    def vocabulary(self) -> Summary:
        """Writes spm_unigramN.model, spm_unigramN.txt and config.yaml from train.tsv."""
        manifest = self.folder / "train.tsv"
        return self._step("vocabulary", {"format": FORMAT, "size": self.vocab_size}, [manifest],
                          lambda: self._write_vocabulary(Sentences(manifest)))

    def simuleval(self, name: str) -> Summary:
        """Writes simuleval/NAME.source, .target and the wavs they list."""
        manifest = self.folder / f"{name}.tsv"
        return self._step(f"simuleval {name}", {"format": FORMAT}, [manifest], lambda: self._write_simuleval(name))

    def _step(self, name: str, options: dict[str, Any], inputs: Iterable[Path],
              work: Callable[[], tuple[list[Path], Summary]]) -> Summary:
        summary, ran = self.record.run(name, options, inputs, work)
        print(f"{name}: {'done' if ran else 'up to date'}", flush=True)
        return summary

    def _write_vocabulary(self, sentences: Sentences) -> tuple[list[Path], Summary]:
        name = f"spm_unigram{self.vocab_size}"
        config = CorpusConfig(self.src_lang, self.tgt_lang, SAMPLE_RATE, f"{name}.txt", f"{name}.model")
        print("vocabulary: training SentencePiece", flush=True)
        model = train(sentences, self.vocab_size, (self.src_lang, self.tgt_lang))
        paths = [self.folder / config.spm_filename, self.folder / config.vocab_filename, self.folder / "config.yaml"]
        write_whole(paths[0], model)
        write_whole(paths[1], "".join(line + "\n" for line in dictionary_lines(model)))
        config.write(self.folder)
        unknown, occurrences = unknown_characters(iter(sentences), model)
        return paths, {"asked": self.vocab_size, "size": len(Vocabulary.load(self.folder, config)),
                       "unknown_characters": unknown, "unknown_occurrences": occurrences}

    def _write_simuleval(self, name: str) -> tuple[list[Path], Summary]:
        utterances = read_manifest(self.folder / f"{name}.tsv")
        return write_lists(self.folder / "simuleval", name, utterances, self.processes), {"wavs": len(utterances)}


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line of mgcm-prepare."""
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--corpus", choices=CORPORA, help=f"its layout (default: {DEFAULT})")
    parser.add_argument("--root", type=Path, help="the corpus as unpacked: docs/corpora.md; for mustc the folder with "
                                                  "en-de/data/{train,dev,tst-COMMON}")
    parser.add_argument("--manifest", nargs="+", type=_split_and_file, metavar="SPLIT=FILE",
                        help="instead of --corpus and --root: tables, or lists of audio, of your own")
    parser.add_argument("--out", type=Path, help="where to write (default: ROOT/en-de, by the languages)")
    parser.add_argument("--lang", required=True, help="target language, e.g. de")
    parser.add_argument("--src-lang", default="en", help="source language")
    parser.add_argument("--vocab-size", type=positive, default=10_000, help="pieces of the joint vocabulary")
    parser.add_argument("--splits", nargs="+",
                        help="splits to prepare (default: train, dev and the test sets that the corpus has)")
    parser.add_argument("--skip-bad", action="store_true", help="leave faulty utterances out and report them")
    parser.add_argument("--pack", action="store_true", help="copy all audio into a few wav files of about an hour "
                                                            "each, for file systems that are slow on many files")
    parser.add_argument("--processes", type=positive, default=os.cpu_count() or 1,
                        help="processes that verify and convert audio (default: one for each core)")
    args = parser.parse_args(arguments)
    if (args.root is None) == (args.manifest is None):
        parser.error("one of --root and --manifest is needed")
    if args.manifest and not args.out:
        parser.error("--manifest needs --out")
    if args.manifest and args.corpus not in (None, "manifest"):
        parser.error(f"--manifest is read instead of --corpus {args.corpus}: give one of them")
    return args


def _split_and_file(text: str) -> tuple[str, Path]:
    split, equals, file = text.partition("=")
    if not (split and equals and file) or "/" in split:
        raise argparse.ArgumentTypeError(f"expected SPLIT=FILE, such as train=my.tsv, found {text!r}")
    return split, Path(file)


def prepare(args: argparse.Namespace) -> None:
    """Runs all steps; raises InputError at the first fault of the input."""
    for code in (args.src_lang, args.lang):
        language(code)  # one that nothing here can count is refused before hours of work
    corpus = _corpus(args)
    known = corpus.splits()
    splits = args.splits or known
    if "train" in known and "train" not in splits:
        raise InputError("--splits", "train among the splits: the vocabulary is made from it", " ".join(splits),
                         "Add train; splits that are up to date cost nothing.")
    folder = (args.out or corpus.folder).resolve()
    for split in splits:
        if isinstance(corpus, ManifestCorpus) and corpus.manifest(split).resolve() == folder / f"{split}.tsv":
            raise InputError("--out", "a folder without the manifests that are read", str(folder), "Choose another.")
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "preparation"):
        await_helpers(folder, "preparation")
        steps = Preparation(corpus, folder, args.src_lang, args.lang, args.vocab_size, args.skip_bad, args.pack,
                            args.processes, StepRecord(folder / ".prep_steps.json"))
        with ProcessPool(args.processes, folder) as processes:
            summaries = {name: steps.split(name, processes) for name in splits}
        vocabulary = steps.vocabulary() if "train" in splits else None
        for name in splits:
            if not name.startswith("train"):
                steps.simuleval(name)
        report = folder / "prep_report.json"
        everything = summaries if vocabulary is None else {**summaries, "vocabulary": vocabulary}
        write_whole(report, json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
    print_summary(summaries, vocabulary, report)


def _corpus(args: argparse.Namespace) -> CorpusReader:
    if args.manifest:
        return ManifestCorpus(args.out.resolve(), args.src_lang, args.lang,
                              {split: path.resolve() for split, path in args.manifest})
    return reader(args.corpus or DEFAULT, args.root.resolve(), args.src_lang, args.lang)


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    prepare(parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
