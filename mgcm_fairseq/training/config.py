"""Options of conflict handling, on the command line and in Hydra's YAML."""

from dataclasses import dataclass, field

from fairseq.dataclass import ChoiceEnum, FairseqDataclass

from mgcm_fairseq.common.option_help import shows_defaults
from mgcm_fairseq.common.program import command
from mgcm_fairseq.core.conflict import ENGINES, GRANULARITIES, OVER_HALVES, RULES

AUTO = "auto"
"""The scope that follows the training."""

SCOPES = {"all": "", "above-front-end": r"(?!encoder\.front_end\.)", AUTO: ""}
"""Names for patterns of parameter names, relative to the network."""

# mypy takes a class that a call makes for no type: hence [valid-type] below
_GRANULARITY = ChoiceEnum(list(GRANULARITIES))
_ENGINE = ChoiceEnum(sorted(ENGINES))
_REDUCE = ChoiceEnum(["local", "global"])
_WEIGHTS = ChoiceEnum(["fixed", "norm", "uncertainty", "dwa", "famo", "random"])
_VARIANT = ChoiceEnum(["repaired", "published"])
_PART = ChoiceEnum(["front-end", "encoder"])


@shows_defaults
@dataclass
class ConflictConfig(FairseqDataclass):
    conflict_rule: str = field(
        default="none",
        metadata={"help": "What happens to an auxiliary gradient that opposes the primary task's: "
                          f"{', '.join(RULES)} or torchjd:NAME. mgcm is arXiv 2409.15911's; sum changes nothing, but "
                          f"reports. {', '.join(OVER_HALVES)} compare gradients of half batches, so as not to take "
                          "noise for a conflict. none, the default, trains on the plain sum without an engine."})
    conflict_granularity: _GRANULARITY = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="module",
        metadata={"help": "Parameters that are judged together. The default is the paper's: a module, the weight "
                          "and bias of one layer."})
    conflict_scope: str = field(
        default="all",
        metadata={"help": "Parameters that the rule judges: all, the default, as in the paper; above-front-end, "
                          "which costs next to no time; auto, those groups in which conflict exceeds the noise, by "
                          "gradients of half batches; or a regular expression that their names begin with. The others "
                          "get the plain sum."})
    conflict_scope_interval: int = field(
        default=200,
        metadata={"help": "Updates between two decisions of --conflict-scope auto. The default is about as many as its "
                          "running sums remember."})
    conflict_engine: _ENGINE = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="streamed",
        metadata={"help": "streamed, the default: little more memory than plain training. stash: keeps all tasks' "
                          "gradients, as granularity model needs."})
    conflict_reduce: _REDUCE = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="global",
        metadata={"help": "global, the default: judge the gradients of all workers' batch, so that many workers "
                          "train as one. They send the gradients that the rule needs once more. local: judge each "
                          "worker's own, as the published code does."})
    conflict_log: str = field(
        default="",
        metadata={"help": f"File for {command('plot-conflicts')}, a line of JSON for each record. It also measures a "
                          "noise floor: the primary task's gradients on the two halves of one batch. By default no "
                          "file is written."})
    conflict_log_interval: int = field(
        default=100,
        metadata={"help": "Updates between two records of conflicts, in the log and in the file. The default is the "
                          "interval of the recipes' other lines."})
    task_weights: _WEIGHTS = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="fixed",
        metadata={"help": "How the tasks' losses are weighted. fixed, the default: by constants. norm: by the norms of "
                          "gradients, as in arXiv 2311.03810 (IMTL). uncertainty: arXiv 1705.07115. dwa: arXiv "
                          "1803.10704. famo: arXiv 2306.03792. random: weights drawn anew in each update, arXiv "
                          "2111.10603."})
    fixed_task_weights: str = field(
        default="",
        metadata={"help": "Weights of the tasks, with commas, in the order of --tasks, such as 1,0.3,0.3, for "
                          "--task-weights fixed. A task of weight 0 is left out. By default all are 1, as in MGCM's "
                          "paper."})
    task_weight_interval: int = field(
        default=5000,
        metadata={"help": "Updates between two changes of the weights that norm and dwa make. The default is IMTL's."})
    task_weight_floor: float = field(
        default=0.1,
        metadata={"help": "The weight below which norm turns a task off for good. The default is IMTL's."})
    task_weight_variant: _VARIANT = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="repaired",
        metadata={"help": "How norm measures: repaired, the default, each task's own gradient for each of its tokens; "
                          "published, as IMTL's code, the sum of gradients so far, weights and all, for "
                          "comparison."})
    asr_norm_part: _PART = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="front-end",
        metadata={"help": "Where norm compares ASR's gradients with ST's: front-end, the default, as in IMTL; encoder, "
                          "for a --conflict-scope without the front end."})
    asr_until: int = field(
        default=0,
        metadata={"help": "Updates after which ASR is left out, for --task-weights fixed and norm; 20000 in IMTL. ST "
                          "has CTC and the contrast of states from then on. 0, the default: never, as in MGCM's "
                          "paper."})
