"""fairseq-train with what IMTL (arXiv 2311.03810) adds to network and data, in both engines."""

import pytest
import torch

from tests.training.here import train_here

ALL = {
    "local convolutions": ("--local-kernels", "5,3"),
    "noise on MT's source": ("--transcript-noise", "0.5,0.2", "--transcript-noise-kind", "repeat"),
}


@pytest.mark.parametrize("engine", ["streamed", "stash"])
@pytest.mark.parametrize("mechanism", ALL)
def test_it_trains(tiny_corpus, tmp_path, mechanism, engine):
    rule = ("--conflict-rule", "mgcm", "--conflict-engine", engine)
    found = train_here(tiny_corpus, tmp_path, 2, "--ctc", *rule, *ALL[mechanism], "--disable-validation")
    assert all(weight.isfinite().all() for weight in torch.load(found)["model"].values())
