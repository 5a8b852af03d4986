"""Where one number comes from: the commands, the log and the seed of a training."""

import shlex
from collections.abc import Mapping
from typing import Any

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS


def origin(found: Mapping[str, Any], name: str) -> str:
    """Lines about the trial SYSTEM-seedN of replication.json; InputError where it has none.

    DATA is the prepared corpus and RUNS the study's --out, both absolute, since a training changes into its folder;
    CAPTIONS is the folder that the corpus was made of, where it was made of captions.
    """
    trial = next((one for one in found["trials"] if f"{one['system']}-seed{one['seed']}" == name), None)
    if trial is None:
        known = ", ".join(f"{one['system']}-seed{one['seed']}" for one in found["trials"])
        raise InputError("--trial", f"one of {known}", repr(name), "Correct the option.")
    folder, seed = f"RUNS/{found['size']}/{name}", trial["seed"]
    device = trial.get("device", "cpu")  # older numbers do not say
    captions = " --captions CAPTIONS" if found.get("captions") else ""  # older numbers do not say
    lines = [f"{name}: seed {seed}, log RUNS/{trial['log']}, scores {folder}/evaluation/results.json",
             f"all of it, in a clone: bash scripts/replicate.sh --size {found['size']}{captions}"]
    lines.append("below, DATA stands for the prepared corpus and RUNS for the study's --out, both as absolute paths")
    begins = []
    if found["start_updates"]:
        start = f"RUNS/{found['size']}/start-seed{seed}"
        begins = [f"checkpoint.finetune_from_model={start}/model.pt"]
        lines += [f"begins with: {_training(found, found['start_options'], seed, start, device, [])}",
                  f"averaged by: {_averaging(found, start)}"]
    scoring = ["bash", SCRIPTS["evaluate"], "--checkpoint", f"{folder}/model.pt", "--corpus", "DATA", "--out",
               f"{folder}/evaluation", "--device", device, *(word for run in found["runs"] for word in ("--run", run))]
    lines += [f"trained by: {_training(found, found['options'][trial['system']], seed, folder, device, begins)}",
              f"averaged by: {_averaging(found, folder)}", f"scored by: {shlex.join(scoring)}"]
    lines += [f"{run}: " + ", ".join(f"{key} {value}" for key, value in figures.items())
              for run, figures in trial["figures"].items()]
    if trial["dev"]:
        lines.append("on dev: " + ", ".join(f"update {updates} BLEU {bleu} bits {bits}"
                                            for updates, bleu, bits in trial["dev"]))
    return "\n".join(lines)


def _averaging(found: Mapping[str, Any], folder: str) -> str:
    return shlex.join(["python", SCRIPTS["average"], f"{folder}/checkpoints", "--last",
                       str(found["average"]), "--out", f"{folder}/model.pt"])


def _training(found: Mapping[str, Any], options: list[str], seed: int, folder: str, device: str,
              more: list[str]) -> str:
    words = ["fairseq-hydra-train", "--config-dir", "configs", "--config-name", found["training"], "task.data=DATA",
             f"hydra.run.dir={folder}", f"checkpoint.save_dir={folder}/checkpoints", f"common.seed={seed}",
             f"common.cpu={str(device == 'cpu').lower()}", "distributed_training.distributed_world_size=1", *more,
             *options]
    return shlex.join(words)
