"""Short ways to build clauses by hand from the words of the lexicon."""

from mgcm_fairseq.spoken import phrases
from mgcm_fairseq.spoken.clauses import Clause, Location
from mgcm_fairseq.spoken.lexicon import Time, Verb, adjectives, nouns_by_kind, times, verbs_by_valency
from mgcm_fairseq.spoken.phrases import Determiner, NounPhrase, Pronoun

NOUNS = {noun.english: noun for group in nouns_by_kind().values() for noun in group}
VERBS = {" ".join(filter(None, (verb.english, verb.particle))): verb
         for valency, group in reversed(verbs_by_valency().items()) for verb in group}
ADJECTIVES = {adjective.english: adjective for adjective in adjectives()}
TIMES = {time.english: time for time in times()}
PRONOUNS = {pronoun.forms[0]: pronoun for pronoun in (*phrases.PRONOUNS, phrases.SHE)}
DETERMINERS = {determiner.english: determiner for determiner in vars(phrases).values()
               if isinstance(determiner, Determiner) and determiner not in (phrases.NOT_A, phrases.NOT_BARE)}
DETERMINERS |= {determiner.english: determiner for determiner in phrases.POSSESSIVES}


def np(text: str) -> NounPhrase:
    """ "the old man", "my books": determiner, perhaps an adjective, noun; "- coffee" for no determiner."""
    determiner, *adjective, word = text.split()
    singular = NOUNS.get(word)
    noun = singular or next(noun for noun in NOUNS.values() if noun.english_plural == word)
    found = DETERMINERS["" if determiner == "-" else determiner]
    return NounPhrase(noun, found, ADJECTIVES[adjective[0]] if adjective else None, plural=singular is None)


def who(text: str) -> NounPhrase | Pronoun:
    """A pronoun or noun phrase."""
    return PRONOUNS.get(text) or np(text)


def verb(text: str) -> Verb:
    """ "take off": base form and particle."""
    return VERBS[text]


def time(text: str) -> Time:
    """A listed time phrase."""
    return TIMES[text]


def at(text: str) -> Location:
    """ "the kitchen": where something happens."""
    phrase = np(text)
    return Location(*phrase.noun.where, phrase, "dat")


def into(text: str) -> Location:
    """Where a motion leads."""
    return Location("into", "in", np(text), "acc", moving=True)


def clause(subject: str, predicate: str, tense: str = "present", **more: object) -> Clause:
    """A clause; `more` are the other fields of Clause."""
    return Clause(who(subject), verb(predicate), tense, **more)  # type: ignore[arg-type]  # of keywords of several types
