"""Grouped layers: the divided network is the shared one, and a row's language alone says which part it passes."""

import logging

import pytest
import torch

from mgcm_fairseq.core.conflict import PLAIN, Groups
from mgcm_fairseq.modules.grouped import PrivateParts
from mgcm_fairseq.modules.schedule import OFFLINE, Phase
from mgcm_fairseq.modules.simul_st import TASKS
from mgcm_fairseq.modules.streaming import speech_stream
from tests.modules.grouped import divided, grouped_ffn, told_apart
from tests.modules.networks import LANGUAGES, network, speech, task_inputs

SMALL = {"model_dim": 16, "ffn_dim": 24, "attention_heads": 2, "dropout": 0.0, "encoder_layers": 3}
PRIVATE = (0, 3, 4, 10, 23)
LAYERS = (grouped_ffn(0, PRIVATE), grouped_ffn(2, (1, 2), {"a": ("qab",), "b": ("qac",), "c": ("qaa",)}))
SAMPLES, PIECES = [9_000, 9_000, 7_000, 6_000], [7, 5, 5, 3]
SEGMENTED = Phase(segmented=True)


def made(init="units", **changes):
    shared = network(**SMALL, **changes).double()
    return shared, divided(shared, *LAYERS, init=init, **SMALL, **changes)


def batch(languages, rows=slice(None)):
    """Of utterances in languages of these ranks."""
    return task_inputs(SAMPLES, PIECES, rows)._replace(language=torch.tensor(languages))


def logits(of, inputs):
    return of(inputs, TASKS, False, OFFLINE, PLAIN).logits


@torch.no_grad()
@pytest.mark.parametrize("changes", [{}, {"norm_first": False, "local_kernels": "3,2"}])
def test_a_divided_network_computes_what_it_did_for_every_language(changes):
    shared, grouped = made(**changes)
    expected = logits(shared, batch([0] * 4))
    for languages in ([0] * 4, [1] * 4, [2] * 4, [0, 1, 2, 0]):
        for task, found in logits(grouped, batch(languages)).items():
            torch.testing.assert_close(found, expected[task], atol=1e-10, rtol=0)
    in_fp32, expected = (logits(of.float(), batch([2, 1, 0, 0])._replace(waveform=speech(SAMPLES)[0]))
                         for of in (grouped, shared))
    for task, found in in_fp32.items():
        assert (found - expected[task]).abs().max() < 1e-6 * expected[task].abs().max().clamp(min=1)


@torch.no_grad()
@pytest.mark.parametrize("block", [320, 0])
@pytest.mark.parametrize("rank", range(3))
def test_streaming_passes_the_part_of_the_spoken_language(block, rank):
    """Divided, it is the shared one; told apart, that of a whole pass of the language."""
    options = {"front_end_block": block, "segmentation_variant": "repaired"}
    shared, grouped = made(**options)
    for of in (shared, grouped):
        torch.nn.init.normal_(of.encoder.segmenter.output.weight, generator=torch.Generator().manual_seed(2))
    waveform, language = speech([16_000])[0].double(), torch.tensor([rank])

    def streamed(encoder):
        stream = speech_stream(encoder, None, language)
        for part in waveform[0].split(1_000):
            stream.extend(part, False)
        stream.extend(waveform[0, :0], True)
        return stream.memory.states

    torch.testing.assert_close(streamed(grouped.encoder), streamed(shared.encoder), atol=1e-10, rtol=0)
    apart = told_apart(grouped).encoder
    found = streamed(apart)
    assert (found - streamed(shared.encoder)).abs().max() > 0.1
    if block:
        whole = apart.utterance(waveform[0], SEGMENTED, language).states
        torch.testing.assert_close(found, whole, atol=1e-10, rtol=0)


def test_the_number_of_parameters_is_as_the_plan_says():
    """|S| + G (H - |S|) hidden units; one has a row, a bias and a column."""
    shared, grouped = made()
    more = sum((len(layer.groups) - 1) * len(layer.private) for layer in LAYERS)
    counts = [sum(parameter.numel() for parameter in of.parameters()) for of in (shared, grouped)]
    assert counts[1] - counts[0] == more * (16 + 1 + 16)
    assert grouped.encoder.layers[0].ffn.fc1.out_features == 24 - len(PRIVATE)
    assert [len(layer.private.parts) if layer.private else 0 for layer in grouped.encoder.layers] == [2, 0, 3]


