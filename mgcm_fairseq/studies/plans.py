"""The sharing plans of a seed, made from the model that all its systems begin with, and what they say.

`found` is the plan of scripts/sharing_plan.py, and decides size and place of all others: these split the same FFNs,
with as many private hidden units. `planted` has the true groups, of the corpus's dialects.json; `random` groups as
large as the found ones, of other languages; `one_each` a part for each language. Where the found plan shares
everything, `planted` is made by its own scores, and the others are like it; `reference` is which of the two they are
like.
"""

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.read_text import read_json
from mgcm_fairseq.core.sharing import SharingPlan
from mgcm_fairseq.data.sharing_plan import read_plan, write_plan
from mgcm_fairseq.spoken.dialect_corpus import TRUTH
from mgcm_fairseq.studies.trial import Trial, begins_with, claim

Groups = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Plans:
    """The plans of one seed."""

    start: Trial  # whose model they are made from
    wanted: frozenset[str]  # of PLANS

    @property
    def name(self) -> str:
        """Of its folder, and of its lines of progress."""
        return self.folder.name

    @property
    def folder(self) -> Path:
        """Holds the plans, the report and the figure of the found one, and what was captured."""
        return self.start.plans

    @property
    def report(self) -> Path:
        """Of the found plan: every number."""
        return self.folder / "report.json"

    def file(self, name: str) -> Path:
        """The plan of this name, of PLANS."""
        return self.folder / f"{name}.yaml"

    @property
    def found_is_whole(self) -> bool:
        """Whether there is a found plan with its report."""
        return self.file("found").is_file() and self.report.is_file()

    def steps(self) -> Iterator[tuple[str, list[str]]]:
        """(what it does, command) of each step that is left to do, in order."""
        if not self.found_is_whole:
            yield "plan", self.command("found")
        like = read_plan(self.file("found"))
        if self.wanted - {"found"} and not like.layers:
            yield from self._given("planted", self._planted())
            like = read_plan(self.file("planted"))
        if self.wanted - {"found"}:
            write_plan(self.file("reference"), like)
        for name in sorted(self.wanted - {"found", "reference"}):
            yield from self._given(name, self._groups(name, like), "--like", self.file("reference"))

    def environment(self, gpu: int) -> dict[str, str]:
        """For those commands."""
        return self.start.environment(gpu)

    def claim(self) -> None:
        """Marks the folder as that of these plans; InputError if it has those of other options or another corpus.

        InputError, too, where `planted` is wanted and nobody knows the groups.
        """
        if "planted" in self.wanted:
            self._planted()
        claim(self.folder / "plans.json", {"options": list(self.start.study.plan or ()),
                                           "corpus": str(self.start.corpus.resolve()),
                                           **begins_with(self.start.study, self.start)})

    @property
    def options(self) -> list[str]:
        """The study's own, which each command ends with."""
        return [word for option in self.start.study.plan or () for word in option.split()]

    def command(self, name: str, groups: Groups = (), *more: object) -> list[str]:
        """Makes the plan of this name, with these groups unless they are to be found."""
        own = ["--groups", ":".join(map(",".join, groups))] if groups else [
            "--report", str(self.report), "--figure", str(self.folder / "plan.svg")]
        return [sys.executable, "-W", "ignore", "-m", "mgcm_fairseq.commands.sharing_plan", "--checkpoint",
                str(self.start.model), "--corpus", str(self.start.corpus), "--seed", str(self.start.seed), "--out",
                str(self.file(name)), "--work", str(self.folder / "capture"), "--processes", "1", *own,
                *map(str, more), *self.options]

    def _given(self, name: str, groups: Groups, *more: object) -> Iterator[tuple[str, list[str]]]:
        if not self.file(name).is_file():
            yield name, self.command(name, groups, *more)

    def _groups(self, name: str, like: SharingPlan) -> Groups:
        """Of a plan whose groups no gradient has a say in."""
        if name == "planted":
            return self._planted()
        languages = like.source.languages
        if name == "one_each":
            return [[language] for language in languages]
        groups = list(like.layers[0].groups.values())
        return others_as_large(groups, languages, self.start.seed)

    def _planted(self) -> Groups:
        known = planted(self.start.corpus)
        if known is None or len(known) < 2:
            raise InputError(self.start.corpus / TRUTH, "groups of languages that are known, two or more",
                             "no such file" if known is None else f"{len(known)}",
                             "Make the corpus with --dialects, or leave out the systems with plan=planted; where the "
                             "found plan shares everything, those with another plan than found, too.")
        return known


def planted(corpus: Path) -> Groups | None:
    """The true groups of a corpus's source languages; None where nobody knows them."""
    path = corpus / TRUTH
    return list(read_json(path)["groups"].values()) if path.is_file() else None


def others_as_large(groups: Groups, languages: Sequence[str], seed: int) -> Groups:
    """A partition drawn from all with groups of these sizes but the given one; that one where there is no other."""
    draws = random.Random(f"{seed}/groups")
    given = {frozenset(group) for group in groups}
    for _ in range(1000):
        drawn = iter(draws.sample(sorted(languages), len(languages)))
        found = [sorted(next(drawn) for _ in group) for group in groups]
        if {frozenset(group) for group in found} != given:
            return sorted(found)
    return groups
