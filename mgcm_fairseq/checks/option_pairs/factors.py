"""The training options that are combined, and the command line of a combination."""

from collections.abc import Mapping

Level = tuple[str, str]  # factor, value
Combination = Mapping[str, str]  # factor -> value; a factor that is not in it has its first value

FACTORS: dict[str, dict[str, str]] = {
    "precision": {"fp32": "", "bf16": "--bf16", "fp16": "--fp16",
                  "fp16, each its copy": "--fp16 --fp16-no-flatten-grads", "amp": "--amp",
                  "memory-efficient-bf16": "--memory-efficient-bf16"},
    "workers": {"1": "", "2, legacy_ddp": "--ddp-backend legacy_ddp", "2, pytorch_ddp": "--ddp-backend pytorch_ddp",
                "2, pytorch_ddp, find unused": "--ddp-backend pytorch_ddp --find-unused-parameters"},
    "rule": {"none": "", **{rule: f"--conflict-rule {rule}" for rule in (
        "mgcm", "sum", "discard", "pcgrad", "gradvac", "pcd", "noise-aware-mgcm", "modo", "torchjd:UPGrad")}},
    "engine": {"streamed": "", "stash": "--conflict-engine stash"},
    "granularity": {"module": "", **{one: f"--conflict-granularity {one}" for one in (
        "parameter", "component", "layer", "model")}},
    "scope": {"all": "", "above-front-end": "--conflict-scope above-front-end",
              "auto": "--conflict-scope auto --conflict-scope-interval 2"},
    "reduce": {"global": "", "local": "--conflict-reduce local"},
    "task weights": {"1": "", "fixed": "--fixed-task-weights 1,0.5,0", "ASR until": "--asr-until 2", **{
        one: f"--task-weights {one} --task-weight-interval 2" for one in ("norm", "dwa")},
        "norm as published": "--task-weights norm --task-weight-interval 2 --task-weight-variant published",
        **{one: f"--task-weights {one}" for one in ("uncertainty", "famo", "random")}},
    "conflict log": {"no": "", "yes": "--conflict-log LOG --conflict-log-interval 2"},
    "tasks": {"st,asr,mt": "", "st,mt": "--tasks st,mt", "st": "--tasks st", "asr": "--tasks asr"},
    "update-freq": {"1": "", "2": "--update-freq 2"},
    "checkpointing": {"no": "", "yes": "--checkpoint-activations"},
    "freeze": {"no": "", "2 updates": "--freeze-front-end-updates 2"},
    "front-end block": {"whole": "", "320 ms": "--front-end-block 320"},
    "variant": {"none": "", **{one: f"--segmentation-variant {one} --segment-from 1 --noise-from 1 "
                               "--segment-number-from 1 --multipath-from 2 --contrastive-from 2"
                               for one in ("repaired", "published")}},
    "waiting": {"sampled": "", "differentiable": "--differentiable-waiting"},
    "curriculum": {"no": "", "1 epoch": "--curriculum 1"},
    "augmentation": {"no": "", "yes": "--augment-speed 0.9,1,1.1 --augment-gain=-6,6 --augment-noise 10,30"},
    "transcript noise": {"no": "", "blanks": "--transcript-noise 0.5,0.2",
                         "repeats": "--transcript-noise 0.5,0.2 --transcript-noise-kind repeat"},
    "local convolutions": {"no": "", "yes": "--local-kernels 5,3"},
    "shrinking": {"no": "", "first": "--shrink ctc --shrink-from 1",
                  "mean": "--shrink ctc --shrink-from 1 --shrink-pool mean",
                  "without looking back": "--shrink ctc --shrink-from 1 --no-looking-back"},
    "contrast of states": {"no": "", "yes": "--state-contrast 1"},
    "length grid": {"auto": "", "always": "--length-grid always"},
    "ctc": {"yes": "--ctc --ctc-weight 1", "no": ""},
    "norm": {"pre": "--norm-first", "post": ""},
    "output": {"tied": "--tie-output", "own": ""},
    "subsampling": {"5,5": "--subsample-kernels 5,5", "none": ""},
    "optimizer": {"adam": "--optimizer adam --adam-betas (0.9,0.98) --weight-decay 0.01",
                  "adafactor": "--optimizer adafactor",
                  "sgd": "--optimizer sgd --momentum 0.9"},
    "validation": {"no": "--disable-validation",
                   "best by loss": "--valid-subset dev --validate-interval-updates 2",
                   "best by bleu": "--valid-subset dev --validate-interval-updates 2 --eval-bleu "
                                   "--best-checkpoint-metric bleu --maximize-best-checkpoint-metric"},
}
"""Factor -> value -> its options. The first value of each is what a factor has when another pair is looked at alone."""


def default(factor: str) -> str:
    """The first value."""
    return next(iter(FACTORS[factor]))


def complete(combination: Combination) -> dict[str, str]:
    """With a value for every factor."""
    return {factor: combination.get(factor, default(factor)) for factor in FACTORS}


def options(combination: Combination) -> list[str]:
    """What to add to the command line."""
    return [word for factor, value in complete(combination).items() for word in FACTORS[factor][value].split()]


def workers(combination: Combination) -> int:
    """Processes that train."""
    return int(complete(combination)["workers"][0])
