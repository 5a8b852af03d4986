"""The rule that the options ask for."""

from difflib import get_close_matches

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import ALL_RULES, AutoScope, Rule, make_rule
from mgcm_fairseq.training.config import AUTO, ConflictConfig


def rule_of(cfg: ConflictConfig, seed: int = 0) -> Rule:
    """InputError for a name that is no rule's, or a scope that the rule cannot have."""
    try:
        rule = make_rule(cfg.conflict_rule, seed)
    except ValueError as error:
        raise _wrong_rule(cfg.conflict_rule, str(error)) from error
    if cfg.conflict_scope != AUTO:
        return rule
    if rule.halves:
        raise InputError("--conflict-scope", f"all, above-front-end or a regular expression for {cfg.conflict_rule}, "
                         f"which compares halves of batches itself", AUTO, "Leave it out, or use mgcm.")
    return AutoScope(rule, cfg.conflict_scope_interval)


def name_of(cfg: ConflictConfig) -> str:
    """What a checkpoint calls what the rule remembers."""
    return cfg.conflict_rule + (" in an automatic scope" if cfg.conflict_scope == AUTO else "")


def _wrong_rule(name: str, error: str) -> InputError:
    """For a name that is no rule's, with the one that it resembles; for one of TorchJD's, what that says."""
    if name.startswith("torchjd:"):
        return InputError("--conflict-rule", "a rule that can be made", repr(name), error)
    [alike] = get_close_matches(name.lower(), ALL_RULES, 1) or ["mgcm"]
    return InputError("--conflict-rule", f"one of {', '.join(ALL_RULES)}, torchjd:NAME or none", repr(name),
                      f"Write e.g. --conflict-rule {alike}.")
