"""Measures the preparation of a corpus of MuST-C's size: seconds, CPU seconds, memory; run again; killed (Linux)."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from random import Random
from typing import IO

import numpy as np

from mgcm_fairseq.common.arguments import Parser, number, positive
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import HOME
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.measuring.resident import resident

SCRIPT = "scripts/benchmarks/preparation.py"
RATE, UTTERANCES = 16_000, 100  # Hz; utterances of a talk
HELD_OUT = 200  # utterances of dev and of tst-COMMON
WORDS = 40_000  # of each language, drawn by Zipf's law
COLUMNS = "{step:<46}{utterances:>9}{seconds:>9}{cpu_seconds:>9}{per_second:>12}{peak_MiB:>10}"


def make_corpus(data: Path, sizes: dict[str, int], seconds: float) -> None:
    """SPLIT/{txt,wav} in the layout of MuST-C v2: noise, and text of made-up words of about MuST-C's length."""
    random, noise = Random(1), np.random.default_rng(1)
    lexicon = {lang: [_word(random, letters) for _ in range(WORDS)]
               for lang, letters in (("en", "etaoinshrdlucmfwypvbgk"), ("de", "enisratdhulcgmobwfkzäöüß"))}
    weights = np.cumsum(1 / np.arange(1, WORDS + 1)).tolist()
    length = round(seconds * RATE)
    sound = noise.integers(-3000, 3000, UTTERANCES * length, dtype=np.int16)
    for split, size in sizes.items():
        for folder in ("txt", "wav"):
            (data / split / folder).mkdir(parents=True)
        with (data / split / "txt" / f"{split}.yaml").open("w") as listing:
            for number in range(size):
                talk, rank = divmod(number, UTTERANCES)
                listing.write(f"- {{duration: {seconds:.6f}, offset: {rank * seconds:.6f}, rW: 18, uW: 0, "
                              f"speaker_id: spk.{talk}, wav: ted_{talk}.wav}}\n")
        for lang, words in lexicon.items():
            with (data / split / "txt" / f"{split}.{lang}").open("w", encoding="utf-8") as text:
                for _ in range(size):
                    text.write(" ".join(random.choices(words, cum_weights=weights, k=random.randint(6, 30))) + ".\n")
        for talk in range(-(-size // UTTERANCES)):
            with wave.open(str(data / split / "wav" / f"ted_{talk}.wav"), "wb") as wav:
                wav.setparams((1, 2, RATE, 0, "NONE", ""))
                wav.writeframes(np.roll(sound, talk).tobytes())


def _word(random: Random, letters: str) -> str:
    return "".join(random.choices(letters, range(len(letters), 0, -1), k=random.randint(2, 11)))


def prepare(root: Path, more: list[str], kill: Path | None = None) -> list[dict[str, float | str]]:
    """A row for each step of the preparation, as its lines appear; with `kill`, SIGKILL once this file exists."""
    command = ["bash", str(HOME / "scripts" / "prep_mustc.sh"), "--root", str(root), "--lang", "de", *more]
    rows: list[dict[str, float | str]] = []
    peak, start, spent = 0, time.perf_counter(), 0.0
    with tempfile.TemporaryFile() as log, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=log, stderr=errors, start_new_session=True)
        seen, used = 0, 0.0
        while True:
            ended = process.poll() is not None
            peak, used = max(peak, resident(process.pid)), max(used, cpu_seconds(process.pid))
            lines = lines_so_far(log)
            for line in lines[seen:]:
                name, _, state = line.partition(": ")
                if state in ("done", "up to date"):
                    now = time.perf_counter()
                    rows.append({"step": name, "seconds": now - start, "cpu_seconds": used - spent,
                                 "peak_MiB": peak / 2**20})
                    peak, start, spent = 0, now, used
            seen = len(lines)
            if kill and not ended and kill.exists():
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return rows
            if ended:
                break
            time.sleep(0.02)
        if process.returncode:
            raise InputError(" ".join(command), "status 0", f"{process.returncode}",
                             "Its last lines are:\n" + "\n".join(lines_so_far(errors)[-20:]))
    return rows


def lines_so_far(file: IO[bytes]) -> list[str]:
    """Whole ones. The position stays where it is: a process that writes to this file shares it."""
    held = os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
    return [line.decode() for line in held.split(b"\n")[:-1]]


def cpu_seconds(group: int) -> float:
    """CPU time of the processes of a group and of those of their children that ended."""
    ticks = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # the process ended meanwhile
            continue
        if int(fields[2]) == group:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


@program(SCRIPT)
def main() -> None:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--size", type=positive, default=230_000, help="training utterances")
    parser.add_argument("--seconds", type=number(0.1, 60, "seconds from 0.1 to 60"), default=0.5,
                        help="length of each")
    parser.add_argument("--vocab-size", type=positive, default=10_000, help="pieces")
    parser.add_argument("--folder", type=Path, help="for the corpora, gigabytes (default: the system's for such)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    args = parser.parse_args()
    os.environ |= {"PYTHON": sys.executable, "PYTHONPATH": str(HOME), "OMP_NUM_THREADS": "1"}
    report = []

    def show(name: str, size: int, rows: list[dict[str, float | str]]) -> None:
        for row in rows:
            seconds = float(row["seconds"])
            count = size if row["step"] in ("train", "vocabulary") else HELD_OUT
            report.append({"step": f"{name}: {row['step']}", "utterances": count, "seconds": round(seconds, 1),
                           "cpu_seconds": round(float(row["cpu_seconds"]), 1),
                           "per_second": round(count / max(seconds, 1e-3)),
                           "peak_MiB": round(float(row["peak_MiB"]))})
            print(COLUMNS.format(**report[-1]), flush=True)

    print(COLUMNS.format(step="step", utterances="", seconds="s", cpu_seconds="CPU s", per_second="/s",
                         peak_MiB="MiB"))
    for size in (max(1, args.size // 10), args.size):
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            root, options = Path(folder), ["--vocab-size", str(args.vocab_size)]
            make_corpus(root / "en-de" / "data", {"train": size, "dev": HELD_OUT, "tst-COMMON": HELD_OUT}, args.seconds)
            show("as it lies", size, prepare(root, options))
            if size == args.size:
                show("again", size, prepare(root, options))
                whole = root / "whole"
                packed = [*options, "--pack", "--out"]
                show("packed", size, prepare(root, [*packed, str(whole)]))
                halfway = sorted((whole / "audio" / "train").glob("*.json"))
                out = root / "killed"
                prepare(root, [*packed, str(out)], out / "audio" / "train" / halfway[len(halfway) // 2].name)
                finished = {path: path.stat().st_mtime_ns for path in (out / "audio" / "train").glob("*.json")}
                show("killed half-way, resumed", size, prepare(root, [*packed, str(out)]))
                redone = sum(path.stat().st_mtime_ns != changed for path, changed in finished.items())
                same = all(_same(whole, out, path) for path in sorted(whole.rglob("*")) if path.is_file())
                print(f"{len(finished)} wavs finished before SIGKILL, {redone} of them written again; "
                      f"{'all files as' if same else 'FILES DIFFER from those'} without interruption")
    if args.out:
        write_whole(args.out, json.dumps({"rows": report, "environment": environment()}, indent=1) + "\n")


def _same(whole: Path, resumed: Path, path: Path) -> bool:
    """The same bytes but for the lists of absolute paths and the record of times."""
    other = resumed / path.relative_to(whole)
    if path.name == ".prep_steps.json" or path.suffix == ".source":
        return other.exists()
    return other.exists() and path.read_bytes() == other.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
