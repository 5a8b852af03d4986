"""All repairs together: a second installation changes nothing; a TPU that is not there is refused."""

import sys

import pytest
import torch

from mgcm_fairseq import compat
from mgcm_fairseq.common.errors import InputError


def test_a_tpu_without_its_package_is_refused() -> None:
    compat.install()
    from fairseq import options

    with pytest.raises(InputError, match="--tpu: expected the package torch_xla, found none"):
        options.parse_args_and_arch(options.get_training_parser(), ["data", "--tpu", "--bf16"])


def test_installing_twice_changes_nothing() -> None:
    from fairseq.file_io import PathManager

    compat.install()
    before = PathManager.copy, sys.modules["torchaudio"], len(torch.serialization.get_safe_globals())
    compat.install()
    assert before == (PathManager.copy, sys.modules["torchaudio"], len(torch.serialization.get_safe_globals()))
