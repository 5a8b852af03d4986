"""What the paper reports (arXiv 2409.15911), to stand beside what was found here, and how systems are called."""

TABLE_1 = {"multi_task": (22.95, 24.51), "pcgrad": (22.75, 24.28), "discard": (22.84, 24.43), "mgcm": (23.63, 25.14)}
"""System -> BLEU on tst-COMMON of MuST-C En-De, greedy and beam 5, of DiSeg with and without each rule. Table I."""

TABLE_2 = {"pcgrad": (3.77, 9.41, 18.81), "streamed": (0.20, 0.48, 0.95)}
"""Method of the benchmark -> extra GPU memory in GB at 0.2, 0.5 and 1.0 billion parameters: PCGrad, MGCM. Table II."""

BILLIONS = (0.2, 0.5, 1.0)
"""Parameters of the networks of Table II."""

LABELS = {
    "multi_task": "multi-task (baseline)", "multi_task_again": "multi-task again (rounding)",
    "multi_task_same_time": "multi-task, as long as MGCM", "single_task": "single-task", "mgcm": "MGCM",
    "mgcm_noise": "MGCM, noise-aware", "pcgrad": "PCGrad (whole model)", "discard": "Discard",
    "constant_low": "constant weights 1, 0.3, 0.3", "constant_mt": "constant weights 1, 0.3, 1",
    "uncertainty": "uncertainty weighting", "random_weights": "random weights (RLW)",
    "mgcm_parameter": "MGCM, parameter", "mgcm_component": "MGCM, component", "mgcm_layer": "MGCM, layer",
    "mgcm_model": "MGCM, model", "mgcm_above_front_end": "MGCM above the front end",
    "half_batch": "multi-task, half the batch", "double_batch": "multi-task, twice the batch",
    "convolution_multi_task": "multi-task, with convolutions", "convolution_mgcm": "MGCM, with convolutions"}
"""System of the study -> what tables call it."""

RUNS = {"offline-1": "greedy", "offline-5": "beam 5"}
"""Run -> what tables call it; others by their names."""


def label(system: str) -> str:
    """Of a system in tables and figures."""
    return LABELS.get(system, system)


def run_label(run: str) -> str:
    """Of a run: greedy, beam 5, wait-k 3."""
    name, _, point = run.rpartition("-")
    return RUNS.get(run, f"{name} {point}")
