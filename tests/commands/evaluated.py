"""What evaluate.sh wrote, without what differs from run to run."""

import json

PLAIN = ("index", "prediction", "delays", "prediction_length", "reference", "source_length")
"""Of a line of SimulEval's log."""


def logs(folder):
    """What may not change from run to run."""
    return {path.parent.name: [{name: record[name] for name in PLAIN}
                               for record in map(json.loads, path.read_text().splitlines())]
            for path in sorted(folder.glob("runs/*/instances.log"))}


def plain_scores(folder):
    results = json.loads((folder / "results.json").read_text())
    timed = {name for one in results["simul"] for name in one if name.endswith("_CA")} | {"RTF", "slowest_read"}
    return [{name: value for name, value in one.items() if name not in timed}
            for one in [*results["offline"].values(), *results["simul"]]]
