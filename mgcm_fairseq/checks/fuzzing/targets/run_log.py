"""The folder of an evaluation that was interrupted: settings.json and the sentences so far."""

import json
from pathlib import Path
from random import Random

from mgcm_fairseq.checks.fuzzing.spoiling_json import written
from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.checks.fuzzing.targets.instances import REFERENCES, log, records
from mgcm_fairseq.evaluation.instances import read_instances
from mgcm_fairseq.evaluation.logs import DECISIVE, RunLog, environments, finished

SETTINGS = {"label": "wait-k", "policy": "wait-k", "point": 3.0, "options": "", "model": "abc"}
ENVIRONMENT = {**{name: f"{name} 1" for name in DECISIVE}, "processes": 1}


class Log:
    """What was finished is kept, what was not is asked for, and nothing else is in the log in the end."""

    def __init__(self, shared: Path) -> None:
        pass

    def draw(self, random: Random) -> Files:
        settings = {"settings": dict(SETTINGS), "environment": dict(ENVIRONMENT)}
        whole = b"".join(json.dumps(record).encode() + b"\n" for record in records()[:random.randint(0, 3)])
        part = log(random) if random.randrange(2) else whole[:random.randint(0, len(whole))]
        return {"settings.json": written(random, settings) if random.randrange(2) else json.dumps(settings).encode(),
                random.choice(("instances.part", "instances.part", "instances.log")): part}

    def read(self, folder: Path) -> None:
        whole = (folder / "instances.log").exists()
        before = next(path.read_bytes() for path in folder.glob("instances.*"))
        run = RunLog(folder, len(REFERENCES), SETTINGS, ENVIRONMENT)
        missing = run.missing
        for index in missing:
            run.add(records()[index])
        read_instances(folder, REFERENCES)
        *finished_lines, last = before.decode().split("\n")  # of half a run the last one may be torn
        kept = [line for line in (*finished_lines, last if whole else "") if line]
        lines = (folder / "instances.log").read_bytes().decode().split("\n")
        same("sentences", sum(1 for line in lines if line), len(REFERENCES))
        same("finished sentences that are lost", [one for one in kept if json.loads(one) not in
                                                  [json.loads(line) for line in lines if line]], [])
        same("sentences kept and asked for", len({json.loads(one)["index"] for one in kept}) + len(missing),
             len(REFERENCES))
        finished(folder.parent, SETTINGS)
        environments([folder])
