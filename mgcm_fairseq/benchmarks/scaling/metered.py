"""What merging gradients would cost on a GPU, where they are read in larger chunks than on a CPU."""

from torch import Tensor, empty_like

from mgcm_fairseq.core.conflict.flat import GPU
from mgcm_fairseq.core.conflict.layout import Gradients
from mgcm_fairseq.core.conflict.merge import Merger
from mgcm_fairseq.core.conflict.report import Report
from mgcm_fairseq.measuring.work import Work


class MeteredMerger:
    """Stands in an engine for its merger; merges fake tensors once more, as on a GPU."""

    def __init__(self, merger: Merger) -> None:
        self.merger, self.groups, self.halves = merger, merger.groups, merger.halves
        self.as_on_gpu = Merger(merger.groups, merger.rule, merger.workers, GPU)
        self.operators = self.touched = 0  # of merging as on a GPU
        self.here = 0  # operators that ran in its place

    def merge(self, parameters: list[Tensor], gradients: list[Gradients], report: Report, step: int) -> Gradients:
        """The merger's answer."""
        with Work() as here:
            again = [[None if gradient is None else empty_like(gradient) for gradient in of_task]
                     for of_task in gradients]
            with Work() as work:
                self.as_on_gpu.merge(parameters, again, Report(report.tasks), step)
            merged = self.merger.merge(parameters, gradients, report, step)
        self.operators, self.touched = self.operators + work.operators, self.touched + work.touched
        self.here += here.operators
        return merged
