"""Makes the spoken corpus: plan, speak what is missing, write the text files of MuST-C v1."""

import hashlib
import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.lock import await_helpers, forget_helpers, locked
from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.spoken.talks import WORK, Talk, plan, read_spans, speak_missing
from mgcm_fairseq.spoken.text import TRAIN, Splits, source_words
from mgcm_fairseq.spoken.voice import AMERICAN

_STATE = "spoken_corpus.json"  # what the folder holds: the digest of its plan and, once complete, a summary


@dataclass(frozen=True)
class Summary:
    """What a complete corpus holds; `word_types` are the source's in train, hyphenated words taken apart."""

    utterances: dict[str, int]
    hours: float
    mean_seconds: float
    word_types: int


@dataclass(frozen=True)
class Languages:
    """Of a corpus: of the speech, of its translation, and espeak-ng's name of the language that its voices speak."""

    source: str
    target: str
    voice: str = AMERICAN


def make_corpus(out: Path, data: Path, splits: Splits, seed: int, languages: Languages, processes: int) -> Summary:
    """Writes data/SPLIT/{wav,txt}; finished talks are kept, a complete corpus is left as it is.

    The bytes depend on splits, seed, languages and the versions of espeak-ng and scipy, not on processes or
    interruptions. Raises InputError if `out` holds a corpus of other text or another seed.

    Args:
        out: the folder that belongs to this corpus alone, and says how far it is.
        data: a folder in it.
    """
    started = time.monotonic()
    talks = plan(splits, seed, languages.voice)
    digest = hashlib.sha256(repr((languages.target, talks, splits)).encode()).hexdigest()
    if done := _known(out, digest):
        print(f"{out} is complete: nothing to do.")
        return done
    with locked(out, WORK) as lock:
        if not (out / _STATE).is_file():
            write_whole(out / _STATE, json.dumps({"plan": digest, "complete": None}))
        await_helpers(out, WORK)
        spans = out / "spans"
        spoken = speak_missing(talks, data, spans, processes)
        summary = _write_texts(splits, talks, data, spans, languages)
        write_whole(out / _STATE, json.dumps({"plan": digest, "complete": asdict(summary)}, indent=1))
        shutil.rmtree(spans)
        forget_helpers(out, WORK)
        Path(lock.name).unlink(missing_ok=True)  # whoever comes now finds a complete corpus
    seconds = time.monotonic() - started
    print(f"{out}: {spoken} utterances spoken in {seconds:.0f} s, {spoken / seconds:.0f} a second.")
    return summary


def _known(out: Path, digest: str) -> Summary | None:
    """The summary of a complete corpus of this plan; None where it is to be made. InputError for anything else."""
    state = out / _STATE
    if not state.is_file():
        if out.exists() and not (out.is_dir() and all(path.name == f".{WORK}.lock" for path in out.iterdir())):
            raise InputError(out, "a new or empty folder", "files that are no spoken corpus", "Choose another folder.")
        return None
    try:
        found = read_json(state)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("plan") != digest:
        raise InputError(out, "no corpus, or one of the same text, sizes, seed and version", "another corpus",
                         "Choose another folder, or delete this one to make it again.")
    return Summary(**found["complete"]) if found.get("complete") else None


def _write_texts(splits: Splits, talks: list[Talk], data: Path, spans: Path, languages: Languages) -> Summary:
    total = 0
    for split, pairs in splits.items():
        lines = []
        for talk in (talk for talk in talks if talk.split == split):
            for offset, length in read_spans(talk, spans):
                lines.append(_yaml_line(talk.name, offset, length))
                total += length
        folder = data / split / "txt"
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{split}.yaml", "".join(lines))
        write_whole(folder / f"{split}.{languages.source}", "".join(f"{source}\n" for source, _ in pairs))
        write_whole(folder / f"{split}.{languages.target}", "".join(f"{target}\n" for _, target in pairs))
    sizes = {split: len(pairs) for split, pairs in splits.items()}
    seconds = total / SAMPLE_RATE
    return Summary(sizes, round(seconds / 3600, 3), round(seconds / sum(sizes.values()), 3), len(word_types(splits)))


def _yaml_line(name: str, offset: int, length: int) -> str:
    return (f"- {{duration: {length / SAMPLE_RATE:.7f}, offset: {offset / SAMPLE_RATE:.7f}, "
            f"speaker_id: spk.{name}, wav: {name}.wav}}\n")


def word_types(splits: Splits) -> set[str]:
    """The different source words of train, in lower case, without punctuation, hyphenated words taken apart."""
    return {word for source, _ in splits[TRAIN] for word in source_words(source)}
