"""Prepares a corpus for training: writes manifests, vocabulary, config.yaml and SimulEval's lists."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mgcm_fairseq.common.arguments import Parser, positive
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.lock import await_helpers, locked
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.steps import Summary
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.languages import language, source_languages
from mgcm_fairseq.preparation.corpora import CORPORA, readers
from mgcm_fairseq.preparation.corpora.entries import CorpusReader
from mgcm_fairseq.preparation.corpora.manifest import ManifestCorpus
from mgcm_fairseq.preparation.parallel import ProcessPool
from mgcm_fairseq.preparation.report import print_summary
from mgcm_fairseq.preparation.steps import Steps

SCRIPT = SCRIPTS["prepare"]
DEFAULT = "mustc"  # --corpus


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line of mgcm-prepare."""
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--corpus", choices=CORPORA, help=f"its layout (default: {DEFAULT})")
    parser.add_argument("--root", type=Path, help="the corpus as unpacked: docs/corpora.md; for mustc the folder with "
                                                  "en-de/data/{train,dev,tst-COMMON}")
    parser.add_argument("--manifest", nargs="+", type=_split_and_file, metavar="SPLIT=FILE",
                        help="instead of --corpus and --root: tables, or lists of audio, of your own")
    parser.add_argument("--out", type=Path, help="where to write (default: ROOT/en-de, by the languages; for several "
                                                 "source languages ROOT, with a folder for each direction in it)")
    parser.add_argument("--lang", required=True, help="target language, e.g. de")
    parser.add_argument("--src-lang", default="en", help="source language, or several with commas between, which "
                                                            "one model then knows: docs/languages.md")
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
        parser.error(f"expected one of --root and --manifest, found {'both' if args.root else 'neither'}")
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
    sources = source_languages(args.src_lang)
    for code in (*sources, args.lang):
        language(code)  # one that nothing here can count is refused before hours of work
    corpora = _corpora(args, sources)
    splits = [_splits(args, corpus) for corpus in corpora]
    folder = (args.out or (corpora[0].folder if len(sources) == 1 else args.root)).resolve()
    for corpus, names in zip(corpora, splits, strict=True):
        _check_not_read(corpus, names, (folder, folder / corpus.pair))
    with _at_work(folder):
        if len(sources) == 1:
            summaries, vocabulary = _prepare_one(args, corpora[0], splits[0], folder)
        else:
            summaries, vocabulary = _prepare_several(args, corpora, splits, folder)
        report = folder / "prep_report.json"
        everything = summaries if vocabulary is None else {**summaries, "vocabulary": vocabulary}
        write_whole(report, json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
    print_summary(summaries, vocabulary, report)


def _prepare_one(args: argparse.Namespace, corpus: CorpusReader, splits: list[str],
                 folder: Path) -> tuple[dict[str, Summary], Summary | None]:
    """What the splits have, by name, and the vocabulary, which there is of a corpus with train."""
    steps = Steps.of(folder)
    summaries = _prepare_splits(args, corpus, splits, steps)
    vocabulary = None
    if "train" in splits:
        vocabulary = steps.vocabulary([corpus.src_lang], args.lang, args.vocab_size)
    _prepare_lists(args, splits, steps)
    return summaries, vocabulary


def _prepare_several(args: argparse.Namespace, corpora: list[CorpusReader], splits: list[list[str]],
                     folder: Path) -> tuple[dict[str, Summary], Summary]:
    """The same of several source languages: each in a folder below, manifests of all and one vocabulary in `folder`."""
    summaries: dict[str, Summary] = {}
    having: dict[str, list[Path]] = {}
    for corpus, names in zip(corpora, splits, strict=True):
        own = folder / corpus.pair
        with _at_work(own):
            steps = Steps.of(own, corpus.pair)
            found = _prepare_splits(args, corpus, names, steps)
            _prepare_lists(args, names, steps)
        for name, summary in found.items():
            summaries[f"{corpus.pair} {name}"] = summary
            having.setdefault(name, []).append(own)
    steps = Steps.of(folder)
    for name, folders in having.items():
        steps.joined(name, folders)
    return summaries, steps.vocabulary([corpus.src_lang for corpus in corpora], args.lang, args.vocab_size)


def _prepare_splits(args: argparse.Namespace, corpus: CorpusReader, splits: list[str],
                    steps: Steps) -> dict[str, Summary]:
    with ProcessPool(args.processes, steps.folder) as processes:
        return {name: steps.split(corpus, name, args.skip_bad, args.pack, processes) for name in splits}


def _prepare_lists(args: argparse.Namespace, splits: list[str], steps: Steps) -> None:
    for name in splits:
        if not name.startswith("train"):
            steps.simuleval(name, args.processes)


@contextmanager
def _at_work(folder: Path) -> Iterator[None]:
    """Alone in the folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "preparation"):
        await_helpers(folder, "preparation")
        yield


def _corpora(args: argparse.Namespace, sources: tuple[str, ...]) -> list[CorpusReader]:
    """A reader for each source language."""
    if args.manifest:
        files = {split: path.resolve() for split, path in args.manifest}
        if len(files) < len(args.manifest):
            named = [split for split, _ in args.manifest]
            raise InputError("--manifest", "a table for each split", f"two of {max(named, key=named.count)}",
                             "Put their rows into one table.")
        return [ManifestCorpus(args.out.resolve(), source, args.lang, files, src_langs=sources) for source in sources]
    return readers(args.corpus or DEFAULT, args.root.resolve(), sources, args.lang)


def _splits(args: argparse.Namespace, corpus: CorpusReader) -> list[str]:
    """Those to prepare; InputError for ones from which no vocabulary can be made."""
    known = corpus.splits()
    if not known:
        raise InputError("--root", f"a corpus as --corpus {args.corpus or DEFAULT} reads it",
                         f"no split in {corpus.root}", "Correct --root or --corpus.")
    splits: list[str] = args.splits or known
    if "train" in known and "train" not in splits:
        raise InputError("--splits", "train among the splits: the vocabulary is made from it", " ".join(splits),
                         "Add train; splits that are up to date cost nothing.")
    if "train" not in splits and len(corpus.src_langs) > 1:
        raise InputError("--src-lang", "one language for a corpus without train: several are prepared together for the "
                         "vocabulary that they share", args.src_lang, "Prepare one at a time.")
    return splits


def _check_not_read(corpus: CorpusReader, splits: list[str], folders: tuple[Path, ...]) -> None:
    """InputError if the preparation would write over the manifests that it reads."""
    if isinstance(corpus, ManifestCorpus):
        read = {corpus.manifest(split).resolve() for split in splits}
        for folder in folders:
            if not read.isdisjoint(folder / f"{split}.tsv" for split in splits):
                raise InputError("--out", "a folder without the manifests that are read", str(folder),
                                 "Choose another.")


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    prepare(parse_arguments(arguments))


if __name__ == "__main__":
    sys.exit(main())
