"""Checks the options that a study gives to its sharing plans before minutes go into what those are made from."""

from pathlib import Path
from typing import NoReturn

from mgcm_fairseq.commands import sharing_plan
from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.program import command
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.studies.plans import Plans
from mgcm_fairseq.studies.study import PLAN


def check_plan_options(path: Path, plans: Plans) -> None:
    """InputError for options that the commands of the plans would refuse or that the study sets itself.

    InputError, too, for a corpus of one source language, which has nothing to plan.

    Args:
        path: the study's YAML, which the error names.
        plans: of one seed; those of the others have the same options.
    """
    languages = CorpusConfig.read(plans.start.corpus).src_langs
    if len(languages) < 2:
        raise InputError(plans.start.corpus, "a corpus of several source languages", f"{languages[0]} alone",
                         "Prepare one with several in --src-lang.")
    made_by = [plans.command("found")]
    if plans.wanted - {"found", "reference"}:  # to which groups are given
        made_by.append(plans.command("one_each", [[language] for language in languages]))
    try:
        for words in made_by:
            _check(words[words.index("-m") + 2:], len(plans.options))
    except ValueError as error:  # InputError is one
        program = command("sharing-plan")
        raise InputError(path, f"under the key {PLAN} options of {program} that the study leaves open",
                         f"{' '.join(plans.options)!r}: {str(error).rstrip('.')}",
                         f"Correct the file; {program} --help lists them.") from error


def _check(words: list[str], last: int) -> None:
    """ValueError for words that are no options, or of which the last ones say otherwise than those before them."""
    own = words[:len(words) - last]
    before, found = (vars(sharing_plan.parsed(_Raising(sharing_plan.SCRIPT, add_help=False), some))
                     for some in (own, words))
    for name in (word.removeprefix("--") for word in own if word.startswith("--")):
        if found[name] != before[name]:
            raise ValueError(f"--{name} {found[name]} in place of {before[name]}")


class _Raising(Parser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)
