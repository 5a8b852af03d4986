"""fairseq-train and its BLEU with what IMTL (arXiv 2311.03810) adds to network and data, in both engines."""

import pytest
import torch

from tests.training.here import train_here

ALL = {
    "local convolutions": ("--local-kernels", "5,3"),
    "shrinking": ("--shrink", "ctc", "--shrink-from", "1"),
    "shrinking to means": ("--shrink", "ctc", "--shrink-from", "0", "--shrink-pool", "mean", "--no-looking-back"),
    "contrast of states": ("--state-contrast", "1", "--batch-size", "4"),
    "all": ("--transcript-noise", "0.5,0.2", "--local-kernels", "5,3", "--shrink", "ctc", "--shrink-from", "0",
            "--state-contrast", "1"),
    "noise on MT's source": ("--transcript-noise", "0.5,0.2", "--transcript-noise-kind", "repeat"),
}
BY_BLEU = ("--eval-bleu", "--best-checkpoint-metric", "bleu", "--maximize-best-checkpoint-metric")


@pytest.mark.parametrize("engine", ["streamed", "stash"])
@pytest.mark.parametrize("mechanism", ALL)
def test_it_trains(tiny_corpus, tmp_path, mechanism, engine):
    rule = ("--conflict-rule", "mgcm", "--conflict-engine", engine)
    found = train_here(tiny_corpus, tmp_path, 2, "--ctc", *rule, *ALL[mechanism], *BY_BLEU)
    assert all(weight.isfinite().all() for weight in torch.load(found)["model"].values())
