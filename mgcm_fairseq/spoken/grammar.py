"""The built-in text: English sentences, each with its one German translation, drawn at random for a seed."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from mgcm_fairseq.spoken.clauses import SEIN, WAR, Clause
from mgcm_fairseq.spoken.draw import Draw
from mgcm_fairseq.spoken.draw_clauses import can_be_denied, draw_clause, draw_clause_with_thing
from mgcm_fairseq.spoken.lexicon import rows_of, verbs_by_valency
from mgcm_fairseq.spoken.phrases import THE, WHAT, WHICH, WHO, NounPhrase, Person, Phrase

SHORTEST, LONGEST = 3, 20  # English words of a sentence
_CONJUNCTIONS = {"because": "weil", "although": "obwohl", "if": "wenn", "before": "bevor", "while": "während"}
_CONNECTIVES = {"that": "dass", "whether": "ob", "why": "warum"}
_BE: dict[Person, str] = {"1s": "am", "2s": "are", "3s": "is", "1p": "are", "3p": "are"}

Sentence = tuple[str, str, str]  # English, German, final mark
Shape = Callable[[Draw], Sentence]


def sentences(seed: str) -> Iterator[tuple[str, str]]:
    """Endless (English, German) pairs of SHORTEST to LONGEST English words; repetitions are possible."""
    draw = Draw(seed)
    shapes: dict[Shape, int] = {
        statement: 50, contrast: 2, question: 10, question_word: 9, subordinate: 5, coordinate: 2, reported: 5,
        subject_relative: 2, object_relative: 2, copula: 9, comparison: 4, price: 2,
    }
    while True:
        english, german, mark = draw.weighted(shapes)(draw)
        if SHORTEST <= len(english.split()) <= LONGEST:
            yield _written(english, mark), _written(german, mark)


def statement(draw: Draw) -> Sentence:
    """One main clause."""
    clause = draw_clause(draw)
    return clause.english(), clause.german("main"), "."


def contrast(draw: Draw) -> Sentence:
    """ "not the book but the map": only "but" tells where German "nicht" goes."""
    clause = draw_clause_with_thing(draw)
    while not can_be_denied(clause.subject):
        clause = draw_clause_with_thing(draw)
    first, second = (NounPhrase(draw.noun(clause.verb.takes), THE) for _ in range(2))
    while second == first:
        second = NounPhrase(draw.noun(clause.verb.takes), THE)
    clause = replace(clause, negated=True, target=first, instead=second, location=None, manner=None, frequency=None)
    return clause.english(), clause.german("main"), "."


def question(draw: Draw) -> Sentence:
    """A question to be answered by yes or no."""
    clause = draw_clause(draw)
    return clause.english_question(), clause.german("inverted"), "?"


def question_word(draw: Draw) -> Sentence:
    """Who, what, which, why, where or when."""
    word = draw.pick(("who", "what", "which", "why", "where", "when"))
    if word == "who":
        clause = draw_clause(draw, WHO)
        return f"who {clause.english_predicate()}", clause.german("plain"), "?"
    if word in ("what", "which"):
        clause = draw_clause_with_thing(draw)
        asked: Phrase = WHAT if word == "what" else NounPhrase(draw.noun(clause.verb.takes), WHICH)
        clause = replace(clause, target=None)
        return (f"{asked.english('acc')} {clause.english_question()}",
                f"{asked.german('acc')} {clause.german('inverted')}", "?")
    clause = draw_clause(draw)
    if word == "where":
        while clause.verb.valency == "motion" or clause.negated:
            clause = draw_clause(draw)
        clause = replace(clause, location=None)
    if word == "when":
        clause = replace(clause, time=None, frequency=None)
    german = {"why": "warum", "where": "wo", "when": "wann"}[word]
    return f"{word} {clause.english_question()}", f"{german} {clause.german('inverted')}", "?"


def subordinate(draw: Draw) -> Sentence:
    """Main and subordinate clause in either order; German puts the verb of the latter last."""
    english, german = draw.pick(tuple(_CONJUNCTIONS.items()))
    main = draw_clause(draw, plain=draw.chance(0.6))
    tense = None
    if english == "if":
        main, tense = (replace(main, tense="will") if main.tense == "past" else main), "present"
    elif english in ("before", "while"):
        tense = "past" if main.tense == "past" else "present"
    main = replace(main, time=None) if english in ("if", "before", "while") else main
    sub = draw_clause(draw, tense=tense, plain=True)
    if draw.chance(0.45):
        return (f"{english} {sub.english()}, {main.english()}",
                f"{german} {sub.german('final')}, {main.german('inverted')}", ".")
    return f"{main.english()} {english} {sub.english()}", f"{main.german('main')}, {german} {sub.german('final')}", "."


def coordinate(draw: Draw) -> Sentence:
    """Two main clauses."""
    first, second = draw_clause(draw, plain=True), draw_clause(draw, plain=True)
    english, german = draw.pick(((", but ", ", aber "), (" and ", " und ")))
    return first.english() + english + second.english(), first.german("main") + german + second.german("main"), "."


def reported(draw: Draw) -> Sentence:
    """Somebody knows, says, asks ... that, whether or why."""
    verb = draw.pick(verbs_by_valency()["sentential"])
    english = draw.pick(verb.takes)
    tense = "past" if verb.english_past and draw.chance(0.5) else "present"
    negated = verb.english == "know" and english != "that" and draw.chance(0.5)
    main = Clause(draw.subject(0.5, 0.5) if negated else draw.subject(0.3, 0.2), verb, tense, negated)
    sub = draw_clause(draw)
    return (f"{main.english()} {english} {sub.english()}",
            f"{main.german('main')}, {_CONNECTIVES[english]} {sub.german('final')}", ".")


def subject_relative(draw: Draw) -> Sentence:
    """ "The man who sold the house sleeps."""
    head = draw.singular(draw.noun(("person",)))
    inner, outer = draw_clause(draw, head, plain=True), draw_clause(draw, head, plain=True)
    subject = f"{head.german('nom')}, {inner.german('final', head.relative_pronoun('nom'))},"
    english = f"{head.english('nom')} who {inner.english_predicate()} {outer.english_predicate()}"
    return english, outer.german("main", subject), "."


