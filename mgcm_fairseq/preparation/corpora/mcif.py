"""MCIF (arXiv 2507.19634), long track: talks whose references and transcripts stand in one xml, the times in a yaml.

Below ROOT lie, in any folder, MCIF*.long.LANG.ref.xml.gz (or .xml), one yaml list of `{wav, offset, duration}`, and the
talks as wavs. A sample of the xml whose iid is TRANS_N has `audio_path`, `reference` and `metadata/transcript`, whose
sentences are divided by empty lines, or by ends of lines where there is no empty one. So the benchmark's own generator
writes the xml; the corpus itself was not at hand.
"""

import gzip
import re
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.preparation.corpora.entries import (
    CorpusReader,
    Entry,
    EntryError,
    Where,
    attempt,
    clean,
    plain_name,
    seconds,
)
from mgcm_fairseq.preparation.corpora.lines import COMPLETE
from mgcm_fairseq.preparation.corpora.mustc_yaml import Record, read_records

SPLIT = "test"
TRANSLATION = "TRANS_"  # how the iid of such a sample begins


class Mcif(CorpusReader):
    """`root` holds the files in any folders. There is nothing to train on: neither a training set nor a vocabulary."""

    def splits(self) -> list[str]:
        return [SPLIT]

    def inputs(self, split: str) -> list[Path]:
        listing = self._times(split)
        named = {record.values.get("wav", "") for record in read_records(listing)}
        return [self._references(split), listing,
                *sorted(path for name, path in self._wavs().items() if name in named)]

    def entries(self, split: str) -> Iterator[Entry | EntryError]:
        references, listing = self._references(split), self._times(split)
        talks, wavs = _read_talks(references), self._wavs()
        records: dict[str, list[Record]] = {}
        for record in read_records(listing):
            records.setdefault(record.values.get("wav", ""), []).append(record)
        if records.keys() != talks.keys():
            raise InputError(listing, f"the talks of {references.name}: {', '.join(sorted(talks))}"[:300],
                             ", ".join(sorted(records))[:300] or "none", COMPLETE)
        for name, (sources, targets) in talks.items():
            if len(sources) != len(records[name]) or len(targets) != len(records[name]):
                raise InputError((listing, records[name][0].line), f"{len(targets)} sentences of {name}, as many as "
                                 "references", f"{len(records[name])}, and {len(sources)} in the transcript", COMPLETE)
            if name not in wavs:
                raise InputError(references, f"the wav {name} below {self.root}", "none", COMPLETE)
            for record, source, target in zip(records[name], sources, targets, strict=True):
                yield attempt(_entry, wavs[name], record, (listing, record.line), source, target)

    def _references(self, split: str) -> Path:
        return self._only(split, f"MCIF*.long.{self.tgt_lang}.ref.xml*")

    def _times(self, split: str) -> Path:
        return self._only(split, "*.y*ml")

    def _only(self, split: str, pattern: str) -> Path:
        if split != SPLIT:
            raise InputError("--splits", SPLIT, split, "MCIF is one test set.")
        found = sorted(self.root.rglob(pattern))
        found = [path for path in found if not path.is_relative_to(self.folder)]  # what was prepared from them
        if len(found) != 1:
            raise InputError(self.root, f"one file {pattern} in it or below", ", ".join(map(str, found)) or "none",
                             "Put the files of one release there, and nothing else.")
        return found[0]

    def _wavs(self) -> dict[str, Path]:
        """By name; of the same name in several folders the first."""
        return {path.name: path for path in sorted(self.root.rglob("*.wav"), reverse=True)
                if not path.is_relative_to(self.folder)}


def _read_talks(path: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Transcript and references of each talk, by the name of its wav."""
    broken = "Unpack the corpus again."
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            samples = list(ET.parse(file).iter("sample"))
    except (ET.ParseError, ValueError, LookupError, OSError, EOFError, zlib.error) as error:  # encodings, too
        raise InputError(path, "xml, packed by gzip if its name ends with .gz", str(error), broken) from error
    talks = {}
    for sample in samples:
        iid = sample.get("iid", "")
        if not iid.startswith(TRANSLATION):
            continue
        name = (sample.findtext("audio_path") or "").strip()
        texts = [_sentences(sample.findtext(tag) or "") for tag in ("metadata/transcript", "reference")]
        if not name or name in talks or not all(texts):
            raise InputError(path, f"audio_path, reference and metadata/transcript of {iid}, of each talk once",
                             f"{name!r}, {len(texts[1])} sentences, {len(texts[0])} of the transcript", broken)
        talks[name] = (texts[0], texts[1])
    if not talks:
        raise InputError(path, f"samples with an iid such as {TRANSLATION}1", "none", broken)
    return talks


def _sentences(text: str) -> list[str]:
    parts = re.split(r"\n[^\S\n]*\n", text.strip())
    return [part for part in (parts if len(parts) > 1 else text.splitlines()) if part.strip()]


def _entry(wav: Path, record: Record, where: Where, source: str, target: str) -> Entry:
    plain_name(record.values["wav"], "wav", where)
    offset, duration = (seconds(record.values.get(key, ""), key, where) for key in ("offset", "duration"))
    texts = (clean(" ".join(text.split()), where) for text in (source, target))
    return Entry(where, wav, offset, duration, wav.stem, *texts)
