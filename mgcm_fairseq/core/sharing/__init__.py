"""Which languages can share a layer: what their gradients ask of it, groups of them, and the plan that follows."""

from mgcm_fairseq.core.sharing.cross_fitting import Fit, cross_fit, halves
from mgcm_fairseq.core.sharing.grouping import Grouping, distances, grouped
from mgcm_fairseq.core.sharing.paired import correlations, p_of_pairs
from mgcm_fairseq.core.sharing.plan import GroupedLayer, PlanSource, PlanStats, SharingPlan, plan_of
from mgcm_fairseq.core.sharing.rand_index import adjusted_rand
from mgcm_fairseq.core.sharing.significance import adjusted, p_value, permutations_needed, permuted
from mgcm_fairseq.core.sharing.similarity import (
    Partition,
    cosines,
    deltas,
    known,
    of_groups,
    purities,
    scores,
    similarities,
    true_cosines,
)
from mgcm_fairseq.core.sharing.split import Units, as_published, relative_change, shared_and_private
from mgcm_fairseq.core.sharing.stability import agreement, bootstrap, settled
from mgcm_fairseq.core.sharing.subspace import joint_directions, outside
from mgcm_fairseq.core.sharing.units import private_count, private_units, share_ratio, unit_similarities

__all__ = ["Fit", "GroupedLayer", "Grouping", "Partition", "PlanSource", "PlanStats", "SharingPlan", "Units",
           "adjusted", "adjusted_rand", "agreement", "as_published", "bootstrap", "correlations", "cosines",
           "cross_fit", "deltas", "distances", "grouped", "halves", "joint_directions", "known", "of_groups", "outside",
           "p_of_pairs", "p_value", "permutations_needed", "permuted", "plan_of", "private_count", "private_units",
           "purities", "relative_change", "scores", "settled", "share_ratio", "shared_and_private", "similarities",
           "true_cosines", "unit_similarities"]
