"""What fairseq-generate and fairseq-interactive can be asked for that this model has no answer to, and what to use."""

from typing import Any

import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import command
from mgcm_fairseq.data.batch import Batch

REFUSED = {  # fairseq's option: (the models that it is for, what to do)
    "score_reference": ("a model that is called with source and target tokens alone",
                        "fairseq-validate gives the loss of the references."),
    "print_alignment": ("a model whose source are tokens",
                        f"{command('plot-segments')} shows when each word is written."),
    "constraints": ("a task that reads words that a translation must have", "Leave it out."),
    "print_step": ("a model that refines its translation in steps", "Leave it out."),
    "retain_iter_history": ("a model that refines its translation in steps", "Leave it out."),
}


def check_options(options: Any) -> None:
    """InputError for the first option that fairseq would fail on with a traceback."""
    for name, (wanted, remedy) in REFUSED.items():
        if getattr(options, name, None):
            raise InputError(f"--{name.replace('_', '-')}", wanted, "simul_st", remedy)


def refuse_language_model() -> InputError:
    """For --lm-path."""
    return InputError("--lm-path", "a language model over this corpus's vocabulary that fairseq can call step by step",
                      "one that does not fit beside simul_st", "Leave it out: no task here trains one.")


def refuse_reading() -> InputError:
    """For fairseq-eval-lm."""
    return InputError("fairseq-eval-lm", "a language model", "simul_st, which translates speech",
                      "fairseq-validate gives its loss on a split.")


def refuse_typing() -> InputError:
    """For fairseq-interactive."""
    return InputError("fairseq-interactive", "a task that translates what is typed", "simul_st, which hears speech",
                      f"{command('translate')} some.wav shows the translation of a recording.")


def as_weights(batch: Batch, model: torch.nn.Module) -> Batch:
    """The batch with its audio in the type of the model's weights: --fp16 halves the weights alone."""
    dtype = next(model.parameters()).dtype
    if dtype == torch.float32:
        return batch  # which the trainer has made what it needs
    source = batch["net_input"]["src_tokens"]
    if not source.is_floating_point():
        return batch  # which is text
    return {**batch, "net_input": {**batch["net_input"], "src_tokens": source.to(dtype)}}
