"""A plan of shared and private layers as a YAML file."""

from pathlib import Path

import yaml

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import read_text
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.core.sharing.plan import SharingPlan, plan_of

_REMEDY = "Make the plan again, or correct it."


def write_plan(path: Path, plan: SharingPlan) -> None:
    """Writes the plan; the same plan gives the same bytes."""
    write_whole(path, yaml.safe_dump(plan.record(), sort_keys=False, default_flow_style=None, width=120,
                                     allow_unicode=True))


def read_plan(path: Path) -> SharingPlan:
    """The plan in a file; InputError where it is none, or does not hold together."""
    if not path.is_file():
        raise InputError(path, "a sharing plan", "no such file", "Check the path.")
    try:
        return plan_of(yaml.safe_load(read_text(path, _REMEDY)))
    except InputError:
        raise
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(path, "YAML", " ".join(str(error).split()), _REMEDY) from error
    except ValueError as error:  # of the plan, or of a date or number that is none
        raise InputError(path, "a sharing plan", str(error).rstrip("."), _REMEDY) from error
