"""Draws whole clauses at random: verb, tense, objects, location, manner and time that go together."""

from mgcm_fairseq.spoken.clauses import MODALS, Clause, Location
from mgcm_fairseq.spoken.draw import Draw
from mgcm_fairseq.spoken.lexicon import Time, Verb, numbers, rows_of, times, verbs_by_valency
from mgcm_fairseq.spoken.phrases import ALL, BARE, EVERY, NOT_A, NOT_ANY, NOT_BARE, THE, A, NounPhrase, Phrase

_VALENCIES = {"transitive": 56, "dative": 6, "ditransitive": 9, "intransitive": 18, "motion": 11}
_TENSES = {"present": 46, "past": 34, "modal": 20}
_STATES = frozenset({"see", "lose", "find", "forget", "hear", "need", "have", "love", "understand", "meet", "trust",
                     "stay", "celebrate"})  # without an adverb of manner


def draw_clause(draw: Draw, subject: Phrase | None = None, *, tense: str | None = None, plain: bool = False) -> Clause:
    """A clause about `subject` or anybody, in `tense` or any; `plain` ones are shorter and not negated."""
    valency = draw.weighted(_VALENCIES)
    verb = draw.pick([verb for verb in verbs_by_valency()[valency] if tense != "past" or verb.english_past])
    subject = subject or draw.subject(kinds=verb.takes if valency == "intransitive" else ("person",))
    tense = tense or _tense(draw, verb)
    negated = not plain and draw.chance(0.2) and can_be_denied(subject)
    target = draw.object(verb.takes, subject) if valency in ("transitive", "dative", "ditransitive") else None
    location = _direction(draw, verb) if valency == "motion" else None
    if not location and draw.chance(0.06 if plain or valency == "ditransitive" else 0.13):
        location = _location(draw)
    manner = frequency = time = None
    if verb.english not in _STATES and draw.chance(0.04 if plain else 0.08):
        manner = _manner(draw)
    if draw.chance(0.15 if plain else 0.33):
        time = _time(draw, tense)
    elif not negated and tense in ("present", "past") and can_be_denied(subject) and draw.chance(0.2):
        frequency = _pair(draw, "FREQUENCIES")
    return Clause(
        subject, verb, tense, negated,
        recipient=draw.object(("person",), subject) if valency == "ditransitive" else None,
        target=_denied(target) if negated and isinstance(target, NounPhrase) else target,
        location=location, manner=manner, frequency=frequency, time=time,
    )


def draw_clause_with_thing(draw: Draw) -> Clause:
    """A clause with an accusative object that is neither person nor animal."""
    while True:
        found = draw_clause(draw)
        if found.verb.valency == "transitive" and not {"person", "animal"} & set(found.verb.takes):
            return found


def can_be_denied(subject: Phrase) -> bool:
    """Whether a negated clause about `subject` has one reading: not so "every child does not sleep"."""
    if not isinstance(subject, NounPhrase):
        return True
    return subject.determiner.definite and subject.determiner not in (EVERY, ALL)


def _denied(phrase: NounPhrase) -> NounPhrase:
    """The object of a negated clause: "not a" and "not any" are German kein."""
    determiner = phrase.determiner
    if determiner is BARE:
        determiner = NOT_BARE
    elif phrase.plural and (determiner is ALL or not determiner.definite):
        determiner = NOT_ANY
    elif determiner in (A, EVERY):
        determiner = NOT_A
    return NounPhrase(phrase.noun, determiner, phrase.adjective, phrase.plural)


def _tense(draw: Draw, verb: Verb) -> str:
    drawn = draw.weighted(_TENSES)
    if drawn == "past" and not verb.english_past:
        return "present"
    return draw.pick(MODALS) if drawn == "modal" else drawn


def _location(draw: Draw) -> Location:
    noun = draw.noun(("site",))
    return Location(*noun.where, draw.singular(noun, 0.15), "dat")


def _direction(draw: Draw, verb: Verb) -> Location:
    noun = draw.noun(verb.takes)
    phrase = NounPhrase(noun, THE, draw.adjective(noun) if draw.chance(0.2) else None)
    inside = noun.where[1] == "in"
    if verb.takes == (".water",) or (inside and draw.chance(0.6)):
        return Location("into", "in", phrase, "acc", moving=True)
    return Location("from", "aus" if inside else "von", phrase, "dat", moving=True)


def _manner(draw: Draw) -> tuple[str, str]:
    if draw.chance(0.65):
        return _pair(draw, "MANNERS")
    companion = draw.singular(draw.noun(("person",)))
    return f"with {companion.english('acc')}", f"mit {companion.german('dat')}"


def _time(draw: Draw, tense: str) -> Time:
    letter = {"present": "p", "past": "q"}.get(tense, "f")
    if letter in "qf" and draw.chance(0.15):
        (count, zahl), (unit, einheit) = draw.pick(numbers()[:18]), _pair(draw, "UNITS")
        if letter == "q":
            return Time(f"{count} {unit} ago", f"vor {zahl} {einheit}")
        return Time(f"in {count} {unit}", f"in {zahl} {einheit}")
    if draw.chance(0.1):
        hour, stunde = draw.pick(numbers()[:11])
        return Time(f"at {hour} o'clock", f"um {stunde} Uhr", front=False)
    return draw.pick([time for time in times() if letter in time.tenses])


def _pair(draw: Draw, table: str) -> tuple[str, str]:
    english, german = draw.pick(rows_of(table))
    return english, german
