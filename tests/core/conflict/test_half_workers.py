"""Half gradients of two workers: the Gramian is that of the means, with what a rule asks to be shared."""

import pytest
import torch
from torch import nn

from mgcm_fairseq.core.conflict import Groups, Report, Workers
from mgcm_fairseq.core.conflict.merge import Merger
from tests.core.conflict.halved import Watching
from tests.core.conflict.test_shared_gradients import both  # noqa: F401 - a fixture


def halves_of(rank):
    """(6, 4): of three tasks; the second worker's batch is of one utterance."""
    torch.manual_seed(20 + rank)
    rows = torch.randn(6, 4).double()
    return [row.view(1, -1) if rank == 0 or number % 2 == 0 else None for number, row in enumerate(rows)]


@pytest.mark.parametrize("whole", [True, False])
def test_the_gramian_is_that_of_the_means(both, whole):  # noqa: F811 - the fixture
    def run(rank):
        model, rule = nn.Linear(4, 1, bias=False).double(), Watching()
        rule.whole_gramian = whole
        [merged] = Merger(Groups(model), rule, Workers()).merge(
            [model.weight], [[row] for row in halves_of(rank)], report := Report(("st", "asr", "mt")), 0)
        [seen] = rule.seen.values()
        return seen, merged, report.gramian[0]

    seen_SS, merged, report_TT = both(run)
    given = [torch.cat([torch.zeros(1, 4) if row is None else row for row in halves_of(rank)]) for rank in (0, 1)]
    mean_SD = (given[0] + given[1]) / 2
    expected_SS = mean_SD @ mean_SD.T
    torch.testing.assert_close(seen_SS[:2], expected_SS[:2])
    torch.testing.assert_close(seen_SS, seen_SS.T)
    if whole:
        torch.testing.assert_close(seen_SS, expected_SS)
    else:  # an auxiliary's norm is the root mean square of the workers' own
        own = torch.stack([(of.view(3, 2, 4).sum(1)).square().sum(1) for of in given]).mean(0)
        torch.testing.assert_close(report_TT.diagonal()[1:], own[1:])
    shared = mean_SD if whole else torch.cat([mean_SD[:2], given[0][2:]])  # the rest is DDP's to average
    torch.testing.assert_close(merged.view(-1), shared.sum(0))
