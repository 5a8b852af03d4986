"""MuST-C v1, v2 and v3: a yaml list of utterances, a text for each language, talk-long wavs.

All three releases unpack to ROOT/en-de/data/SPLIT/{txt,wav}: v1 and v2 as fairseq's and ESPnet's MuST-C scripts read
them, v3 as the published Hugging Face loader for MUSTC_v3.0_en-de.tar.gz and the IWSLT 2023 scripts do. They differ in
languages (v3: de, ja, zh), in the number of decimals, and in word counts (rW, uW), which nobody needs here.
"""

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
    decode,
    plain_name,
    seconds,
)
from mgcm_fairseq.preparation.corpora.lines import COMPLETE, with_texts
from mgcm_fairseq.preparation.corpora.mustc_yaml import Record, read_records

KEYS = ("duration", "offset", "speaker_id", "wav")
SPLITS = ("train", "dev", "tst-COMMON")
OPTIONAL_SPLITS = ("tst-HE",)


class MustC(CorpusReader):
    """`root` holds the folder en-de."""

    def splits(self) -> list[str]:
        if not self.folder.is_dir():
            raise InputError(self.folder, "the folder of the language pair", "no such folder",
                             "Check --root and --lang.")
        return [*SPLITS, *(name for name in OPTIONAL_SPLITS if (self.folder / "data" / name).is_dir())]

    def inputs(self, split: str) -> list[Path]:
        folder = self.folder / "data" / split
        for needed in (folder, folder / "txt", folder / "wav"):
            if not needed.is_dir():
                raise InputError(needed, "a folder of the MuST-C layout", "no such folder", COMPLETE)
        texts = [self._txt(split, suffix) for suffix in ("yaml", self.src_lang, self.tgt_lang)]
        return sorted([*(path for path in texts if path.exists()), *(folder / "wav").iterdir()])

    def entries(self, split: str) -> Iterator[Entry | EntryError]:
        self.inputs(split)
        listing = self._txt(split, "yaml")
        texts = [self._txt(split, lang) for lang in (self.src_lang, self.tgt_lang)]
        wavs = self.folder / "data" / split / "wav"
        for number, record, lines in with_texts(read_records(listing), listing, texts):
            origins = [(path, number) for path in texts]
            yield attempt(_entry, record, (listing, record.line), wavs, lines, origins)

    def _txt(self, split: str, suffix: str) -> Path:
        return self.folder / "data" / split / "txt" / f"{split}.{suffix}"


def _entry(record: Record, where: Where, wavs: Path, lines: list[bytes], origins: list[Where]) -> Entry:
    missing = [key for key in KEYS if not record.values.get(key)]
    if missing:
        raise EntryError("missing key", where, f"the keys {', '.join(KEYS)}", f"no {', '.join(missing)}")
    speaker, wav = (plain_name(record.values[key], key, where) for key in ("speaker_id", "wav"))
    offset, duration = (seconds(record.values[key], key, where) for key in ("offset", "duration"))
    source, target = (clean(decode(line, origin), origin) for line, origin in zip(lines, origins, strict=True))
    return Entry(where, wavs / wav, offset, duration, speaker, source, target)
