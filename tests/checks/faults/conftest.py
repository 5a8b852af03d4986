"""A bench for all tests, so that material is made and each program is run undisturbed once."""

import pytest

from mgcm_fairseq.checks.faults.disturb import Bench
from mgcm_fairseq.checks.faults.material import make
from mgcm_fairseq.checks.faults.programs import import_everything
from mgcm_fairseq.checks.faults.setting import FaultsSetting
from tests.fixtures import made_once


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    import_everything()
    folder = made_once(tmp_path_factory, "faults", lambda folder: make(folder / "material"))
    return Bench(FaultsSetting(folder, seed=1, kills=10, quick=True), make(folder / "material"))