def object_relative(draw: Draw) -> Sentence:
    """ "We found the key which the boy lost."""
    outer, inner = draw_clause_with_thing(draw), draw_clause_with_thing(draw)
    while inner.verb.english == outer.verb.english:
        inner = draw_clause_with_thing(draw)
    shared = [kind for kind in outer.verb.takes if kind in inner.verb.takes]
    if not shared:
        return object_relative(draw)
    head = draw.singular(draw.noun(shared))
    outer = replace(outer, target=head, negated=False, location=None, manner=None, time=None)
    inner = replace(inner, target=None, negated=False, location=None, manner=None)
    subject = f"{head.relative_pronoun('acc')} {inner.subject.german('nom')}"
    german = f"{outer.german('main')}, {inner.german('final', subject)}"
    return f"{outer.english()} which {inner.english()}", german, "."


def copula(draw: Draw) -> Sentence:
    """A property or an age, with a form of "to be"."""
    kind = draw.weighted({"person": 6, "animal": 2, "text": 1, "thing": 2, "clothes": 1, "device": 1, "vehicle": 1,
                          "opening": 1, "food": 1, "drink": 1, "site": 1, "building": 1, "plant": 1})
    noun = draw.noun((kind,))
    subject = draw.subject(0.5) if kind == "person" else draw.phrase(noun, 0)
    past, asked = draw.chance(0.35), draw.chance(0.25)
    english_be, german_be = _english_be(subject.person, past), (WAR if past else SEIN)[subject.person]
    if kind == "person" and draw.chance(0.25):
        count = draw.number()
        english, german = f"{count[0]} years old", f"{count[1]} Jahre alt"
    else:
        adjective = draw.adjective(noun)
        english, german = adjective.english, adjective.german
        if can_be_denied(subject) and draw.chance(0.25):
            english, german = f"not {english}", f"nicht {german}"
    who, wer = subject.english("nom"), subject.german("nom")
    if asked:
        return f"{english_be} {who} {english}", f"{german_be} {wer} {german}", "?"
    return f"{who} {english_be} {english}", f"{wer} {german_be} {german}", "."


def comparison(draw: Draw) -> Sentence:
    """ "The dog is older than the cat."""
    english, german, fits = draw.pick(rows_of("COMPARATIVES"))
    mark = draw.pick(fits)
    kinds = {"P": ("person",), "A": ("animal",), "T": ("thing", "device", "vehicle", "text"),
             "L": ("building", "site")}[mark]
    first = draw.subject(0.3, 0.2) if mark == "P" else draw.phrase(draw.noun(kinds), 0)
    second = draw.singular(draw.noun(kinds))
    while isinstance(first, NounPhrase) and second.noun == first.noun:
        second = draw.singular(draw.noun(kinds))
    past = draw.chance(0.3)
    return (f"{first.english('nom')} {_english_be(first.person, past)} {english} than {second.english('nom')}",
            f"{first.german('nom')} {(WAR if past else SEIN)[first.person]} {german} als {second.german('nom')}", ".")


def price(draw: Draw) -> Sentence:
    """ "The lamp costs ninety-four euros."""
    subject = draw.phrase(draw.noun(("thing", "device", "clothes", "vehicle", "animal", "text", "plant")))
    english, german = draw.number()
    single = subject.person == "3s"
    return (f"{subject.english('nom')} {'costs' if single else 'cost'} {english} euros",
            f"{subject.german('nom')} {'kostet' if single else 'kosten'} {german} Euro", ".")


def _english_be(person: Person, past: bool) -> str:
    if past:
        return "was" if person in ("1s", "3s") else "were"
    return _BE[person]


def _written(text: str, mark: str) -> str:
    return text[0].upper() + text[1:] + mark
