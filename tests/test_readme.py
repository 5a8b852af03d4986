"""The README's example of a model of one's own runs as it stands."""

import re

import torch

from tests.fixtures import REPOSITORY


def test_example_merges_gradients():
    [code] = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert len(code.strip().splitlines()) <= 12
    torch.manual_seed(0)
    names: dict = {}
    exec(code, names)
    report, model = names["engine"].report, names["model"]
    assert report.cosine().shape == (2, 1)
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert torch.equal(report.removed() > 0, report.conflict())
