"""Every repair of the software stack, a file for each subject: `install()` applies those that this machine needs.

Each repair is a function with its reason; tests/compat shows each fault without it, so that a test fails once
the repair can go.
"""

from mgcm_fairseq.compat.ending import end_input_errors_without_a_traceback
from mgcm_fairseq.compat.imports import repair_torchaudio, statistics_when_used
from mgcm_fairseq.compat.loading import (
    allow_fairseq_checkpoints,
    keep_fairseq_from_running_checkpoints,
    load_checkpoint,
)
from mgcm_fairseq.compat.precision import (
    keep_attention_from_compiling,
    let_bf16_do_without_a_tpu,
    name_optimizers_that_need_fp32_copies,
    take_one_precision,
)
from mgcm_fairseq.compat.printing import keep_logging_quiet, let_any_text_be_printed, silence_what_only_others_can_mend
from mgcm_fairseq.compat.resuming import let_tasks_resume
from mgcm_fairseq.compat.saving import (
    keep_the_best_checkpoints,
    make_checkpoint_copies_whole,
    save_checkpoints_whole,
    save_no_checkpoint_for_input_errors,
)
from mgcm_fairseq.compat.training import (
    end_a_training_that_is_finished,
    let_ddp_run_on_cpu,
    let_tasks_check_trainings,
    let_tasks_explain_gradients_that_are_not_finite,
)

__all__ = ["install", "keep_logging_quiet", "load_checkpoint", "repair_torchaudio",
           "silence_what_only_others_can_mend", "statistics_when_used"]


def install() -> None:
    """Applies every repair; a second call changes nothing. To be called before fairseq reads or writes a checkpoint."""
    keep_logging_quiet()
    silence_what_only_others_can_mend()
    end_input_errors_without_a_traceback()
    let_any_text_be_printed()
    repair_torchaudio()
    with statistics_when_used():
        import fairseq  # noqa: F401 - here, so that what is around it holds
    allow_fairseq_checkpoints()
    keep_fairseq_from_running_checkpoints()
    save_checkpoints_whole()
    make_checkpoint_copies_whole()
    keep_the_best_checkpoints()
    let_tasks_resume()
    let_tasks_check_trainings()
    end_a_training_that_is_finished()
    let_ddp_run_on_cpu()
    keep_attention_from_compiling()
    let_bf16_do_without_a_tpu()
    take_one_precision()
    name_optimizers_that_need_fp32_copies()
    let_tasks_explain_gradients_that_are_not_finite()
    save_no_checkpoint_for_input_errors()
