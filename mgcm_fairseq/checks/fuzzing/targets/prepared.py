"""A split of a spoilt corpus through its preparation: every utterance is kept, or counted among what is not."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

from mgcm_fairseq.checks.fuzzing.target import same
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.steps import StepRecord, Summary
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.manifest import Utterance, read_manifest, write_manifest
from mgcm_fairseq.data.simuleval_lists import write_lists
from mgcm_fairseq.preparation.corpora.entries import CorpusReader, Entry, EntryError
from mgcm_fairseq.preparation.parallel import ProcessPool
from mgcm_fairseq.preparation.splits import SplitWriter


def prepared(corpus: CorpusReader, split: str, out: Path) -> list[Entry | EntryError]:
    """What the corpus's reader makes of the split, after all of its preparation was held against it.

    Args:
        out: a folder to write into; whatever is in it goes.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    entries = list(corpus.entries(split))
    record = StepRecord(out / "steps.json")
    summary, _ = record.run(split, {}, corpus.inputs(split), lambda: _written(corpus, split, out))
    filtered, left_out = (sum(summary[name].values()) for name in ("filtered", "left_out"))
    same("utterances of the report", summary["utterances"], len(entries))
    same("utterances kept and not kept", summary["kept"] + filtered + left_out, len(entries))
    kept = read_manifest(out / f"{split}.tsv")
    same("rows of the manifest", len(kept), summary["kept"])
    columns = Columns(out / f"{split}.tsv")
    same("rows as training reads them", [columns[row] for row in range(len(columns))], kept)
    known = Counter((one.src_text, one.tgt_text, one.speaker) for one in entries if isinstance(one, Entry))
    same("texts that no utterance has", Counter(map(_texts, kept)) - known, Counter())
    if not split.startswith("train"):
        _listed(out / "simuleval", split, kept)
    return entries


def _written(corpus: CorpusReader, split: str, out: Path) -> tuple[list[Path], Summary]:
    with ProcessPool(1, out) as processes:
        strict = SplitWriter(corpus, split, "en", "de", skip_bad=False, pack=False, processes=processes)
        tolerant = replace(strict, skip_bad=True, faults=[])
        files, summary = tolerant.write(out)
        kept = read_manifest(out / f"{split}.tsv")
        try:
            _, plain = strict.write(out)
        except InputError:
            same("faults that stop a preparation without --skip-bad", bool(summary["faults"]), True)
            write_manifest(out / f"{split}.tsv", kept)
            return files, summary
        same("the summary without --skip-bad, where nothing is wrong", plain, summary)
    return files, summary


def _texts(row: Utterance) -> tuple[str, str, str]:
    return row.src_text, row.tgt_text, row.speaker


def _listed(folder: Path, split: str, kept: list[Utterance]) -> None:
    write_lists(folder, split, kept, threads=1)
    for ending, expected in (("source", [f"{one.id}.wav" for one in kept]), ("target", [one.tgt_text for one in kept])):
        with (folder / f"{split}.{ending}").open(encoding="utf-8") as lines:  # as SimulEval reads them
            found = [line.rstrip("\n") for line in lines]
        same(f"lines of SimulEval's list, {ending}", [line.rpartition("/")[2] for line in found] if ending == "source"
             else found, expected)
