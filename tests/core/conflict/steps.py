"""One step with an engine, on the toy and on the real network, and how its gradients are compared."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from mgcm_fairseq.core.conflict import ENGINES, PLAIN, Groups, Report, make_rule
from mgcm_fairseq.core.conflict.merge import Merger
from mgcm_fairseq.criterions.modality import state_contrast
from mgcm_fairseq.modules.schedule import OFFLINE
from mgcm_fairseq.modules.simul_st import TaskInputs
from tests.core.conflict.toy import TASKS, toy, typed
from tests.modules.networks import PAD, network, phase, speech, tokens

W2V = {"conv_feature_layers": "[(8,10,5)] + [(8,3,2)] * 4 + [(8,2,2)] * 2", "encoder_layers": 2,
       "encoder_embed_dim": 16, "encoder_ffn_embed_dim": 24, "encoder_attention_heads": 2, "layer_norm_first": True,
       "conv_pos": 8, "conv_pos_groups": 2, "dropout": 0.0, "attention_dropout": 0.0, "dropout_input": 0.0,
       "encoder_layerdrop": 0.0, "feature_grad_mult": 0.1,
       "activation_fn": "relu"}  # fairseq's gelu computes in fp32, also in a network in fp64
SMALL = {"subsample_kernels": "5,5", "model_dim": 16, "ffn_dim": 24, "attention_heads": 2}
SEGMENTED = {"segmentation_variant": "repaired", "front_end_block": 160, "segment_noise": 0.0, "multipath_from": 0,
             "lags": "2,2"}
BOUNDED = {"front_end_history": 160, "encoder_history": 80, "longest_segment": 160, "rotary": True}
DROPOUT = {"dropout": 0.2, "attention_dropout": 0.2, "activation_dropout": 0.2}


class Case(NamedTuple):
    """A model, and its losses when it is run with a passing."""

    model: nn.Module
    losses: Callable[..., dict[str, torch.Tensor]]


def toy_case(seed=3, dtype=torch.float64, model=None, **sizes) -> Case:
    """The toy, or a model like it with the batch of this seed."""
    own, batch = toy(seed, dtype, **sizes)
    return Case(model or own, lambda passing=PLAIN: (model or own)(*batch, passing))


def real_case(seed=0, dtype=torch.float64, model=None, w2v=None, lead_in=None, paired=False, language=None,
              **changes) -> Case:
    """The real network: front end, encoder, decoder, tied embeddings, CTC; or a model like it, with another batch.

    `lead_in`: of the batch's two utterances, in samples; `language`: their ranks. `paired`: ASR's loss has the contrast
    of states, too.
    """
    options = {**SMALL, "w2v_config": json.dumps({**W2V, **(w2v or {})}), **changes}
    model = model or typed(network(seed, **options), dtype).train()
    now = phase(0, **options)
    waveform, samples = speech([8_000, 6_000], seed)
    transcript, lengths = tokens([6, 5], seed)
    translation, _ = tokens([4, 5], seed + 1)
    inputs = TaskInputs(waveform.to(dtype), samples, transcript, lengths, transcript, translation,
                        None if lead_in is None else torch.tensor(lead_in),
                        language=None if language is None else torch.tensor(language))
    wanted = {"st": translation, "asr": transcript, "mt": translation}

    def losses(passing=PLAIN):
        outputs = model(inputs, TASKS, True, now, passing, paired)
        found = {task: F.cross_entropy(logits.flatten(0, 1), wanted[task].flatten(), ignore_index=PAD)
                 for task, logits in outputs.logits.items()}
        for alignment in outputs.alignments.values():
            found["asr"] = found["asr"] + 0.1 * F.log_softmax(alignment.logits, -1)[..., 3:9].square().mean()
        if outputs.paired is not None:
            found["asr"] = found["asr"] + state_contrast(outputs.paired, lengths - 1, {})
        if outputs.segmented is not None:
            found["st"] = found["st"] + 0.1 * outputs.segmented.logits.sigmoid().sum()
        return found

    return Case(model, losses)


CASES = {"toy": toy_case, "network": real_case}


def agreeing(name: str) -> Case:
    """ST and ASR are the same task on the same words, so that their gradients are equal wherever both have one."""
    if name == "toy":
        model, (speech_BTD, _, words) = toy()
        torch.nn.init.zeros_(model.letters.weight)  # so that ASR's second loss goes no further
        return Case(model, lambda passing=PLAIN: _spoken(model(speech_BTD, words, words, passing)))
    model = network(**SMALL, w2v_config=json.dumps(W2V)).double().train()
    waveform, samples = speech([8_000, 6_000])
    words, lengths = tokens([6, 5])
    inputs = TaskInputs(waveform.double(), samples, words, lengths, words, words)
    return Case(model, lambda passing=PLAIN: _spoken(
        {task: F.cross_entropy(logits.flatten(0, 1), words.flatten())
         for task, logits in model(inputs, TASKS, False, OFFLINE, passing).logits.items()}))


def _spoken(losses):
    return {task: losses[task] for task in ("st", "asr")}


def step(case: Case, engine: Any, losses: Callable[..., dict[str, torch.Tensor]] | None = None,
         scale: float = 1) -> dict[str, torch.Tensor | None]:
    """Parameter name -> gradient after one forward and backward pass with the engine."""
    case.model.zero_grad()
    (scale * engine.join((losses or case.losses)(engine.streams()))).backward()
    return gradients(case.model)


def step_of(case: Case, name: str, **options: Any) -> dict[str, torch.Tensor | None]:
    """The same with a new engine of that name."""
    return step(case, ENGINES[name](case.model, TASKS, **options))


def gradients(model: nn.Module) -> dict[str, torch.Tensor | None]:
    return {name: None if parameter.grad is None else parameter.grad.clone()
            for name, parameter in model.named_parameters()}


def assert_same(found, expected, rtol=1e-10, floor=1e-12) -> None:
    """Relative error of every parameter; an absent gradient equals zero.

    An error below `floor` times the whole gradient is none: some gradients are zero but for rounding, as that of a
    self-attention's key bias.
    """
    assert found.keys() >= expected.keys()
    norms = {name: 0.0 if e is None else e.double().norm().item() for name, e in expected.items()}
    whole = sum(norm**2 for norm in norms.values()) ** 0.5
    assert whole > 0
    for name, norm in norms.items():
        e, f = expected[name], found[name]
        difference = (0 if e is None else e.double()) - (0 if f is None else f.double())
        error = 0.0 if isinstance(difference, int) else difference.norm().item()
        bound = max(floor * whole, rtol * norm)
        assert error <= bound, f"{name}: |difference| {error:.3g}, |expected| {norm:.3g}, |whole| {whole:.3g}"


def merged(rule, gradients_TD, step=0) -> torch.Tensor:
    """What the rule makes of T gradients of one parameter (None where absent), as an engine would."""
    size = next(g.numel() for g in gradients_TD if g is not None)
    model = nn.Linear(size, 1, bias=False)
    merger = Merger(Groups(model), make_rule(rule) if isinstance(rule, str) else rule)
    rows = [[None if g is None else g.view(1, -1)] for g in gradients_TD]
    [answer] = merger.merge([model.weight], rows, Report([str(task) for task in range(len(rows))]), step)
    return answer.flatten()
