"""results.json and the logs beside it, compared."""

import json
from pathlib import Path
from random import Random
from typing import Any

from mgcm_fairseq.checks.fuzzing.spoiling_json import written
from mgcm_fairseq.checks.fuzzing.target import Files, same
from mgcm_fairseq.checks.fuzzing.targets.instances import REFERENCES, log, records
from mgcm_fairseq.evaluation.comparison.assemble import assemble
from mgcm_fairseq.evaluation.comparison.systems import read_systems
from mgcm_fairseq.evaluation.comparison.tables import tables
from mgcm_fairseq.evaluation.instances import read_instances
from mgcm_fairseq.evaluation.latency import latency
from mgcm_fairseq.evaluation.quality import bleu
from mgcm_fairseq.evaluation.results import write_results

POINTS = (1, 3)


class Results:
    """Every run is a point with the figures that stand there, in a file that holds numbers only."""

    def __init__(self, shared: Path) -> None:
        self._root = shared / "system"
        runs = []
        for point in POINTS:
            folder = self._folder(point)
            folder.mkdir(parents=True)
            (folder / "instances.log").write_text("".join(json.dumps(record) + "\n" for record in records(point)))
            instances = read_instances(folder, REFERENCES)
            score = bleu([one.prediction for one in instances], REFERENCES, "13a").value
            runs.append({"policy": "wait-k", "point": point, "options": "", "BLEU": round(score, 2), "chrF": 50.0,
                         "signature": "s", **latency(instances), "degenerate": False, "before_end": 0.5})
        self._results: dict[str, Any] = {
            "offline": {"greedy": {"BLEU": 80.0, "chrF": 90.0, "signature": "s"}}, "simul": runs,
            "environment": {"commit": "abc", "torch": "2", "target_language": "de", "model": "m", "utterances": 3}}

    def draw(self, random: Random) -> Files:
        files = {"results.json": json.dumps(self._results).encode()}
        for point in POINTS:
            files[f"{point}.log"] = "".join(json.dumps(record) + "\n" for record in records(point)).encode()
        if random.randrange(4):
            files["results.json"] = written(random, self._results)
        else:
            files["1.log"] = log(random)
        return files

    def read(self, folder: Path) -> None:
        (self._root / "results.json").write_bytes((folder / "results.json").read_bytes())
        for point in POINTS:
            (self._folder(point) / "instances.log").write_bytes((folder / f"{point}.log").read_bytes())
        comparison = assemble(read_systems({"a": [self._root]}, "AL"), "AL", None, 10, 1)
        tables(comparison)
        write_results(folder / "compare.json", comparison)
        stated = json.loads((folder / "results.json").read_text("utf-8"))["simul"]
        same("points", sorted((one["policy"], one["point"], one["BLEU"]["mean"]) for one in comparison["points"]),
             sorted((run["policy"], run["point"], run["BLEU"]) for run in stated))

    def _folder(self, point: int) -> Path:
        return self._root / "runs" / f"wait-k-{point}"
