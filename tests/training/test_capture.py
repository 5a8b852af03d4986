"""Gradients of one language's batches: what an engine would report of them, with nothing touched, kept in files."""

from itertools import product

import pytest
import torch
from torch import nn

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN, Stash
from mgcm_fairseq.core.sharing.count_sketch import SIZE
from mgcm_fairseq.models.simul_st import SimulSTModel
from mgcm_fairseq.modules.grouped import PrivateParts
from mgcm_fairseq.training import capture
from mgcm_fairseq.training.capture import Capture, ffns, gramian, of_units, unit_sums
from tests.modules.networks import network
from tests.training.batches import criterion, training_batch

SMALL = {"model_dim": 16, "ffn_dim": 24, "attention_heads": 2, "encoder_layers": 2, "decoder_layers": 1}


def model(**changes):
    return SimulSTModel(network(**{**SMALL, **changes}).double())


def batch(seed):
    made = training_batch(2, seed)
    made["net_input"]["src_tokens"] = made["net_input"]["src_tokens"].double()
    return {**made, "id": torch.arange(2)}


@pytest.fixture(scope="module")
def trained():
    """A model, its capture, and the files of four batches of two languages, two of each."""
    made = model()
    return made, Capture(made, criterion())


@pytest.fixture(scope="module")
def files(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("capture")
    paths = [folder / f"{number}.gradients" for number in range(4)]
    for number, path in enumerate(paths):
        trained[1].write(batch(number), path)
        assert path.stat().st_size == trained[1].bytes
    return paths


def test_inner_products_are_those_that_an_engine_reports(trained, files):
    made, captured = trained
    languages = ("qaa", "qab", "qac", "qad")
    engine = Stash(made.network, languages, "sum")
    plain = criterion("st").eval()
    made.eval()
    engine.join({language: plain.by_task(made, batch(number), PLAIN)[0]["st"]
                 for number, language in enumerate(languages)}).backward()
    made.zero_grad()
    expected = dict(zip((engine.merger.groups.names[group] for group in engine.report.groups), engine.report.gramian,
                        strict=True))
    found = {}
    for kept in captured.layout:
        found[kept.module] = found.get(kept.module, 0) + gramian(files, captured.dtype, kept)
    assert expected.keys() <= found.keys()
    for module, gramian_BB in found.items():
        torch.testing.assert_close(gramian_BB, expected.get(module, torch.zeros(4, 4).double()), rtol=1e-10, atol=1e-14)


def test_nothing_is_touched():
    made = model(dropout=0.5, attention_dropout=0.5)
    quiet = Capture(made, criterion()).gradients(batch(0))
    made.train()
    made.network.encoder.layers[0].eval()
    for parameter in made.parameters():
        parameter.grad = torch.ones_like(parameter)
    modes = [module.training for module in made.modules()]
    weights = [one.clone() for one in made.state_dict().values()]
    torch.manual_seed(7)
    random = torch.get_rng_state()
    given = criterion()
    found = Capture(made, given).gradients(batch(0))
    assert all(map(torch.equal, found, quiet))
    assert torch.equal(torch.get_rng_state(), random)
    assert [module.training for module in made.modules()] == modes
    assert all(map(torch.equal, made.state_dict().values(), weights))
    assert all(parameter.grad.eq(1).all() for parameter in made.parameters())
    assert given.training
    assert given.tasks == ("st", "asr", "mt")


def test_a_gramian_is_the_same_in_any_stretches(trained, files, monkeypatch):
    kept = trained[1].layout[-1]
    whole = gramian(files, trained[1].dtype, kept)
    monkeypatch.setattr(capture, "_AT_ONCE", 7)
    torch.testing.assert_close(gramian(files, trained[1].dtype, kept), whole, rtol=1e-12, atol=0)


def test_sums_of_hidden_units_are_those_of_loops(trained, files):
    made, captured = trained
    [_, slot] = ffns(made.network)
    assert slot == "encoder.layers.1.ffn"
    parts = of_units(captured.layout, slot)
    dots_HLL, own_HL = unit_sums(files, [2.0, 3.0, 5.0, 7.0], 2, captured.dtype, parts)
    names = [kept.name for kept in captured.layout]
    gradients = []
    for number, norm in enumerate([2.0, 3.0, 5.0, 7.0]):
        first, bias, second = (captured.gradients(batch(number))[names.index(kept.name)] / norm for kept in parts)
        gradients.append([torch.cat([first[unit], bias[unit:unit + 1], second[:, unit]]) for unit in range(24)])
    for unit in range(24):
        sums = [gradients[0][unit] + gradients[1][unit], gradients[2][unit] + gradients[3][unit]]
        for a, b in product(range(2), repeat=2):
            torch.testing.assert_close(dots_HLL[unit, a, b], sums[a] @ sums[b], rtol=1e-10, atol=1e-16)
        for a in range(2):
            square = sum(gradients[2 * a + k][unit].square().sum() for k in range(2))
            torch.testing.assert_close(own_HL[unit, a], square, rtol=1e-10, atol=1e-16)


def test_a_batch_without_gradient_adds_nothing_to_units(trained, files):
    parts = of_units(trained[1].layout, "encoder.layers.0.ffn")
    dots_HLL, own_HL = unit_sums(files, [1.0, 0.0, 0.0, 0.0], 2, trained[1].dtype, parts)
    assert not dots_HLL[:, 1].any()
    assert not own_HL[:, 1].any()
    assert own_HL[:, 0].any()


def test_a_sketch_is_of_large_parameters_that_no_plan_splits():
    made = model(model_dim=96, ffn_dim=64)
    exact = tuple(f"{name}." for name in ffns(made.network))
    kept_as = {"exact": 0, "sketch": 0}
    for kept in Capture(made, criterion(), sketched=True).layout:
        elements = made.network.get_parameter(kept.name).numel()
        sketched = elements > SIZE and not kept.name.startswith(exact)
        assert kept.size == (SIZE if sketched else elements), kept.name
        kept_as["sketch" if sketched else "exact"] += 1
    assert min(kept_as.values()) > 2


def test_gradients_that_are_not_finite_are_told(trained, tmp_path):
    broken = batch(0)
    broken["net_input"]["src_tokens"][0, 100] = torch.nan
    with pytest.raises(InputError, match=r"expected finite gradients, found NaN or infinity for utterances \[0, 1\]"):
        trained[1].write(broken, tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_a_model_that_does_not_translate_speech_is_refused():
    with pytest.raises(InputError, match="--checkpoint: expected a model that was trained on st, found asr,mt"):
        Capture(model(), criterion("asr,mt"))


def test_a_model_with_grouped_layers_is_refused():
    made = model()
    made.network.encoder.layers[0].private = PrivateParts([nn.Identity(), nn.Linear(2, 2)], [0, 1])
    with pytest.raises(InputError, match="expected a model all of whose layers the languages share"):
        Capture(made, criterion())
