"""Makes a speech translation corpus in the layout of MuST-C v1 by speaking text with espeak-ng.

Text: a built-in English-German grammar or, with --source and --target, any two parallel files. With --dialects it makes
several source languages from the grammar's text, a corpus for each. Run it again after an interruption with the same
options: finished talks are kept and the result is the same to the last bit.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.program import program
from mgcm_fairseq.spoken.corpus import Languages, Summary, make_corpus
from mgcm_fairseq.spoken.dialect_corpus import make_dialects
from mgcm_fairseq.spoken.dialects import Dialect, dialects
from mgcm_fairseq.spoken.grammar import LONGEST
from mgcm_fairseq.spoken.text import SimpleText, Sizes, file_splits, grammar_splits

SCRIPT = SCRIPTS["spoken-corpus"]
SHORT = 5  # words, of which there are enough different sentences
FEW = 100  # words, which make enough different sentences for any size that is asked for
SMALLEST, LARGEST = 20, 100_000  # utterances


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    args = _parse(arguments)
    spoken = _dialects(args)
    sizes = _sizes(args, max(len(spoken), 1))
    kept = _kept(args)
    if spoken:
        for code, summary in make_dialects(args.out, spoken, sizes, args.seed, args.processes, kept).items():
            print(f"{code}: {_told(summary)}")
        return
    if (args.source is None) != (args.target is None):
        raise InputError("--source and --target", "both or neither", "one of them", "Give two parallel files.")
    if not re.fullmatch("[a-z]{2,3}(-[A-Za-z]+)?", args.target_lang) or args.target_lang == "en":
        raise InputError("--target-lang", "the code of a language that is not spoken, such as de",
                         repr(args.target_lang), "Correct it: it names the files of the translations.")
    if args.source:
        splits, left_out = file_splits(args.source, args.target, sizes, args.skip_bad)
        for reason, count in left_out.items():
            print(f"{args.source}: {count} lines passed over: {reason}.")
    else:
        if args.target_lang != "de":
            raise InputError("--target-lang", "de, the grammar's language", args.target_lang,
                             "Give --source and --target for another one.")
        if args.skip_bad:
            raise InputError("--skip-bad", "--source and --target beside it", "none", "Leave it out.")
        splits = grammar_splits(sizes, args.seed, kept)
    summary = make_corpus(args.out, args.out / f"en-{args.target_lang}" / "data", splits, args.seed,
                          Languages("en", args.target_lang), args.processes)
    print(_told(summary))


def _kept(args: argparse.Namespace) -> SimpleText:
    if args.longest is not None and (args.source or not SHORT <= args.longest <= LONGEST):
        raise InputError("--longest", f"{SHORT} to {LONGEST} words of the built-in grammar's sentences",
                         f"{args.longest}" + " with --source" * bool(args.source), "Correct it, or leave it out.")
    if args.words is not None and (args.source or args.words < FEW):
        raise InputError("--words", f"at least {FEW} of the built-in grammar's words",
                         f"{args.words}" + " with --source" * bool(args.source), "Correct it, or leave it out.")
    return SimpleText(args.longest or LONGEST, args.words)


def _told(summary: Summary) -> str:
    counts = ", ".join(f"{count} {split}" for split, count in summary.utterances.items())
    return (f"{counts} utterances; {summary.hours:.2f} h of speech, {summary.mean_seconds:.2f} s an utterance; "
            f"{summary.word_types} source word types in train.")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="the corpus becomes DIR/en-LANG/data; with --dialects DIR/qaa-de/data, qab-de/data ...")
    parser.add_argument("--size", type=int, default=20_400, metavar="N",
                        help="utterances in all, of each language; a fiftieth (5 to 200) each for dev and test")
    for split in ("train", "dev", "test"):
        parser.add_argument(f"--{split}", type=int, metavar="N",
                            help=f"utterances of {split}, of each language (default: its share of --size)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the text and the voices")
    parser.add_argument("--longest", type=int, metavar="WORDS",
                        help="leave longer sentences of the built-in grammar out, for a corpus that is learnt sooner "
                             f"(default: {LONGEST}, all that it makes)")
    parser.add_argument("--words", type=int, metavar="N",
                        help="use the N most frequent words of the built-in grammar alone, for the same reason "
                             "(default: all)")
    parser.add_argument("--source", type=Path, metavar="FILE", help="English sentences, one a line; .gz is read too")
    parser.add_argument("--target", type=Path, metavar="FILE", help="their translations, line by line")
    parser.add_argument("--target-lang", default="de", metavar="LANG", help="language of --target")
    parser.add_argument("--dialects", metavar="FxD",
                        help="F families of D made-up languages each, 2x2 for four, in place of English: families 1 "
                             "and 3 exchange sounds of the English text, 2 and 4 of the German one. DIR/dialects.json "
                             "has the truth: who is related")
    parser.add_argument("--relatedness", type=float, metavar="R",
                        help="with --dialects: the share of word types, 0 to 1, that the languages of a family have in "
                             "common (default: 0.9, so that they are as near as dialects)")
    parser.add_argument("--skip-bad", action="store_true", help="leave lines without words out, and count them")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N",
                        help="processes that speak; the result is the same for any number (default: one for each core)")
    return parser.parse_args(arguments)


def _dialects(args: argparse.Namespace) -> tuple[Dialect, ...]:
    """The languages of --dialects, none without it."""
    if args.dialects is None:
        if args.relatedness is not None:
            raise InputError("--relatedness", "--dialects beside it", "none", "Add --dialects 2x2, or leave it out.")
        return ()
    if args.source or args.target or args.skip_bad or args.target_lang != "de":
        raise InputError("--dialects", "the text of the built-in grammar, with German translations",
                         "an option about other text", "Leave out --source, --target, --target-lang and --skip-bad.")
    found = re.fullmatch("([0-9]{1,3})x([0-9]{1,3})", args.dialects)
    if not found:
        raise InputError("--dialects", "families x dialects of each, such as 2x2", repr(args.dialects), "Correct it.")
    return dialects(int(found[1]), int(found[2]), 0.9 if args.relatedness is None else args.relatedness, args.seed)


def _sizes(args: argparse.Namespace, languages: int) -> Sizes:
    """Of each of so many languages."""
    held_out = min(200, max(5, args.size // 50))
    dev = held_out if args.dev is None else args.dev
    test = held_out if args.test is None else args.test
    train = args.size - dev - test if args.train is None else args.train
    total = languages * (train + dev + test)
    if min(train, dev, test) < 1 or not SMALLEST <= total <= LARGEST:
        raise InputError("--size, --train, --dev, --test",
                         f"at least 1 utterance in each split, {SMALLEST} to {LARGEST} in all",
                         f"train {train}, dev {dev}, test {test}" + f" of {languages} languages" * (languages > 1),
                         "Choose other sizes.")
    if args.processes < 1:
        raise InputError("--processes", "at least 1", str(args.processes), "Leave it out for one per core.")
    return Sizes(train, dev, test)


if __name__ == "__main__":
    sys.exit(main())
