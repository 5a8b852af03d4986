"""Resolves a row's YAML with what the command line overrides, as fairseq-hydra-train will."""

import os
import warnings
from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import mgcm_fairseq.tasks  # noqa: F401 - registers what the YAMLs name
from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.recipes.rows import CONFIGS


def resolve(stage: str, overrides: Sequence[str]) -> DictConfig:
    """The whole configuration of configs/paper/STAGE.yaml, every option of every part with its type.

    Args:
        stage: the name of the YAML.
        overrides: KEY=VALUE in Hydra's notation.
    Raises:
        InputError: for an option that there is not, or a value that it cannot have.
    """
    from fairseq.dataclass.initialize import add_defaults, hydra_init

    hydra_init(f"paper/{stage}")
    os.environ.setdefault("PWD", str(CONFIGS.parent))
    try:
        with warnings.catch_warnings():  # fairseq's schemas are written for Hydra 1.0
            warnings.simplefilter("ignore")
            with initialize_config_dir(str(CONFIGS), version_base="1.1"):
                cfg = compose(f"paper/{stage}", overrides=[one for one in overrides if not is_launcher(one)])
            add_defaults(cfg)
            return DictConfig(OmegaConf.to_container(cfg, resolve=True, enum_to_str=True))
    except (HydraException, OmegaConfBaseException, ValueError, RecursionError) as error:  # the last two of a value
        raise InputError(f"configs/paper/{stage}.yaml with {' '.join(overrides)}", "options of fairseq and of simul_st",
                         " ".join(f"{error} {error.__cause__ or ''}".split()),
                         "Correct KEY=VALUE; where fairseq has such an option and the YAMLs lack it, write ++KEY=VALUE."
                         ) from error


def is_launcher(override: str) -> bool:
    """Whether it concerns Hydra's launcher of jobs, not the training."""
    return override.lstrip("+").startswith(("hydra.", "hydra/"))
