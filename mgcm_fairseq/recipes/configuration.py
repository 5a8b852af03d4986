"""Resolves a training's YAML with what the command line overrides, as fairseq-hydra-train will."""

import os
import warnings
from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import mgcm_fairseq.tasks  # noqa: F401 - registers what the YAMLs name
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS, HOME

SECTIONS = ("common", "distributed_training", "dataset", "optimization", "checkpoint", "task", "model", "criterion",
            "optimizer", "lr_scheduler")
"""What the recipes read options of."""


def resolve(training: str, overrides: Sequence[str]) -> DictConfig:
    """The whole configuration of a training's YAML, every option of every part with its type.

    Args:
        training: the name of the YAML in configs/paper, or else in configs.
        overrides: KEY=VALUE in Hydra's notation.
    Raises:
        InputError: for an option that there is not, or a value that it cannot have.
    """
    from fairseq.dataclass.initialize import add_defaults, hydra_init

    name = f"paper/{training}" if (CONFIGS / "paper" / f"{training}.yaml").is_file() else training
    hydra_init(name)
    os.environ.setdefault("PWD", str(HOME))
    try:
        with warnings.catch_warnings():  # fairseq's schemas are written for Hydra 1.0
            warnings.simplefilter("ignore")
            with initialize_config_dir(str(CONFIGS), version_base="1.1"):
                cfg = compose(name, overrides=[one for one in overrides if not is_launcher(one)])
            add_defaults(cfg)
            found = DictConfig(OmegaConf.to_container(cfg, resolve=True, enum_to_str=True))
    except (HydraException, OmegaConfBaseException, ValueError, RecursionError, OSError) as error:  # the last of names
        for override in overrides:
            if full := _with_its_section(override, training):
                raise InputError(override, "SECTION.OPTION=VALUE", "no section", f"Write {full}") from error
        raise InputError(f"configs/{name}.yaml with {' '.join(overrides)}",
                         "options of fairseq and of simul_st", " ".join(f"{error} {error.__cause__ or ''}".split()),
                         "Correct KEY=VALUE; where fairseq has such an option and the YAMLs lack it, write ++KEY=VALUE."
                         ) from error
    _check_sections(found, training)
    return found


def _with_its_section(override: str, training: str) -> str:
    """What to write for an option without its section, e.g. lags=7,2; "" for any other override."""
    name, _, value = override.partition("=")
    name = name.lstrip("+~")
    if "." in name or "/" in name:
        return ""
    value = f"'{value}'" if "," in value and value[:1] not in "['\"" else value  # Hydra takes a,b for two trainings
    cfg = resolve(training, [])
    return next((f'"{section}.{name}={value}".' for section in SECTIONS if name in cfg[section]), "")


def _check_sections(cfg: DictConfig, training: str) -> None:
    """InputError where KEY=VALUE put a value in the place of a section, or nothing in that of the batch's size."""
    for section in SECTIONS:
        if not isinstance(cfg.get(section), DictConfig):
            raise InputError("KEY=VALUE", f"a section {section} with options, as configs/paper/{training}.yaml has it",
                             repr(cfg.get(section)), f"Write {section}.OPTION=VALUE.")
    frequency, samples = cfg.optimization.update_freq, cfg.dataset.max_tokens
    if not isinstance(frequency, ListConfig) or not frequency or type(frequency[0]) is not int or frequency[0] < 1:
        raise InputError("optimization.update_freq", "a list of whole numbers from 1 on", str(frequency),
                         "Write e.g. optimization.update_freq=[2].")
    if type(samples) is not int or samples < 1:
        raise InputError("dataset.max_tokens", "a number of samples from 1 on", str(samples), "Correct it.")


def is_launcher(override: str) -> bool:
    """Whether it concerns Hydra's launcher of jobs, not the training."""
    return override.lstrip("+").startswith(("hydra.", "hydra/"))