@torch.no_grad()
def test_rows_in_another_order_give_their_outputs_in_that_order():
    grouped, languages = told_apart(made()[1]), [0, 1, 2, 0]
    inputs = batch(languages)
    expected = logits(grouped, inputs)
    for order in ([1, 0, 2, 3], [3, 2, 1, 0], [2, 3, 0, 1]):
        turned = inputs._replace(**{name: value[order] for name, value in inputs._asdict().items()
                                    if isinstance(value, torch.Tensor)})
        for task, found in logits(grouped, turned).items():
            torch.testing.assert_close(found, expected[task][order], atol=1e-10, rtol=0)


@torch.no_grad()
def test_a_row_is_that_of_its_language_whatever_stands_beside_it():
    """MT's text too; languages of one group in one layer differ in another."""
    grouped = told_apart(made()[1])
    alone = {rank: logits(grouped, batch([rank], slice(2, 3))) for rank in range(3)}
    for languages in ([0, 1, 2, 0], [2, 2, 0, 1], [1, 0, 1, 2]):
        found = logits(grouped, batch(languages))
        for task in TASKS:
            torch.testing.assert_close(found[task][2, :5], alone[languages[2]][task][0], atol=1e-10, rtol=0)
    for task in TASKS:
        for one, other in ((0, 1), (1, 2), (2, 0)):
            assert (alone[one][task] - alone[other][task]).abs().max() > 1e-3


@pytest.mark.parametrize("task", TASKS)
def test_a_rows_gradient_reaches_its_part_alone_and_is_zero_in_the_others(task):
    """Zero and there: workers that wait for each other's gradients have all of them."""
    grouped = told_apart(made()[1])
    for rank, language in enumerate(LANGUAGES):
        grouped.zero_grad()
        logits(grouped, batch([rank], slice(1, 2)))[task].square().sum().backward()
        for layer, plan in zip(grouped.encoder.layers[::2], LAYERS, strict=True):
            for group, part in enumerate(layer.private.parts):
                gradients = [parameter.grad for parameter in part.parameters()]
                assert all(gradient is not None for gradient in gradients)
                assert any(gradient.any() for gradient in gradients) == (group == plan.group_of(language))


def test_private_modules_are_groups_of_their_own():
    names = Groups(made()[1], "module", r"encoder\.layers\.0\.(ffn|private)\.").names
    parts = ("ffn", "private.parts.0", "private.parts.1")
    assert sorted(names) == [f"encoder.layers.0.{part}.{layer}" for part in parts for layer in ("fc1", "fc2")]
    assert Groups(made()[1], "component", r"encoder\.layers\.0\.(ffn|private)\.").names == ["encoder.layers.0/ffn"]


@pytest.mark.parametrize("language", [None, torch.tensor([0]), torch.tensor([0, 1, 2])])
def test_every_row_must_have_a_language(language):
    grouped = made()[1]
    with pytest.raises(ValueError, match=r"expected the languages of 2 rows, found (none|those of [13])\. Pass"):
        logits(grouped, task_inputs(SAMPLES, PIECES, slice(2))._replace(language=language))


def test_parts_without_rows_are_passed_over_where_nothing_learns():
    """oneDNN and the 8-bit layers need not know what nothing is."""
    parts = PrivateParts([torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)], (1, 0))
    parts.parts[1].forward = lambda rows: pytest.fail("ran")
    with torch.no_grad():
        assert parts(torch.ones(2, 4, 3), torch.tensor([1, 1])).shape == (2, 4, 3)


def test_as_published_the_log_says_how_much_changes(caplog):
    with caplog.at_level(logging.INFO):
        shared, grouped = made("published")
        made()
    changes = [[float(one.split()[-1]) for one in record.message.split("was: ")[1].split(", ")]
               for record in caplog.records if "is divided" in record.message]
    assert [len(of_layer) for of_layer in changes] == [2, 3, 2, 3]
    assert all(0.1 < one < 2 for of_layer in changes[:2] for one in of_layer)
    assert all(one < 1e-6 for of_layer in changes[2:] for one in of_layer)
    with torch.no_grad():
        found, expected = (logits(of, batch([0, 1, 2, 0])) for of in (grouped, shared))
    assert (found["st"] - expected["st"]).abs().max() > 1e-3
