"""A checkpoint of a tiny model with random weights, as fairseq-train writes it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml
from omegaconf import OmegaConf

from mgcm_fairseq.checks.fuzzing.targets.vocabularies import CONFIG, files
from mgcm_fairseq.checks.gpu.random_wav2vec2 import SMALL

OPTIONS = ("--user-dir", "mgcm_fairseq", "--task", "simul_st", "--arch", "simul_st_demo", "--criterion",
           "multitask_cross_entropy", "--w2v-config", json.dumps({**SMALL, "layer_norm_first": True}), "--model-dim",
           "16", "--ffn-dim", "16", "--attention-heads", "2", "--encoder-layers", "1", "--decoder-layers", "1",
           "--segmentation-variant", "repaired", "--front-end-block", "320", "--max-tokens", "64000", "--cpu")
UPDATES = 7
"""That the model is said to have been trained for."""


def corpus(folder: Path) -> Path:
    """`folder`, made to hold the vocabulary and configuration of a prepared corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"config.yaml": yaml.safe_dump(CONFIG).encode(), **_vocabulary()}.items():
        (folder / name).write_bytes(content)
    return folder


def state(folder: Path) -> dict[str, Any]:
    """What a checkpoint of a training on the corpus in `folder` holds."""
    from fairseq import options, tasks
    from fairseq.dataclass.utils import convert_namespace_to_omegaconf

    parsed = options.parse_args_and_arch(options.get_training_parser(), [str(folder), *OPTIONS])
    cfg = convert_namespace_to_omegaconf(parsed)
    torch.manual_seed(0)
    task = tasks.setup_task(cfg.task)
    model = task.build_model(cfg.model)
    model.set_num_updates(UPDATES)  # so that it says of itself that it segments
    container = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)
    return {"args": None, "cfg": container, "model": model.state_dict(), "criterion": None,
            "optimizer_history": [{"num_updates": UPDATES, "criterion_name": "MultitaskCriterion",
                                   "optimizer_name": "Adam", "lr_scheduler_state": {}}],
            "task_state": task.state_dict(), "extra_state": {"train_iterator": {"epoch": 1}},
            "last_optimizer_state": {}}


@cache
def _vocabulary() -> dict[str, bytes]:
    return files()
