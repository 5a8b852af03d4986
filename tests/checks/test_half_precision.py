"""scripts/checks/half_precision.py on the tiny corpus, past the update from which every loss is on."""

import sys

import pytest

from tests.fixtures import run


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_every_number_is_finite(tiny_corpus, precision):
    done = run(sys.executable, "-W", "ignore", "scripts/checks/half_precision.py", "--corpus", tiny_corpus,
               "--precision", precision, "--updates", "12", "--all-from", "9", "--max-tokens", "64000")
    assert done.stdout.splitlines()[-1].startswith(f"{precision}: every loss and parameter finite in 12 updates")
