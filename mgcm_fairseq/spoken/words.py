"""The other words of the built-in grammar: adjectives, adverbs, time phrases, names and numbers."""

# english, german, kinds of noun it fits: P person, A animal, T thing, F food, L site or building, C coloured things.
ADJECTIVES = """
old alt PATL
young jung PA
small klein PATL
big groß ATL
friendly freundlich P
tired müde PA
happy glücklich P
sad traurig PA
angry wütend PA
rich reich P
poor arm P
strong stark PA
clever klug PA
brave mutig PA
hungry hungrig PA
honest ehrlich P
funny lustig P
strict streng P
quiet ruhig PL
new neu TL
expensive teuer T
cheap billig T
red rot C
blue blau C
green grün C
yellow gelb C
black schwarz CA
white weiß CA
brown braun CA
gray grau CA
heavy schwer T
beautiful schön TLA
ugly hässlich TL
dirty schmutzig TAL
cold kalt F
warm warm F
fresh frisch F
sweet süß F
important wichtig PT
broken kaputt T
dark dunkel L
empty leer L
dangerous gefährlich LA
healthy gesund PA
"""

# english, german, tenses (p: present, q: past, f: future and modals), "front": opens the German main clause.
# They belong to the whole clause and come last in English.
TIMES = """
yesterday|gestern|q|
today|heute|pqf|
tomorrow|morgen|f|
tonight|heute Abend|f|
now|jetzt|p|
soon|bald|f|
on Monday|am Montag|pqf|front
on Tuesday|am Dienstag|pqf|front
on Wednesday|am Mittwoch|pqf|front
on Thursday|am Donnerstag|pqf|front
on Friday|am Freitag|pqf|front
on Saturday|am Samstag|pqf|front
on Sunday|am Sonntag|pqf|front
in the morning|am Morgen|pqf|front
in the evening|am Abend|pqf|front
in the afternoon|am Nachmittag|pqf|front
last week|letzte Woche|q|front
last year|letztes Jahr|q|front
last month|letzten Monat|q|front
last summer|letzten Sommer|q|front
next week|nächste Woche|f|front
next year|nächstes Jahr|f|front
next month|nächsten Monat|f|front
next summer|nächsten Sommer|f|front
every day|jeden Tag|pq|front
every week|jede Woche|pq|front
after lunch|nach dem Mittagessen|pqf|front
before dinner|vor dem Abendessen|pqf|front
"""

# english and german unit of time: "three days ago" is "vor drei Tagen", "in three days" is "in drei Tagen".
UNITS = """
days|Tagen
weeks|Wochen
months|Monaten
years|Jahren
"""

FREQUENCIES = """
often|oft
always|immer
never|nie
sometimes|manchmal
usually|meistens
"""

# english and german comparative, kinds as above.
COMPARATIVES = """
older|älter|PATL
younger|jünger|PA
smaller|kleiner|PATL
bigger|größer|ATL
stronger|stärker|PA
heavier|schwerer|T
cheaper|billiger|T
faster|schneller|PA
"""

MANNERS = """
slowly|langsam
quickly|schnell
carefully|vorsichtig
quietly|leise
alone|allein
secretly|heimlich
gladly|gern
"""

NAMES = "Anna Peter Thomas Julia Martin Laura Emma Daniel Sophia Felix"

ONES = """
one|eins
two|zwei
three|drei
four|vier
five|fünf
six|sechs
seven|sieben
eight|acht
nine|neun
ten|zehn
eleven|elf
twelve|zwölf
thirteen|dreizehn
fourteen|vierzehn
fifteen|fünfzehn
sixteen|sechzehn
seventeen|siebzehn
eighteen|achtzehn
nineteen|neunzehn
"""

TENS = """
twenty|zwanzig
thirty|dreißig
forty|vierzig
fifty|fünfzig
sixty|sechzig
seventy|siebzig
eighty|achtzig
ninety|neunzig
"""
