"""Every way in which a checkpoint gets into this project's and fairseq's programs, without a new process.

Each function takes a checkpoint, the corpus to use it with, and a folder to write `out` into. They are for what is to
be refused, which ends in an InputError or is printed.
"""

import shutil
import sys
from contextlib import contextmanager
from unittest.mock import patch

from mgcm_fairseq.commands import evaluate, export, translate
from mgcm_fairseq.commands import train as recipe
from tests.agents.policies import build
from tests.fixtures import training_command


@contextmanager
def arguments(*command):
    """sys.argv."""
    with patch.object(sys, "argv", [str(part) for part in command]):
        yield


def train_here(data, folder, updates, *more):
    """fairseq-train, without a new process."""
    from fairseq_cli.train import cli_main

    command = training_command(data, folder, updates, "--disable-validation", *(str(part) for part in more))
    del command[2:4]  # --user-dir: the task is registered
    with arguments(*command):
        cli_main()


def use_in_evaluate(checkpoint, corpus, folder):
    assert evaluate.main(["--checkpoint", str(checkpoint), "--corpus", str(corpus), "--out", str(folder / "out")]) == 2


def use_in_translate(checkpoint, corpus, folder):
    wav = (corpus / "simuleval" / "tst-COMMON.source").read_text().split()[0]
    with arguments("translate", wav, "--checkpoint", checkpoint, "--corpus", corpus):
        assert translate.main() == 2


def use_in_export(checkpoint, corpus, folder):
    with arguments("export", "--checkpoint", checkpoint, "--corpus", corpus, "--policy", "offline", "--out",
                   folder / "out"):
        assert export.main() == 2


def use_in_agent(checkpoint, corpus, folder):
    build("AlignAtt", "--frames 2", checkpoint, corpus)


def use_in_resume(checkpoint, corpus, folder):
    (folder / "out").mkdir()
    shutil.copy(checkpoint, folder / "out" / "checkpoint_last.pt")
    train_here(corpus, folder / "out", 200)


def use_in_restore(checkpoint, corpus, folder):
    train_here(corpus, folder / "out", 1, "--restore-file", checkpoint, "--reset-optimizer", "--reset-dataloader",
               "--reset-meters", "--reset-lr-scheduler")


def use_in_fine_tune(checkpoint, corpus, folder):
    train_here(corpus, folder / "out", 1, "--finetune-from-model", checkpoint)


def use_in_generate(checkpoint, corpus, folder):
    from fairseq_cli.generate import cli_main

    with arguments("fairseq-generate", corpus, "--task", "simul_st", "--path", checkpoint, "--gen-subset", "tst-COMMON",
                   "--beam", "1", "--max-tokens", "160000", "--cpu", "--results-path", folder):
        cli_main()


def use_in_plan(checkpoint, corpus, folder):
    assert recipe.main(["multi_task", "--data", str(corpus), "--w2v", str(folder), "--out", str(folder / "out"),
                        "--cpu", "--gpus", "1", "--best", "1", "--dry-run", "model.w2v_path=null",
                        f"checkpoint.finetune_from_model='{checkpoint}'", "optimization.max_update=1",
                        "++model.model_dim=16", "++model.ffn_dim=24", "++model.attention_heads=2",
                        "++model.encoder_layers=1", "++model.decoder_layers=1"]) == 2


WAYS_IN = (use_in_evaluate, use_in_translate, use_in_export, use_in_agent, use_in_resume, use_in_restore,
           use_in_fine_tune, use_in_generate, use_in_plan)
