"""English and German of clauses built by hand: word order, agreement, case, verb forms."""

import pytest

from mgcm_fairseq.spoken.clauses import Clause
from mgcm_fairseq.spoken.lexicon import numbers, verbs_by_valency
from mgcm_fairseq.spoken.phrases import WHO
from tests.spoken.meanings import PRONOUNS, at, clause, into, np, time

MAIN = [
    # verb second; accusative of weak and strong nouns; endings after der, ein, none
    (clause("the old man", "see", target=np("a young student")),
     "the old man sees a young student", "der alte Mann sieht einen jungen Studenten"),
    (clause("a tired child", "drink", target=np("- cold milk")),
     "a tired child drinks cold milk", "ein müdes Kind trinkt kalte Milch"),
    (clause("many small dogs", "follow", target=np("all happy children")),
     "many small dogs follow all happy children", "viele kleine Hunde folgen allen glücklichen Kindern"),
    # the gender shows in the article, which comes before the noun
    (clause("this woman", "buy", target=np("the new key")),
     "this woman buys the new key", "diese Frau kauft den neuen Schlüssel"),
    (clause("this woman", "buy", target=np("the new lamp")),
     "this woman buys the new lamp", "diese Frau kauft die neue Lampe"),
    # separable verbs: prefix last, joined in participle and infinitive
    (clause("I", "take off", target=np("my coat")), "I take my coat off", "ich ziehe meinen Mantel aus"),
    (clause("I", "take along", target=np("my coat")), "I take my coat along", "ich nehme meinen Mantel mit"),
    (clause("she", "turn off", "past", target=np("the radio")),
     "she turned the radio off", "sie hat das Radio ausgemacht"),
    (clause("you", "invite", "can", target=np("our neighbor")),
     "you can invite our neighbor", "du kannst unseren Nachbarn einladen"),
    # perfect with haben or sein
    (clause("he", "arrive", "past"), "he arrived", "er ist angekommen"),
    (clause("we", "repair", "past", target=np("your car")), "we repaired your car", "wir haben dein Auto repariert"),
    # time comes last in English; in German it opens the clause or follows the finite verb
    (clause("the nurse", "work", "past", location=at("the hospital"), time=time("last week")),
     "the nurse worked in the hospital last week", "letzte Woche hat die Krankenschwester im Krankenhaus gearbeitet"),
    (clause("the nurse", "work", "past", manner=("alone", "allein"), time=time("yesterday")),
     "the nurse worked alone yesterday", "die Krankenschwester hat gestern allein gearbeitet"),
    # definite objects before, indefinite ones after manner and location
    (clause("he", "write", "past", target=np("the letter"), location=at("the kitchen")),
     "he wrote the letter in the kitchen", "er hat den Brief in der Küche geschrieben"),
    (clause("he", "write", "past", target=np("a letter"), location=at("the kitchen")),
     "he wrote a letter in the kitchen", "er hat in der Küche einen Brief geschrieben"),
    # dative before accusative; a pronoun goes before a noun subject that follows the verb
    (clause("the boss", "offer", "past", recipient=np("the guests"), target=np("- bread"), time=time("on Monday")),
     "the boss offered the guests bread on Monday", "am Montag hat der Chef den Gästen Brot angeboten"),
    (clause("the boss", "give", recipient=PRONOUNS["I"], target=np("the key"), time=time("every day")),
     "the boss gives me the key every day", "jeden Tag gibt mir der Chef den Schlüssel"),
    # negation: nicht or kein, and what "must not" means
    (clause("they", "sell", negated=True, target=np("their house")),
     "they do not sell their house", "sie verkaufen ihr Haus nicht"),
    (clause("the girl", "sleep", negated=True, location=at("the garden")),
     "the girl does not sleep in the garden", "das Mädchen schläft nicht im Garten"),
    (clause("I", "find", "past", negated=True, target=np("any eggs")),
     "I did not find any eggs", "ich habe keine Eier gefunden"),
    (clause("you", "swim", "must", negated=True), "you must not swim", "du darfst nicht schwimmen"),
    (clause("he", "dance", "can", negated=True), "he cannot dance", "er kann nicht tanzen"),
    (clause("she", "buy", negated=True, target=np("the bag"), instead=np("the hat")),
     "she does not buy the bag but the hat", "sie kauft nicht die Tasche, sondern den Hut"),
    # directions
    (clause("the queen", "drive", "past", location=into("the city"), time=time("today")),
     "the queen drove into the city today", "die Königin ist heute in die Stadt gefahren"),
    (clause("the king", "jump", "will", location=into("the lake")),
     "the king will jump into the lake", "der König wird in den See springen"),
]


