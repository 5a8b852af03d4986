"""--sharing-plan from a shared checkpoint to a grouped one: same outputs, plan inside, other plans refused."""

import hashlib

import pytest
import torch
from omegaconf import OmegaConf

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.sharing.plan import SharingPlan
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.sharing_plan import write_plan
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.models.sharing import plan_in, take_plan
from mgcm_fairseq.training.resumed_plan import check_plan
from tests.modules.grouped import grouped_ffn, plan_of_layers, plan_text
from tests.modules.networks import speech
from tests.several_languages import LANGUAGES
from tests.training.here import train_here

APART = {"g0": ("qaa",), "g1": ("qab",)}
PRIVATE = (1, 5, 23)
LAYER = grouped_ffn(0, PRIVATE, APART)
OTHER = grouped_ffn(0, (2, 5, 23), APART)
OPTIONS = ("--lr-scheduler", "inverse_sqrt", "--warmup-updates", "4", "--warmup-init-lr", "0",  # no rate at first
           "--conflict-rule", "mgcm", "--private-lr-factor", "2.5", "--eval-bleu")


@pytest.fixture(scope="module")
def plan(two_languages_checkpoint):
    return plan_of_layers(LAYER, checkpoint=hashlib.sha256(two_languages_checkpoint.read_bytes()).hexdigest())


@pytest.fixture(scope="module")
def command(plan, two_languages, two_languages_checkpoint, tmp_path_factory):
    """Trains for so many updates."""
    folder = tmp_path_factory.mktemp("grouped")
    write_plan(folder / "plan.yaml", plan)
    return lambda updates, *more: train_here(
        two_languages, folder, updates, *OPTIONS, "--finetune-from-model", str(two_languages_checkpoint),
        "--sharing-plan", str(folder / "plan.yaml"), *more)


@pytest.fixture(scope="module")
def grouped(command):
    """A checkpoint after an update whose learning rate was 0, and the file of the plan gone."""
    made = command(1)
    kept = (made.parent / "plan.yaml").read_text()
    (made.parent / "plan.yaml").unlink()
    yield made
    (made.parent / "plan.yaml").write_text(kept)


def test_a_checkpoint_alone_translates_each_language_as_the_shared_one_did(grouped, plan, two_languages_checkpoint):
    systems = load_system(two_languages_checkpoint, None), load_system(grouped, None)
    waveform = speech([20_000])[0][0]
    for rank, language in enumerate(LANGUAGES):
        expected, found = (system.hearing(language).encode(waveform).states for system in systems)
        assert (found - expected).abs().max() < 1e-6 * expected.abs().max()
        assert systems[1].hearing(language).language.tolist() == [rank]
    for parameter in systems[1].network.encoder.layers[0].private.parts[LAYER.group_of("qab")].parameters():
        torch.nn.init.ones_(parameter)
    expected, found = (system.hearing("qab").encode(waveform).states for system in systems)
    assert (found - expected).abs().max() > 0.1
    expected, found = (system.hearing("qaa").encode(waveform).states for system in systems)
    assert (found - expected).abs().max() < 1e-6 * expected.abs().max()
    cfg = torch.load(grouped)["cfg"]["model"]
    assert plan_in(cfg["sharing_plan"]) == plan
    changed = cfg["sharing_plan"].replace("[1, 5, 23]", "[1, 6, 23]")
    with pytest.raises(InputError, match=r"found sha256 \w+ in place of"):
        plan_in(changed)


def test_a_training_goes_on_with_its_plan_and_with_no_other(grouped, command, plan, tmp_path):
    before = torch.load(grouped)
    write_plan(grouped.parent / "plan.yaml", plan_of_layers(OTHER, checkpoint=plan.source.checkpoint))
    with pytest.raises(InputError, match=rf"of the sharing plan \w+, found one of {plan.digest()[:16]}, by which"):
        command(3)
    write_plan(grouped.parent / "plan.yaml", plan)
    after = torch.load(command(3))
    assert after["optimizer_history"][-1]["num_updates"] == 3
    private = [name for name in after["model"] if ".private." in name]
    assert len(private) == 6
    assert not any(torch.equal(before["model"][name], after["model"][name]) for name in private)
    assert [len(group["params"]) for group in after["last_optimizer_state"]["param_groups"]] == [
        len(after["last_optimizer_state"]["state"])]


def options(*layers):
    return {"sharing_plan": plan_text(*layers) if layers else ""}


@pytest.mark.parametrize(("before", "now", "anew", "message"), [
    ((LAYER,), (OTHER,), True, "by which its layers are grouped"), ((LAYER,), (), True, "plan none, found one of"),
    ((LAYER,), (), False, "by which its layers are grouped"), ((), (LAYER,), False, "found one that shares all layers"),
    ((), (LAYER,), True, "sha256 abab.*whose hidden units have other numbers"),
    ((LAYER,), (LAYER,), True, None), ((LAYER,), (LAYER,), False, None), ((), (), True, None)])
def test_what_a_checkpoint_and_a_plan_can_have_to_do_with_each_other(tmp_path, before, now, anew, message):
    path = tmp_path / "model.pt"
    path.write_bytes(b"weights")
    if message is None:
        check_plan(str(path), options(*before), options(*now), anew)
        return
    with pytest.raises(InputError, match=message):
        check_plan(str(path), options(*before), options(*now), anew)
    path.unlink()  # as on other machines than the first worker's
    if now and anew and not before:
        check_plan(str(path), {}, options(*now), anew)


@pytest.mark.parametrize(("layers", "languages", "message"), [
    ((LAYER,), "en", "a corpus of several source languages, found en alone"),
    ((LAYER,), "qaa,qac", r"plan\.yaml: expected a plan for the corpus's .*, qaa, qac, found one for qaa, qab"),
    ((LAYER,), "qab,qaa,qac", "found one for qaa, qab"),
    ((grouped_ffn(1, PRIVATE, APART),), "qab,qaa", r"the model, encoder\.layers\.0\.ffn, found encoder\.layers\.1"),
    ((grouped_ffn(0, (24,), APART),), "qab,qaa", "of units 0 to 23, found 1 up to 24"),
    (None, "qab,qaa", r"plan\.yaml: expected a sharing plan, found no such file")])
def test_plans_of_something_else_are_refused(tmp_path, layers, languages, message):
    if layers is not None:
        write_plan(tmp_path / "plan.yaml", plan_of_layers(*layers))
    cfg = OmegaConf.create({"sharing_plan": str(tmp_path / "plan.yaml"), "encoder_layers": 1, "ffn_dim": 24})
    with pytest.raises(InputError, match=message):
        take_plan(cfg, CorpusConfig(languages, "de", 16_000, "a", "b"))


def test_a_plan_that_shares_everything_is_one_too(tmp_path):
    write_plan(tmp_path / "plan.yaml", SharingPlan(plan_of_layers(LAYER).source))
    cfg = OmegaConf.create({"sharing_plan": str(tmp_path / "plan.yaml"), "encoder_layers": 1, "ffn_dim": 24})
    take_plan(cfg, CorpusConfig("qab,qaa", "de", 16_000, "a", "b"))
    assert plan_in(cfg.sharing_plan).layers == ()
