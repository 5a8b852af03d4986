"""The metrics that validation logs and a checkpoint can be chosen by, and which way each is better."""

from collections.abc import Sequence

HIGHER_IS_BETTER = {"loss": False, "bleu": True,
                    **{f"{task}_{kind}": kind == "acc" for task in ("st", "asr", "mt") for kind in ("nll", "acc")}}


def logged(tasks: Sequence[str], bleu: bool) -> list[str]:
    """Those that every validation of these tasks logs; BLEU with --eval-bleu."""
    return ["loss", *(f"{task}_{kind}" for task in tasks for kind in ("nll", "acc")), *(["bleu"] if bleu else [])]


def way(higher: bool) -> str:
    """In words."""
    return "highest" if higher else "lowest"
