"""What fairseq's other programs and options end in: one sentence, or half precision that fits its weights."""

from argparse import Namespace

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.tasks.generation import REFUSED, as_weights
from mgcm_fairseq.tasks.simul_st import SimulSTTask


@pytest.fixture
def task():
    """One that was not set up: what is refused is refused before anything is looked at."""
    return SimulSTTask.__new__(SimulSTTask)


@pytest.mark.parametrize("option", REFUSED)
def test_options_for_other_models_are_refused_by_name(task, option):
    with pytest.raises(InputError, match=f"^--{option.replace('_', '-')}: expected a .*, found simul_st"):
        task.build_generator([], Namespace(**{option: "hard"}))


def test_a_language_model_is_refused(task):
    with pytest.raises(InputError, match=r"^--lm-path"):
        task.build_generator([], Namespace(), extra_gen_cls_kwargs={"lm_model": torch.nn.Linear(1, 1), "lm_weight": 1})


def test_typed_text_is_refused_with_what_shows_a_translation(task):
    with pytest.raises(InputError, match=r"fairseq-interactive: .* scripts/translate\.sh"):
        task.get_interactive_tokens_and_lengths(["hello"], str)


def test_a_program_for_language_models_is_refused(task):
    with pytest.raises(InputError, match=r"fairseq-eval-lm: expected a language model, found simul_st"):
        task.eval_lm_dataloader(None)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_audio_has_the_type_of_the_weights_and_lengths_stay(dtype):
    batch = {"id": 1, "net_input": {"src_tokens": torch.ones(2, 3), "src_lengths": torch.tensor([3, 2])}}
    found = as_weights(batch, torch.nn.Linear(2, 2).to(dtype))["net_input"]
    assert found["src_tokens"].dtype == dtype
    assert found["src_lengths"].dtype == torch.int64
    assert batch["net_input"]["src_tokens"].dtype == torch.float32
