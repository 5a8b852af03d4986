"""Every kind of half precision that fairseq starts on a CPU trains with a conflict rule, by both of its programs."""

import math
import re
import sys

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import CONFIGS
from mgcm_fairseq.recipes.launch import PROGRAM
from tests.fixtures import run, training_command
from tests.modules.networks import config

WITHOUT = "from mgcm_fairseq import compat; compat.let_bf16_do_without_a_tpu = lambda: None; " \
          "import mgcm_fairseq.tasks; from fairseq_cli.train import cli_main; cli_main()"
NETWORK = ["++model.model_dim=16", "++model.ffn_dim=24", "++model.attention_heads=2", "++model.encoder_layers=1",
           "++model.decoder_layers=1", "++model.w2v_path=null",
           f"++model.w2v_config='{config().w2v_config}'"]


def train(corpus, folder, *more, check=True):
    return run(*training_command(corpus, folder, 3, "--conflict-rule", "mgcm", "--disable-validation", "--no-save",
                                 "--log-interval", "1", *more), check=check)


def hydra(corpus, folder, *more, check=True):
    return run(*PROGRAM, "--config-dir", CONFIGS, "--config-name", "paper/mgcm_multi_task", f"hydra.run.dir='{folder}'",
               f"task.data='{corpus}'", f"checkpoint.save_dir='{folder}'", "checkpoint.no_save=true", "common.cpu=true",
               "common.fp16=false", "dataset.disable_validation=true", "dataset.num_workers=0", "dataset.batch_size=4",
               "optimization.max_update=3", "common.log_interval=1", *NETWORK, *more, check=check)


def losses(done):
    found = [float(loss) for loss in re.findall(r"(?m)^update \d+ .*?loss ([\d.]+|nan|inf)", done.stdout + done.stderr)]
    assert len(found) == 3
    assert all(map(math.isfinite, found))
    return found


@pytest.fixture(scope="module")
def plain(tiny_corpus, tmp_path_factory):
    """The losses of fairseq-train in fp32."""
    return losses(train(tiny_corpus, tmp_path_factory.mktemp("plain")))


@pytest.fixture(scope="module")
def plain_hydra(tiny_corpus, tmp_path_factory):
    """The losses of fairseq-hydra-train in fp32."""
    return losses(hydra(tiny_corpus, tmp_path_factory.mktemp("plain")))


@pytest.mark.parametrize("precision", ["--bf16", "--memory-efficient-bf16", "--amp", "--checkpoint-activations"])
def test_fairseq_train_starts(tiny_corpus, tmp_path, plain, precision):
    found = losses(train(tiny_corpus, tmp_path, precision))
    assert found == pytest.approx(plain, rel=0.03)
    assert (found == plain) == (precision in ("--amp", "--checkpoint-activations"))  # which are fp32 on a CPU


@pytest.mark.parametrize("precision", ["bf16", "memory_efficient_bf16"])
def test_fairseq_hydra_train_starts(tiny_corpus, tmp_path, plain_hydra, precision):
    found = losses(hydra(tiny_corpus, tmp_path, f"common.{precision}=true"))
    assert found == pytest.approx(plain_hydra, rel=0.03)
    assert found != plain_hydra


def test_without_the_repair_bf16_wants_a_tpu(tiny_corpus, tmp_path):
    command = training_command(tiny_corpus, tmp_path, 1, "--no-save", "--bf16")
    failed = run(sys.executable, "-c", WITHOUT, *command[1:], check=False)
    assert failed.returncode
    assert "xla" in failed.stderr


@pytest.mark.parametrize("others", [["common.fp16=true", "common.bf16=true"], ["common.bf16=true", "common.amp=true"]])
def test_two_precisions_at_once_are_refused(tiny_corpus, tmp_path, others):
    failed = hydra(tiny_corpus, tmp_path, *others, check=False)
    assert failed.returncode
    assert "expected one of fp16, bf16 and amp, found" in failed.stdout + failed.stderr


def test_a_plan_refuses_them_too():
    from mgcm_fairseq.recipes import checks
    from mgcm_fairseq.recipes.configuration import resolve

    cfg = resolve("multi_task", ["task.data=/data", "model.w2v_path=/w2v.pt", "common.bf16=true"])
    with pytest.raises(InputError, match="found fp16 and bf16"):
        checks.precision(cfg)
