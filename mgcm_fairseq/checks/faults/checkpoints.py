"""Checkpoints that are torn, empty or another model's, given to everything that reads one."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mgcm_fairseq.checks.faults.disturb import Bench, said, traceback
from mgcm_fairseq.checks.faults.material import foreign
from mgcm_fairseq.checks.faults.readers import READERS, Reader
from mgcm_fairseq.checks.faults.setting import Case, Row
from mgcm_fairseq.checks.process import Running

TORN = 3  # at so many random bytes for each reader


def checkpoints(bench: Bench) -> Iterator[Case]:
    """Each fault for each reader."""
    faults = [*(f"torn, {number + 1}" for number in range(TORN)), "empty", "other bytes", "another architecture",
              "fairseq's translation"]
    for reader in READERS:
        for fault in faults:
            if (reader.name, fault) not in FITS:
                yield Case(f"{reader.name}: {fault}", 0, partial(_read, bench, reader, fault))


FITS = {(name, "another architecture") for name in ("evaluation", "export", "translation", "fairseq-generate",
                                                    "segment report")}
"""A checkpoint says how its model is built, so that these read a model of any size."""


def _read(bench: Bench, reader: Reader, fault: str) -> Row:
    folder = bench.fresh("checkpoints", f"{reader.name} {fault}")
    bad = folder / "given" / reader.file
    bad.parent.mkdir()
    _spoil(bench, bad, fault)
    before = bad.read_bytes()
    running = Running(reader.command(bench.material, bad, folder), folder / "log", reader.entry)
    faults = [] if running.wait() else ["hangs"]
    running.end()
    text = running.text()
    if running.status == 0:
        faults.append("ends as though all were well")
    faults += traceback(text)
    if bad.name not in text:
        faults.append("the file is not named")
    if bad.read_bytes() != before:
        faults.append("the file has changed")
    return {"status": running.status, "said": said(text), "fault": "; ".join(faults)}


def _spoil(bench: Bench, path: Path, fault: str) -> None:
    random, whole = bench.setting.random("checkpoint", path.name, fault), bench.material.checkpoint.read_bytes()
    if fault.startswith("torn"):
        path.write_bytes(whole[:random.randrange(1, len(whole))])
    elif fault == "empty":
        path.touch()
    elif fault == "other bytes":
        path.write_bytes(random.randbytes(4096))
    else:
        shutil.copy(foreign(bench.material)[fault], path)
