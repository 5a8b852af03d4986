"""Clauses: one meaning said in English and in German word order."""

from dataclasses import dataclass
from typing import Literal

from mgcm_fairseq.spoken.lexicon import Time, Verb
from mgcm_fairseq.spoken.phrases import Case, NounPhrase, Person, Phrase, Pronoun, with_preposition

# main: verb second, after a time phrase of the front kind or else after the subject; plain: always after the subject;
# inverted: verb first (questions, or something else already stands before it); final: verb last.
Order = Literal["main", "plain", "inverted", "final"]

SEIN: dict[Person, str] = {"1s": "bin", "2s": "bist", "3s": "ist", "1p": "sind", "3p": "sind"}
WAR: dict[Person, str] = {"1s": "war", "2s": "warst", "3s": "war", "1p": "waren", "3p": "waren"}
_AUXILIARIES: dict[str, dict[Person, str]] = {
    "sein": SEIN,
    "haben": {"1s": "habe", "2s": "hast", "3s": "hat", "1p": "haben", "3p": "haben"},
    "will": {"1s": "werde", "2s": "wirst", "3s": "wird", "1p": "werden", "3p": "werden"},
    "can": {"1s": "kann", "2s": "kannst", "3s": "kann", "1p": "können", "3p": "können"},
    "must": {"1s": "muss", "2s": "musst", "3s": "muss", "1p": "müssen", "3p": "müssen"},
    "should": {"1s": "sollte", "2s": "solltest", "3s": "sollte", "1p": "sollten", "3p": "sollten"},
    "may": {"1s": "darf", "2s": "darfst", "3s": "darf", "1p": "dürfen", "3p": "dürfen"},
}
MODALS = ("will", "can", "must", "should", "may")


@dataclass(frozen=True)
class Location:
    """A prepositional phrase; directions (`moving`) stand last in the German middle field."""

    english_preposition: str
    german_preposition: str
    phrase: Phrase
    case: Case
    moving: bool = False

    def english(self) -> str:
        return f"{self.english_preposition} {self.phrase.english('acc')}"

    def german(self) -> str:
        return with_preposition(self.german_preposition, self.phrase, self.case)


