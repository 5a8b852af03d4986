"""The multi-task loss: label-smoothed cross entropy of ST, ASR and MT, and CTC for a random front end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from fairseq.criterions import FairseqCriterion, register_criterion
from fairseq.criterions.label_smoothed_cross_entropy import label_smoothed_nll_loss
from fairseq.dataclass import FairseqDataclass
from fairseq.logging import metrics
from torch import Tensor

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.option_help import shows_defaults
from mgcm_fairseq.core.conflict import PLAIN, Passing
from mgcm_fairseq.criterions.modality import reduce_state_contrast, state_contrast
from mgcm_fairseq.criterions.segmentation import SegmentationLosses
from mgcm_fairseq.data.batch import Batch
from mgcm_fairseq.modules.ctc import Alignment
from mgcm_fairseq.modules.lengths import at_least_fp32
from mgcm_fairseq.modules.simul_st import TASKS, TaskInputs, ctc_task


@shows_defaults
@dataclass
class MultitaskCriterionConfig(FairseqDataclass):
    tasks: str = field(
        default="st,asr,mt",
        metadata={"help": "Tasks to train, with commas, of st, asr and mt. The first is the primary one of a "
                          "--conflict-rule. The default is the paper's; st alone is its single-task row."})
    label_smoothing: float = field(
        default=0.1,
        metadata={"help": "Probability that the loss gives to all other tokens. The default is the paper's."})
    ctc_weight: float = field(
        default=0.0,
        metadata={"help": "Weight of CTC on the letters and pieces of the transcript. Use 1 where the front end "
                          "starts from random weights. 0 by default: a pre-trained one does without."})
    segment_number_weight: float = field(
        default=1.0,
        metadata={"help": "Weight of L_num, which asks for as many segments as words. The default is DiSeg's."})
    segment_number_from: int = field(
        default=4000,
        metadata={"help": "Updates before L_num begins. The default is DiSeg's."})
    contrastive_weight: float = field(
        default=0.1,
        metadata={"help": "Weight of L_ctr, which asks that a segment mean what its word means. The default is "
                          "DiSeg's."})
    contrastive_from: int = field(
        default=20_000,
        metadata={"help": "Updates before L_ctr begins. The default is DiSeg's."})
    state_contrast: float = field(
        default=0.0,
        metadata={"help": "Weight of a loss that asks that speech be nearer to its own transcript than to the others "
                          "of the batch, by the means of what the shared encoder reads and of its states. IMTL's "
                          "(arXiv 2311.03810) is 1. 0, the default: it is left out."})


@register_criterion("multitask_cross_entropy", dataclass=MultitaskCriterionConfig)
class MultitaskCrossEntropy(FairseqCriterion):
    """Every loss is summed over tokens; the trainer divides the gradient by the number of target tokens of ST."""

    def __init__(self, task: Any, tasks: str, label_smoothing: float, ctc_weight: float, segment_number_weight: float,
                 segment_number_from: int, contrastive_weight: float, contrastive_from: int,
                 state_contrast: float = 0.0) -> None:
        super().__init__(task)
        self.tasks = tuple(tasks.split(","))
        if not set(self.tasks) <= set(TASKS) or len(set(self.tasks)) < len(self.tasks):
            raise InputError("--tasks", f"some of {','.join(TASKS)}, each once", repr(tasks), "Write e.g. st,asr,mt.")
        if state_contrast > 0 and ("mt" not in self.tasks or self.tasks == ("mt",)):
            raise InputError("--state-contrast", "a task that hears and mt, whose states it compares", repr(tasks),
                             "Train both, or leave it out.")
        self.state_contrast = state_contrast
        self.label_smoothing = label_smoothing
        self.ctc_weight = ctc_weight
        self.segmentation = SegmentationLosses(segment_number_weight, segment_number_from, contrastive_weight,
                                               contrastive_from)

    def losses(self, model: Any, batch: Batch, passing: Passing = PLAIN,
               only: Sequence[str] | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The summed loss of each task, primary first, and what to log; those of CTC, contrast and segmenter last.

        `passing` is a conflict engine's, see mgcm_fairseq.core.conflict; `only`: the tasks that are on, None for all.
        """
        tasks = self.tasks if only is None else tuple(only)
        ctc = self.training and self.ctc_weight > 0 and ctc_task(tasks) not in {*self.tasks} - {*tasks}
        inputs = TaskInputs(
            batch["net_input"]["src_tokens"], batch["net_input"]["src_lengths"], batch["transcript"],
            batch["transcript_lengths"], batch["transcript_prefix"], batch["target_prefix"], batch["lead_in"],
            batch["source"], batch["source_lengths"], batch["language"])
        paired = self.training and self.state_contrast > 0 and {"mt", ctc_task(tasks)} <= {*tasks}
        outputs = model(inputs, tasks, ctc, passing, paired)
        targets = {"st": batch["target"], "asr": batch["transcript"], "mt": batch["target"]}
        losses: dict[str, Tensor] = {}
        logging: dict[str, Any] = {}
        for name in tasks:
            target = targets[name]
            log_probs = F.log_softmax(at_least_fp32(outputs.logits[name]), dim=-1)
            losses[name], nll = label_smoothed_nll_loss(
                log_probs.flatten(0, 1), target.flatten(), self.label_smoothing, ignore_index=self.padding_idx)
            valid = target.ne(self.padding_idx)
            logging[f"{name}_nll"] = nll.detach()
            logging[f"{name}_tokens"] = valid.sum()
            logging[f"{name}_correct"] = (log_probs.detach().argmax(-1).eq(target) & valid).sum()
        texts = {"letters": (batch["spelling"], batch["spelling_lengths"]),
                 "pieces": (batch["transcript"], batch["transcript_lengths"] - 1)}
        for level, alignment in outputs.alignments.items():
            loss, infeasible = self._ctc(alignment, *texts[level])
            losses[f"ctc_{level}"] = self.ctc_weight * loss
            logging[f"ctc_{level}_loss"], logging[f"ctc_{level}_infeasible"] = loss.detach(), infeasible
            logging[f"ctc_{level}_tokens"] = texts[level][1].sum()
        if outputs.paired is not None:
            pieces = batch["transcript_lengths"] - 1
            losses["state_contrast"] = self.state_contrast * state_contrast(outputs.paired, pieces, logging)
        if outputs.segmented is not None:
            losses |= self.segmentation(outputs.segmented, logging)
        return losses, logging

    def _ctc(self, alignment: Alignment, text: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """CTC with <s>, which no text contains, as blank; utterances too short for their text add 0 and are counted."""
        log_probs = F.log_softmax(at_least_fp32(alignment.logits), dim=-1).transpose(0, 1)
        losses = F.ctc_loss(log_probs, text, alignment.frames, lengths, blank=self.task.vocabulary.bos,
                            reduction="none", zero_infinity=True)
        return losses.sum(), losses.eq(0).sum()

    def by_task(self, model: Any, batch: Batch, passing: Passing,
                only: Sequence[str] | None = None) -> tuple[dict[str, Tensor], int, dict[str, Any]]:
        """One loss a task, CTC's and the contrast of states within that of the task they serve and the segmenter's
        within ST's, or ASR's where that is not trained; the number of ST target tokens; what to log.

        `only`: the tasks that are on, None for all. One that is off is as one that is not trained: CTC and contrast go
        over to ST with ASR's end, so that what reads CTC's heads, such as --shrink, does not read weights that drift.
        """
        losses, logging = self.losses(model, batch, passing, only)
        on = self.tasks if only is None else tuple(only)
        hearing = "st" if "st" in on else "asr"
        of_tasks: dict[str, Tensor] = {}
        for name, loss in losses.items():
            serves = name.startswith(("ctc", "state_contrast"))
            task = name if name in on else ctc_task(on) if serves else hearing
            of_tasks[task] = of_tasks[task] + loss if task in of_tasks else loss
        total = torch.stack([loss.detach() for loss in losses.values()]).sum()
        logging |= {"loss": total, "ntokens": batch["ntokens"], "nsentences": batch["nsentences"],
                    "sample_size": batch["ntokens"]}
        return of_tasks, batch["ntokens"], logging

    def forward(self, model: Any, batch: Batch, reduce: bool = True) -> tuple[Tensor, int, dict[str, Any]]:
        """The sum of the task losses, the number of ST target tokens, and what to log."""
        losses, sample_size, logging = self.by_task(model, batch, PLAIN)
        return torch.stack(list(losses.values())).sum(), sample_size, logging

    @classmethod
    def reduce_metrics(cls, logging_outputs: list[dict[str, Any]]) -> None:
        """Per token: loss, and per task cross entropy in bits and accuracy in percent."""
        def total(key: str) -> Any:
            return sum(log.get(key, 0) for log in logging_outputs)

        tokens = total("sample_size")
        metrics.log_scalar("loss", total("loss") / tokens / math.log(2), tokens, round=3)
        for name in TASKS:
            tokens = total(f"{name}_tokens")
            if tokens > 0:
                metrics.log_scalar(f"{name}_nll", total(f"{name}_nll") / tokens / math.log(2), tokens, round=3)
                metrics.log_scalar(f"{name}_acc", 100.0 * total(f"{name}_correct") / tokens, tokens, round=2)
        for name in ("ctc_letters", "ctc_pieces"):
            tokens = total(f"{name}_tokens")
            if tokens > 0:
                metrics.log_scalar(name, total(f"{name}_loss") / tokens, tokens, round=3)
                metrics.log_scalar(f"{name}_infeasible", total(f"{name}_infeasible"), round=2)
        SegmentationLosses.reduce_metrics(total)
        reduce_state_contrast(total)

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        return True
