"""Streams an hour through an agent: does it hold, and compute, in its last minutes what it did in its first?"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.common.arguments import Parser, positive
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.recording import Recording
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.evaluation.listening import listen_on
from mgcm_fairseq.evaluation.runs import parse_runs
from mgcm_fairseq.evaluation.table import markdown

SCRIPT = "scripts/checks/flat_hour.py"
RUNS = ["wait-segment:3 --long-form", "alignatt:4 --long-form", "local-agreement:640 --long-form"]
EARLY, PAIRED = 5, 5  # minutes before those that are compared, and how many these are
SECONDS = 60.0  # of a minute
READ_MS = 320
SLOWER, GROWN = 1.1, 20e6  # at most: ratio of reads; bytes of the process from minute 2 on
Sound = Callable[[], Iterator[np.ndarray]]


class TimedRead(NamedTuple):
    """One read of an agent."""

    took: float  # s
    held: int  # bytes afterwards
    resident: int  # bytes of the process
    words: int


@program(SCRIPT)
def main() -> int:
    args = _parser().parse_args()
    if args.minutes < EARLY + PAIRED:
        raise InputError("--minutes", f"{EARLY + PAIRED} or more", str(args.minutes), "Correct the option.")
    if args.read_ms is not None and args.read_ms > 1000 * SECONDS:
        raise InputError("--read-ms", "a minute at most", str(args.read_ms), "Correct the option.")
    torch.set_num_threads(1)
    sound: Sound = partial(talks, args.audio)
    if args.same_minute:
        sound = [first_minute(sound())].__iter__
    system, rows = load_system(args.checkpoint, None), []
    block_ms = system.network.encoder.front_end.block * 1000 // SAMPLE_RATE
    read_ms = args.read_ms or max(READ_MS, block_ms)
    if args.same_minute:
        _check_alike(args.minutes, read_ms, block_ms or read_ms)
    for run in parse_runs(args.run or RUNS):
        agent, other = (run.agent(args.checkpoint, system) for _ in range(2))
        rows.append({"run": " ".join([run.name, *run.options]),
                     **measure(agent, other, sound, args.minutes, read_ms)})
        print(rows[-1], file=sys.stderr, flush=True)
    if args.out:
        write_whole(args.out, json.dumps({"runs": rows, "environment": environment()}, indent=1) + "\n")
    print(table(rows))
    found = [fault for row in rows for fault in faults(row, args.same_minute)]
    for fault in found:
        print(fault)
    return 1 if found else 0


def faults(row: dict[str, Any], same_minute: bool) -> list[str]:
    """What grows, a line each; `same_minute`: every minute heard the same, so that it must hold the same."""
    found = []
    if same_minute and row["held_2"] != row["held_last"]:
        found.append(f"holds {row['held_2']:,} bytes in minute 2 and {row['held_last']:,} in the last")
    if row["ratio"] > SLOWER:
        found.append(f"a read took {row['ratio']} times as long in the last minutes, expected {SLOWER} at most")
    if (grown := row["resident_late"] - row["resident_2"]) > GROWN:
        found.append(f"the process grew by {grown / 1e6:.0f} MB, expected {GROWN / 1e6:.0f} at most")
    return [f"{row['run']}: {fault}." for fault in found]


def _check_alike(minutes: int, read_ms: int, block_ms: int) -> None:
    """InputError where the last minute does not begin at the point of a read and of a block at which minute 2 does."""
    step = math.lcm(read_ms, block_ms)
    alike = next(number for number in count(minutes) if (number - 2) * 1000 * SECONDS % step == 0)
    if minutes != alike:
        raise InputError("--minutes", f"with --same-minute, a last minute that begins at the same point of a read "
                         f"({read_ms} ms) and of a block ({block_ms} ms) as minute 2", str(minutes), f"Take {alike}.")


def measure(agent: SystemAgent, other: SystemAgent, sound: Sound, minutes: int, read_ms: int,
            clock: Callable[[], float] = time.process_time) -> dict[str, Any]:
    """What an agent holds and computes up to so many minutes of a sound, heard again and again.

    Its last minutes are heard in turns with the minutes behind EARLY, read by read, by another one that began anew: so
    a machine that slows down meanwhile slows both.
    """
    old, new = (_reads(one, sound, minutes, read_ms, clock) for one in (agent, other))
    per_minute = SECONDS * 1000 / read_ms
    reads = list(islice(old, int((minutes - PAIRED) * per_minute)))
    resident = reads[-1].resident  # before there are two agents
    for _ in islice(new, int(EARLY * per_minute)):
        pass
    pairs = list(zip(old, new, strict=False))
    reads += [late for late, _ in pairs]
    early_ms, late_ms = (1000 * statistics.median(one.took for one in part) for part in (
        [early for _, early in pairs], [late for late, _ in pairs]))
    in_minutes = [reads[int(number * per_minute):int((number + 1) * per_minute)] for number in range(minutes)]
    held = [max(one.held for one in part) for part in in_minutes]
    return {
        "minutes": minutes, "read_ms": read_ms, "held_2": held[1], "held_last": held[-1], "held_most": max(held),
        "read_early_ms": round(early_ms, 3), "read_late_ms": round(late_ms, 3), "ratio": round(late_ms / early_ms, 3),
        "rtf": round(sum(one.took for one in reads) / len(reads) / read_ms * 1000, 4),
        "resident_2": in_minutes[1][-1].resident, "resident_late": resident,
        "words": sum(one.words for one in reads)}


def _reads(agent: SystemAgent, sound: Sound, minutes: int, read_ms: int,
           clock: Callable[[], float]) -> Iterator[TimedRead]:
    texts = listen_on(agent, _again_and_again(sound, int(minutes * SECONDS * SAMPLE_RATE)), read_ms)
    while True:
        before = clock()
        heard = next(texts, None)
        if heard is None:
            return
        yield TimedRead(clock() - before, agent.state_bytes(), _resident(), len(heard[1].split()))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each run; bytes held are the most of any read of a minute."""
    head = ["run", "minutes", "read (ms)", "held, minute 2 (kB)", "last (kB)", "most (kB)",
            f"took, minutes {EARLY} to {EARLY + PAIRED} (ms)", f"last {PAIRED} (ms)", "ratio", "RTF",
            "resident, minute 2 (MB)", f"before the last {PAIRED} (MB)", "words"]
    lines = [[row["run"], str(row["minutes"]), str(row["read_ms"]),
              *(f"{row[key] / 1e3:,.0f}" for key in ("held_2", "held_last", "held_most")),
              f"{row['read_early_ms']:.2f}", f"{row['read_late_ms']:.2f}", f"{row['ratio']:.3f}", f"{row['rtf']:.4f}",
              *(f"{row[key] / 1e6:,.0f}" for key in ("resident_2", "resident_late")), str(row["words"])]
             for row in rows]
    return "\n".join(markdown([head, *lines]))


