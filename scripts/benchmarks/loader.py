"""Measures the training input: hours of audio in batches for each second of processor time, against what GPUs take."""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import mgcm_fairseq.tasks
from mgcm_fairseq.common.arguments import Parser, number, positive
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.audio import SAMPLE_RATE, AudioSpan
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.manifest import Utterance, write_manifest
from mgcm_fairseq.data.vocabulary import dictionary_lines, train
from mgcm_fairseq.tasks.config import SimulSTConfig
from mgcm_fairseq.tasks.simul_st import SimulSTTask

SCRIPT = "scripts/benchmarks/loader.py"
assert mgcm_fairseq.tasks  # registers the task
BATCH = {"max_tokens": 1_500_000, "max_sentences": 32}  # the paper's
GPUS, CORES, RATES = 8, 16, (1.4, 11)  # updates/s: docs/recipes.md's V100s, docs/scaling.md's A100s
TALK = 92  # utterances, as in MuST-C
WORDS = ("the", "of", "model", "speech", "while", "speaker", "translate", "hears", "word", "segment", "before", "house")
SPEED: dict[str, Any] = {"augment_speed": "0.9,1,1.1"}
LOUDNESS: dict[str, Any] = {"augment_gain": "-6,6", "augment_noise": "10,30"}
AUGMENTATIONS = {"none": {}, "gain, noise": LOUDNESS, "speed": SPEED, "all": SPEED | LOUDNESS}


class Soundfile:
    """Opens a file for every span, through libsndfile."""

    def read(self, path: str, offset: int, length: int) -> np.ndarray:
        return AudioSpan(Path(path), offset, length).read()


def make(folder: Path, utterances: int, a_file_each: bool) -> Path:
    """A prepared corpus of noise whose lengths are spread like MuST-C's, 6 s in the mean."""
    random = np.random.default_rng(1)
    rows, wavs = [], folder / "wav"
    wavs.mkdir(parents=True)
    for talk in range(0, utterances, TALK):
        offset, parts = 0, []
        for index in range(talk, min(talk + TALK, utterances)):
            length = int(SAMPLE_RATE * min(30, max(0.3, random.lognormal(1.55, 0.65))))
            samples = random.integers(-3_000, 3_000, length, dtype=np.int16)
            text = " ".join(random.choice(WORDS, max(1, length * 3 // SAMPLE_RATE)))
            path = wavs / (f"{index}.wav" if a_file_each else f"talk_{talk}.wav")
            rows.append(Utterance(str(index), AudioSpan(path, 0 if a_file_each else offset, length), length, text, text,
                                  str(talk), "en", "de"))
            offset += length
            parts.append(samples)
            if a_file_each:
                soundfile.write(path, samples, SAMPLE_RATE)
        if not a_file_each:
            soundfile.write(path, np.concatenate(parts), SAMPLE_RATE)
    write_manifest(folder / "train.tsv", rows)
    model = train([row.src_text for row in rows], 60, ("en", "de"))
    (folder / "spm.model").write_bytes(model)
    (folder / "spm.txt").write_text("".join(line + "\n" for line in dictionary_lines(model)), encoding="utf-8")
    CorpusConfig("en", "de", SAMPLE_RATE, "spm.txt", "spm.model").write(folder)
    return folder


def processor_seconds() -> float:
    """Of this process, and of those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure(corpus: Path, reader: Any, processes: int, augmentation: dict[str, Any],
            seconds: float) -> dict[str, float]:
    """Whole epochs for at least `seconds`."""
    task = SimulSTTask.setup_task(SimulSTConfig(data=str(corpus), seed=1, **augmentation))
    task.load_dataset("train")
    dataset = task.dataset("train")
    if reader is not None:
        dataset.files = reader
    samples, busy, wall, epoch, padding = 0, 0.0, 0.0, 0, 0.0
    while not epoch or wall < seconds:
        epoch += 1
        batches = task.get_batch_iterator(dataset=dataset, num_workers=processes, data_buffer_size=10, epoch=epoch,
                                          **BATCH)
        before, start = processor_seconds(), time.perf_counter()
        held = 0
        for batch in batches.next_epoch_itr():
            held += batch["net_input"]["src_tokens"].numel()
        wall += time.perf_counter() - start
        del batches  # ends the loader processes, whose time counts only then
        busy += processor_seconds() - before
        samples += int(dataset.audio_lengths.sum())
        padding = 1 - int(dataset.audio_lengths.sum()) / held
    hours = samples / SAMPLE_RATE / 3600
    return {"hours_per_core_second": hours / busy, "hours_per_second": hours / wall, "padding": padding}


def cases(folder: Path, utterances: int) -> Iterator[tuple[str, Path, str, Any, int, str]]:
    """Layout, corpus, name of the reader, reader, loader processes, augmentation."""
    layouts = {"a file each": make(folder / "files", utterances, True),
               "talks": make(folder / "talks", utterances, False)}
    for layout, corpus in layouts.items():
        for name, reader in (("soundfile", Soundfile()), ("mapped", None)):
            yield layout, corpus, name, reader, 0, "none"
    for processes in (1, 2):
        yield "talks", layouts["talks"], "mapped", None, processes, "none"
    for augmentation in list(AUGMENTATIONS)[1:]:
        yield "talks", layouts["talks"], "mapped", None, 0, augmentation


@program(SCRIPT)
def main() -> None:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--utterances", type=positive, default=920, help="of 6 s each in the mean")
    parser.add_argument("--seconds", type=number(0, 3600, "seconds from 0 to 3600"), default=4,
                        help="shortest measurement")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    args = parser.parse_args()
    needs = [GPUS * rate * BATCH["max_tokens"] / SAMPLE_RATE / 3600 for rate in RATES]
    print(f"{GPUS} GPUs at {RATES[0]} to {RATES[1]} updates/s take {needs[0]:.2f} to {needs[1]:.2f} h of audio a "
          f"second: {needs[0] / CORES:.3f} to {needs[1] / CORES:.3f} from each of {CORES} cores")
    print("| layout | reader | loader processes | augmentation | h/s a core | h/s | cores for the need |\n"
          "| --- | --- | ---: | --- | ---: | ---: | ---: |")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for layout, corpus, name, reader, processes, augmentation in cases(Path(folder), args.utterances):
            found = measure(corpus, reader, processes, AUGMENTATIONS[augmentation], args.seconds)
            rows.append({"layout": layout, "reader": name, "processes": processes, "augmentation": augmentation,
                         **found})
            low, high = (need / found["hours_per_core_second"] for need in needs)
            print(f"| {layout} | {name} | {processes} | {augmentation} | {found['hours_per_core_second']:.2f} | "
                  f"{found['hours_per_second']:.2f} | {low:.1f} to {high:.1f} |", flush=True)
        hours = Columns(Path(folder) / "talks" / "train.tsv").audio_lengths.sum() / SAMPLE_RATE / 3600
    print(f"{hours:.2f} h of audio; padding {rows[0]['padding']:.4f}, with other speeds {rows[-1]['padding']:.4f}")
    if args.out:
        write_whole(args.out, json.dumps({"rows": rows, "environment": environment()}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
