"""Options of conflict handling, on the command line and in Hydra's YAML."""

from dataclasses import dataclass, field

from fairseq.dataclass import ChoiceEnum, FairseqDataclass

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
        metadata={"help": "what becomes of auxiliary gradients that oppose the primary task's: "
                          f"{', '.join(RULES)} or torchjd:NAME. mgcm is arXiv 2409.15911's; sum changes nothing but "
                          "has the report; none trains on the plain sum without an engine"})
    conflict_granularity: _GRANULARITY = field(  # type: ignore[valid-type]
        default="module",
        metadata={"help": "parameters that are judged together; module is the paper's: weight and bias of one layer"})
    conflict_scope: str = field(
        default="all",
        metadata={"help": "all; above-front-end, which costs next to no time; or a regular expression that the names "
                          "of the network's parameters must begin with. Others get the plain sum"})
    conflict_engine: _ENGINE = field(  # type: ignore[valid-type]
        default="streamed",
        metadata={"help": "streamed: no more memory than plain training; stash: holds all tasks' gradients, as "
                          "granularity model needs"})
    conflict_reduce: _REDUCE = field(  # type: ignore[valid-type]
        default="global",
        metadata={"help": "global: judge the gradients of all workers' batch, so that many workers train as one, for "
                          "one more all-reduce; local: judge each worker's own, as the published code"})
    conflict_log: str = field(
        default="",
        metadata={"help": "JSON-lines file for scripts/plot_conflicts.py; empty: none. Also measures a noise floor: "
                          "the primary task's gradients on the two halves of one batch"})
    conflict_log_interval: int = field(
        default=100, metadata={"help": "updates between two records of the conflicts, in the log and in the file"})