def talks(audio: Sequence[Path]) -> Iterator[np.ndarray]:
    """The recordings, one after the other."""
    for path in audio:
        recording = Recording(path)
        yield from recording.parts()
        recording.check()


def first_minute(parts: Iterator[np.ndarray]) -> np.ndarray:
    """InputError where there is less."""
    size, minute_N = int(SECONDS * SAMPLE_RATE), np.zeros(0, np.float32)
    while len(minute_N) < size:
        part_N = next(parts, None)
        if part_N is None:
            raise InputError("AUDIO", f"{SECONDS:g} s of sound or more with --same-minute",
                             f"{len(minute_N) / SAMPLE_RATE:g} s", "Give more recordings.")
        minute_N = np.concatenate([minute_N, part_N])
    return minute_N[:size]


def _again_and_again(sound: Sound, samples: int) -> Iterator[np.ndarray]:
    """Up to so many samples."""
    while True:
        for part in sound():
            if samples <= len(part):
                yield part[:samples]
                return
            samples -= len(part)
            yield part


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def _parser() -> argparse.ArgumentParser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("audio", type=Path, nargs="+", help="recordings, heard one after the other, again and again")
    parser.add_argument("--checkpoint", type=Path, required=True, help="trained simul_st checkpoint with bounds")
    parser.add_argument("--run", action="append", metavar="POLICY:POINT [OPTIONS]",
                        help=f"may be repeated; as of scripts/evaluate.sh (default: {', '.join(RUNS)})")
    parser.add_argument("--same-minute", action="store_true",
                        help="hear the first minute of the recordings again and again: what is held in minute 2 and in "
                             "the last is then equal if nothing grows")
    parser.add_argument("--minutes", type=positive, default=60, help="of speech")
    parser.add_argument("--read-ms", type=positive, metavar="N",
                        help=f"of sound in a read (default: {READ_MS}, or the model's block where that is longer: in a "
                             "shorter read, which may end no block, there is little to do, and the median is of both "
                             "kinds)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    return parser
