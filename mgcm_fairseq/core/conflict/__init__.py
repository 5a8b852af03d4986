"""Gradients of several tasks, judged group by group inside one backward pass (MGCM, arXiv 2409.15911)."""

from mgcm_fairseq.core.conflict.groups import GRANULARITIES, Groups
from mgcm_fairseq.core.conflict.report import Report
from mgcm_fairseq.core.conflict.rules import ALL_RULES, OVER_HALVES, RULES, Rule, Stateless, make_rule
from mgcm_fairseq.core.conflict.stash import Stash
from mgcm_fairseq.core.conflict.streamed import Streamed
from mgcm_fairseq.core.conflict.streams import PLAIN, Passing, Recomputing, Stream
from mgcm_fairseq.core.conflict.workers import Workers

ENGINES: dict[str, type[Stash] | type[Streamed]] = {"stash": Stash, "streamed": Streamed}

__all__ = ["ALL_RULES", "ENGINES", "GRANULARITIES", "OVER_HALVES", "PLAIN", "RULES", "Groups", "Passing",
           "Recomputing", "Report", "Rule", "Stash", "Stateless", "Stream", "Streamed", "Workers", "make_rule"]
