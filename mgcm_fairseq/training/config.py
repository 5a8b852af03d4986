"""Options of conflict handling, on the command line and in Hydra's YAML."""

from dataclasses import dataclass, field

from fairseq.dataclass import ChoiceEnum, FairseqDataclass

from mgcm_fairseq.common.program import command
from mgcm_fairseq.core.conflict import ENGINES, GRANULARITIES, RULES

SCOPES = {"all": "", "above-front-end": r"(?!encoder\.front_end\.)"}
"""Names for patterns of parameter names, relative to the network."""

_GRANULARITY = ChoiceEnum(list(GRANULARITIES))
_ENGINE = ChoiceEnum(sorted(ENGINES))
_REDUCE = ChoiceEnum(["local", "global"])


@dataclass
class ConflictConfig(FairseqDataclass):
    conflict_rule: str = field(
        default="none",
        metadata={"help": "What happens to an auxiliary gradient that opposes the primary task's: "
                          f"{', '.join(RULES)} or torchjd:NAME. mgcm is arXiv 2409.15911's; sum changes nothing, but "
                          "reports. none, the default, trains on the plain sum without an engine."})
    conflict_granularity: _GRANULARITY = field(  # type: ignore[valid-type]
        default="module",
        metadata={"help": "Parameters that are judged together. The default is the paper's: a module, the weight "
                          "and bias of one layer."})
    conflict_scope: str = field(
        default="all",
        metadata={"help": "Parameters that the rule judges: all, the default, as in the paper; above-front-end, "
                          "which costs next to no time; or a regular expression that their names begin with. The "
                          "others get the plain sum."})
    conflict_engine: _ENGINE = field(  # type: ignore[valid-type]
        default="streamed",
        metadata={"help": "streamed, the default: no more memory than plain training. stash: keeps all tasks' "
                          "gradients, as granularity model needs."})
    conflict_reduce: _REDUCE = field(  # type: ignore[valid-type]
        default="global",
        metadata={"help": "global, the default: judge the gradients of all workers' batch, so that many workers "
                          "train as one; it takes one more all-reduce. local: judge each worker's own, as the "
                          "published code does."})
    conflict_log: str = field(
        default="",
        metadata={"help": f"File for {command('plot-conflicts')}, a line of JSON for each record. It also measures a "
                          "noise floor: the primary task's gradients on the two halves of one batch. By default no "
                          "file is written."})
    conflict_log_interval: int = field(
        default=100,
        metadata={"help": "Updates between two records of conflicts, in the log and in the file. The default is the "
                          "interval of the recipes' other lines."})
