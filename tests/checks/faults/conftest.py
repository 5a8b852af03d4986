"""A bench whose corpus and checkpoints are those of the other tests."""

import shutil

import pytest

from mgcm_fairseq.checks.faults.disturb import Bench
from mgcm_fairseq.checks.faults.material import make
from mgcm_fairseq.checks.faults.programs import import_everything
from mgcm_fairseq.checks.faults.setting import Setting


@pytest.fixture(scope="session")
def fault_material(tiny_corpus, tiny_segmenting_checkpoint, tmp_path_factory):
    """A folder that a check finds its material in."""
    folder = tmp_path_factory.mktemp("fault_material")
    (folder / "spoken").symlink_to(tiny_corpus.parent)
    (folder / "checkpoints").mkdir()
    for name in ("checkpoint_1_4.pt", "checkpoint_1_8.pt", "checkpoint_2_12.pt", "checkpoint_last.pt"):
        shutil.copy(tiny_segmenting_checkpoint, folder / "checkpoints" / name)
    import_everything()
    make(folder)
    return folder


@pytest.fixture(scope="session")
def bench(fault_material, tmp_path_factory):
    """One for all, so that each program is run undisturbed once."""
    folder = tmp_path_factory.mktemp("faults")
    (folder / "material").symlink_to(fault_material)
    setting = Setting(folder, seed=1, kills=10, quick=True)
    return Bench(setting, make(setting.material))