@pytest.mark.parametrize(("meaning", "english", "german"), MAIN, ids=[row[1] for row in MAIN])
def test_main_clause(meaning: Clause, english: str, german: str) -> None:
    assert (meaning.english(), meaning.german("main")) == (english, german)


def test_subordinate_clauses_put_the_verb_last() -> None:
    assert clause("the man", "call", target=np("the doctor")).german("final") == "der Mann den Arzt anruft"
    assert clause("she", "come", "past", location=into("the house")).german("final") == "sie ins Haus gekommen ist"
    assert clause("we", "shop", "should", time=time("on Friday")).german("final") == "wir am Freitag einkaufen sollten"


def test_questions_put_the_verb_first() -> None:
    meaning = clause("your daughter", "fly", "past", location=into("the village"))
    assert meaning.english_question() == "did your daughter fly into the village"
    assert meaning.german("inverted") == "ist deine Tochter ins Dorf geflogen"
    often = clause("the cat", "play", frequency=("often", "oft"))
    assert (often.english_question(), often.german("inverted")) == ("does the cat often play", "spielt die Katze oft")


def test_who_stays_first_whatever_the_time() -> None:
    meaning = Clause(WHO, clause("I", "help").verb, "past", target=np("my sister"), time=time("on Sunday"))
    assert meaning.english_predicate() == "helped my sister on Sunday"
    assert meaning.german("plain") == "wer hat am Sonntag meiner Schwester geholfen"


def test_relative_pronouns_agree_with_their_noun() -> None:
    inner = clause("the boy", "lose", "past")
    assert inner.german("final", f"{np('the key').relative_pronoun('acc')} der Junge") == "den der Junge verloren hat"
    assert [np(text).relative_pronoun("nom") for text in ("a girl", "the king", "my aunt", "the guests")] == [
        "das", "der", "die", "die"]


def test_numbers_read_ones_before_tens() -> None:
    german = dict(numbers())
    assert len(german) == 98
    assert [german[word] for word in ("two", "seventeen", "thirty", "twenty-one", "twenty-three", "ninety-seven")] == [
        "zwei", "siebzehn", "dreißig", "einundzwanzig", "dreiundzwanzig", "siebenundneunzig"]


FORMS = [  # english third person, past; german ich, du, er; participle
    ("carry", "carries carried trage trägst trägt getragen"),
    ("wash", "washes washed wasche wäschst wäscht gewaschen"),
    ("open", "opens opened öffne öffnest öffnet geöffnet"),
    ("draw", "draws drew zeichne zeichnest zeichnet gezeichnet"),
    ("collect", "collects collected sammle sammelst sammelt gesammelt"),
    ("dance", "dances danced tanze tanzt tanzt getanzt"),
    ("visit", "visits visited besuche besuchst besucht besucht"),
    ("translate", "translates translated übersetze übersetzt übersetzt übersetzt"),
    ("repair", "repairs repaired repariere reparierst repariert repariert"),
    ("throw away", "throws threw werfe wirfst wirft weggeworfen"),
    ("celebrate", "celebrates celebrated feiere feierst feiert gefeiert"),
    ("wait", "waits waited warte wartest wartet gewartet"),
]


@pytest.mark.parametrize(("text", "forms"), FORMS)
def test_verb_forms(text: str, forms: str) -> None:
    verb = clause("I", text).verb
    german = [verb.present[person] for person in ("1s", "2s", "3s")]
    assert " ".join([verb.english_third, verb.english_past, *german, verb.participle]) == forms


def test_every_verb_has_all_forms() -> None:
    for verb in (verb for group in verbs_by_valency().values() for verb in group):
        assert set(verb.present) == {"1s", "2s", "3s", "1p", "3p"}
        assert verb.participle.startswith(verb.prefix)
        assert verb.participle.endswith(("t", "en"))
        assert not set("=!~+") & set("".join([*verb.present.values(), verb.participle, verb.english_past]))
