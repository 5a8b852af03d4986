"""What preparation keeps between two runs: records of packed wavs, and of steps that are done."""

import json
import os
from pathlib import Path
from random import Random
from shutil import copyfile

import numpy as np
import soundfile

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes
from mgcm_fairseq.checks.fuzzing.spoiling_json import written
from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.checks.fuzzing.targets.waves import write_wave
from mgcm_fairseq.common.steps import StepRecord
from mgcm_fairseq.data.audio import AudioSpan
from mgcm_fairseq.preparation.headers import Unusable
from mgcm_fairseq.preparation.packs import Pack, remove_finished, write_pack

HERE = "/here"  # stands for a folder whose name is another one each time


class Packs:
    """With whatever is left of an earlier run, the sound is that of the sources, and a step that is not done is run."""

    def __init__(self, shared: Path) -> None:
        self._sources = [str(write_wave(shared / name)) for name in ("a.wav", "b.wav")]
        self._broken = shared / "broken.wav"
        self._broken.write_text("no sound")
        os.utime(self._broken, (0, 0))
        self._pack = Pack(shared / "pack.wav", [self._sources[0], str(self._broken), self._sources[1]])
        write_pack(self._pack)
        self._wav = self._pack.wav.read_bytes()
        self._record = json.loads(self._pack.wav.with_suffix(".json").read_text())
        steps = StepRecord(shared / "steps.json")
        steps.run("split", {"a": 1}, [], lambda: ([self._broken], {"kept": 3}))
        self._steps = json.loads((shared / "steps.json").read_text().replace(str(shared), HERE))
        self._shared = shared

    def draw(self, random: Random) -> Files:
        return {"pack.json": written(random, self._record), "steps.json": written(random, self._steps),
                "pack.wav": self._wav if random.randrange(3) else few(random, self._wav, (spoil_bytes,))}

    def read(self, folder: Path) -> None:
        untouched = (folder / "pack.wav").read_bytes() == self._wav
        copyfile(folder / "pack.wav", folder / "other.wav")
        copyfile(folder / "pack.json", folder / "other.json")
        remove_finished(folder, {folder / "pack.wav"})
        spans = write_pack(Pack(folder / "pack.wav", self._pack.sources))
        same("parts", [isinstance(span, Unusable) for span in spans], [False, True, False])
        if untouched or (folder / "pack.wav").stat().st_size != len(self._wav):
            for span, source in zip(spans[::2], self._sources, strict=True):
                assert not isinstance(span, Unusable)
                expected, _ = soundfile.read(source, dtype="float32")
                found = AudioSpan(Path(span.path), span.offset, span.length).read()
                same("samples", bool(np.array_equal(found, expected)), True)
        steps = folder / "steps.json"
        steps.write_bytes(steps.read_bytes().replace(HERE.encode(), str(self._shared).encode()))
        summary, _ = StepRecord(folder / "steps.json").run("new", {}, [], lambda: ([], {"kept": 4}))
        same("a step that was not done", summary, {"kept": 4})
        StepRecord(folder / "steps.json").run("split", {"a": 1}, [], lambda: ([self._broken], {"kept": 3}))
