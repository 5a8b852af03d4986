"""MuST-C's yaml with its texts, through the preparation of a split."""

from pathlib import Path
from random import Random

import yaml

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes, spoil_cells, spoil_lines
from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.checks.fuzzing.targets.prepared import prepared
from mgcm_fairseq.checks.fuzzing.targets.waves import write_wave
from mgcm_fairseq.preparation.corpora.entries import Entry
from mgcm_fairseq.preparation.corpora.mustc import MustC

UTTERANCES = ((0.5, 0.25, "spk.1", "Good morning!", "Guten Morgen!"), (0.75, 0.5, "spk.1", "A dog.", "Ein Hund."),
              (0.2, 1.25, "spk.2", "Why does nobody listen?", "Warum hört niemand zu?"))


_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class MustCYaml:
    """A record of the yaml is an utterance, as yaml itself reads it, or a fault."""

    def __init__(self, shared: Path) -> None:
        self._root, self._out = shared / "root", shared / "out"
        self._txt = self._root / "en-de" / "data" / "train" / "txt"
        write_wave(self._txt.parent / "wav" / "ted_1.wav")
        self._txt.mkdir()

    def draw(self, random: Random) -> Files:
        number = random.choice(("{}", "{:.6f}"))
        lines = [f"- {{duration: {number.format(duration)}, offset: {number.format(offset)}, rW: 4, uW: 0, "
                 f"speaker_id: {speaker}, wav: ted_1.wav}}\n" for duration, offset, speaker, *_ in UTTERANCES]
        if not random.randrange(6):  # block style, as another program may write it
            lines = [line.replace("- {", "- ").replace(", ", "\n  ").replace("}", "") for line in lines]
        files = {"train.yaml": "".join(lines).encode(),
                 "train.en": "".join(f"{source}\n" for *_, source, _ in UTTERANCES).encode(),
                 "train.de": "".join(f"{target}\n" for *_, target in UTTERANCES).encode()}
        spoils = (spoil_cells(b", "), spoil_cells(b": "), spoil_cells(b" "), spoil_lines, spoil_bytes)
        files["train.yaml"] = few(random, files["train.yaml"], spoils)
        if not random.randrange(4):
            name = random.choice(("train.en", "train.de"))
            files[name] = few(random, files[name], (spoil_lines, spoil_bytes), 1)
        return files

    def read(self, folder: Path) -> None:
        for path in folder.iterdir():
            (self._txt / path.name).write_bytes(path.read_bytes())
        entries = prepared(MustC(self._root, "en", "de"), "train", self._out)
        records = _records((folder / "train.yaml").read_bytes())
        same("records", len(entries), len(records))
        for entry, record in zip(entries, records, strict=True):
            if isinstance(entry, Entry):
                same("record", (entry.offset, entry.duration, entry.speaker, entry.audio.name),
                     (float(record["offset"]), float(record["duration"]), record["speaker_id"], record["wav"]))
        texts = [(folder / f"train.{name}").read_bytes().removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n").split(b"\n")
                 for name in ("en", "de")]
        for entry, *lines in zip(entries, *texts, strict=True):
            if isinstance(entry, Entry):
                same("texts", [entry.src_text, entry.tgt_text], [line.decode().strip() for line in lines])


def _records(data: bytes) -> list[dict[str, str]]:
    """From yaml's whole tree, all values as they are written, those that are lists or mappings left out."""
    tree = yaml.compose(data, Loader=_LOADER)
    return [{key.value: value.value for key, value in record.value
             if isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode)} for record in tree.value]