@dataclass(frozen=True)
class Clause:
    """Subject, verb and what goes with it; in the pairs the English text comes first.

    Attributes:
        tense: present, past (a German perfect) or one of MODALS.
        recipient: dative object before `target`, the accusative (after dative verbs: dative) object.
        instead: what is true instead of `target`: "not the book but the map"; only where `negated`.
    """

    subject: Phrase
    verb: Verb
    tense: str
    negated: bool = False
    recipient: Phrase | None = None
    target: Phrase | None = None
    instead: NounPhrase | None = None
    location: Location | None = None
    manner: tuple[str, str] | None = None
    frequency: tuple[str, str] | None = None
    time: Time | None = None

    def english(self) -> str:
        """Subject, auxiliary, not, verb, objects, manner, location, time."""
        return f"{self.subject.english('nom')} {self.english_predicate()}"

    def english_predicate(self) -> str:
        """The clause without its subject, as after "who"."""
        return " ".join([*self._english_verb(), *self._english_tail()])

    def english_question(self) -> str:
        """Auxiliary, subject, not, verb, the rest."""
        words = [self._english_auxiliary(), self.subject.english("nom")]
        words += ["not"] if self.negated else []
        words += [self.frequency[0]] if self.frequency else []
        return " ".join([*words, self.verb.english, *self._english_tail()])

    def german(self, order: Order, subject: str | None = None) -> str:
        """The clause in `order`; `subject` replaces the text of the subject (a relative clause or pronoun)."""
        replaced = subject is not None
        subject = self.subject.german("nom") if subject is None else subject
        finite, end = self._german_verb(order)
        front = self.time if order == "main" and self.time and self.time.front else None
        light, middle = self._middle(None if front else self.time)
        if front:
            words = [front.german, finite, *self._around(subject, light)]
        elif order == "final":
            return " ".join([*([subject, *light] if replaced else self._around(subject, light)), *middle, *end, finite])
        elif order == "inverted":
            words = [finite, *self._around(subject, light)]
        else:
            words = [subject, finite, *light]
        return " ".join([*words, *middle, *end])

    def _around(self, subject: str, light: list[str]) -> list[str]:
        """Object pronouns go before a subject that is a noun phrase, where no verb stands between."""
        pronouns = isinstance(self.recipient or self.target, Pronoun) and isinstance(self.subject, NounPhrase)
        return [*light, subject] if pronouns else [subject, *light]

    def _english_auxiliary(self) -> str:
        if self.tense == "past":
            return "did"
        if self.tense == "present":
            return "does" if self.subject.person == "3s" else "do"
        return self.tense

    def _english_verb(self) -> list[str]:
        if self.negated:
            auxiliary = self._english_auxiliary()
            return [*(["cannot"] if auxiliary == "can" else [auxiliary, "not"]), self.verb.english]
        adverb = [self.frequency[0]] if self.frequency else []
        if self.tense == "past":
            return [*adverb, self.verb.english_past]
        if self.tense == "present":
            return [*adverb, self.verb.english_third if self.subject.person == "3s" else self.verb.english]
        return [self.tense, *adverb, self.verb.english]

    def _english_tail(self) -> list[str]:
        words = [phrase.english("acc") for phrase in (self.recipient, self.target) if phrase]
        words += [f"but {self.instead.english('acc')}"] if self.instead else []
        words += [self.verb.particle] if self.verb.particle else []
        words += [self.manner[0]] if self.manner else []
        words += [self.location.english()] if self.location else []
        return [*words, self.time.english] if self.time else words

    def _german_verb(self, order: Order) -> tuple[str, list[str]]:
        """The finite verb, and what closes the clause."""
        person, verb = self.subject.person, self.verb
        if self.tense == "past":
            return _AUXILIARIES[verb.auxiliary][person], [verb.participle]
        if self.tense == "present":
            if order == "final":
                return verb.prefix + verb.present[person], []
            return verb.present[person], [verb.prefix] if verb.prefix else []
        modal = "may" if self.tense == "must" and self.negated else self.tense  # "must not" is "darf nicht"
        return _AUXILIARIES[modal][person], [verb.prefix + verb.infinitive]

    def _middle(self, time: Time | None) -> tuple[list[str], list[str]]:
        """Pronouns and names; then the rest of the middle field.

        That is: time, recipient, frequency, definite object, nicht, manner, location, indefinite object, direction.
        """
        case: Case = "dat" if self.verb.valency == "dative" else "acc"
        recipient = [self.recipient.german("dat")] if self.recipient else []
        target = [self.target.german(case)] if self.target else []
        early_recipient = self.recipient is not None and self.recipient.light
        early_target = self.target is not None and self.target.light
        late_target = isinstance(self.target, NounPhrase) and not self.target.determiner.definite
        nicht = ["nicht"] if self.negated and not self._negated_by_kein() else []
        if self.instead:
            target, nicht = [f"nicht {target[0]}, sondern {self.instead.german(case)}"], []

        light = [*(recipient if early_recipient else []), *(target if early_target else [])]
        words = [time.german] if time else []
        words += [] if early_recipient else recipient
        words += [self.frequency[1]] if self.frequency else []
        words += [] if early_target or late_target else target
        words += nicht
        words += [self.manner[1]] if self.manner else []
        location = [self.location.german()] if self.location else []
        moving = self.location is not None and self.location.moving
        words += [] if moving else location
        words += target if late_target else []
        return light, [*words, *location] if moving else words

    def _negated_by_kein(self) -> bool:
        return isinstance(self.target, NounPhrase) and self.target.determiner.german == "kein"
