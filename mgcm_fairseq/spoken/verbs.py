"""English-German verbs of the built-in grammar, one a line, grouped by valency."""

# english base (pick~up: particle after the object), english past ("=": regular; "!": never used in the past),
# german infinitive (ab+holen: separable), er-form, du-form, participle ("=": regular; all without prefix),
# auxiliary (h: haben, s: sein), then what the valency asks for.

# Kinds of accusative object; a dot names one of the subsets in draw.py.
TRANSITIVE = """
buy bought kaufen = = = h food thing clothes vehicle text device
sell sold verkaufen = = = h food thing vehicle building animal
find found finden = = gefunden h thing clothes animal person
lose lost verlieren = = verloren h thing clothes
see saw sehen sieht siehst gesehen h person animal building vehicle
meet met treffen trifft triffst getroffen h person
visit = besuchen = = = h person building
love = lieben = = = h person animal food plant
write wrote schreiben = = geschrieben h text
translate = übersetzen = = übersetzt h text
print = drucken = = = h text .picture
cook = kochen = = = h .cooked
eat ! essen isst isst gegessen h food
drink drank trinken = = getrunken h drink
wash = waschen wäscht wäschst gewaschen h clothes vehicle .dish
repair = reparieren = = = h device vehicle
break broke zerbrechen zerbricht zerbrichst zerbrochen h .dish
open = öffnen = = = h opening .container
close = schließen = = geschlossen h opening .container
draw drew zeichnen = = = h .picture building plant animal
build built bauen = = = h building
carry = tragen trägt trägst getragen h thing
hide hid verstecken = = = h thing text
steal stole stehlen stiehlt stiehlst gestohlen h thing vehicle device
forget forgot vergessen vergisst vergisst vergessen h thing text
understand understood verstehen = = verstanden h person text
hear heard hören = = = h person animal
save = retten = = = h person animal
catch caught fangen fängt fängst gefangen h animal
order = bestellen = = = h food drink
plant = pflanzen = = = h plant
collect = sammeln sammelt sammelst gesammelt h thing text
need = brauchen = = = h thing device vehicle
use = benutzen = = = h device vehicle thing
sign = unterschreiben = = unterschrieben h .signed
teach taught unterrichten = = unterrichtet h person
ask = fragen = = = h person
have ! haben hat hast = h thing vehicle animal device
invite = ein+laden lädt lädst geladen h person
call = an+rufen = = gerufen h person
clean = putzen = = = h opening .dish .room
turn~on = an+machen = = = h device
turn~off = aus+machen = = = h device
take~off took aus+ziehen = = gezogen h clothes
take~along took mit+nehmen nimmt nimmst genommen h thing clothes person animal
try~on = an+probieren = = = h clothes
pick = pflücken = = = h .picked
pick~up = auf+heben = = gehoben h thing clothes
give~back gave zurück+geben gibt gibst gegeben h thing text device
throw~away threw weg+werfen wirft wirfst geworfen h thing text clothes
"""

# Kinds of dative object.
DATIVE = """
help = helfen hilft hilfst geholfen h person
thank = danken = = = h person
follow = folgen = = = s person animal
answer = antworten = = = h person
trust = vertrauen = = = h person
"""

# Kinds of accusative object, beside a person in the dative.
DITRANSITIVE = """
give gave geben gibt gibst gegeben h thing food text clothes
show showed zeigen = = = h thing text building animal
send sent schicken = = = h thing text
bring brought bringen = = gebracht h thing food drink
lend lent leihen = = geliehen h thing device vehicle
offer = an+bieten = = geboten h food drink
"""

# Kinds of subject.
INTRANSITIVE = """
sleep slept schlafen schläft schläfst geschlafen h person animal
work = arbeiten = = = h person
laugh = lachen = = = h person
cry = weinen = = = h person
dance = tanzen = = = h person
sing sang singen = = gesungen h person
swim swam schwimmen = = geschwommen s person animal
wait = warten = = = h person animal
play = spielen = = = h person animal
stay = bleiben = = geblieben s person
wake~up woke auf+wachen = = = s person animal
get~up got auf+stehen = = gestanden s person
arrive = an+kommen = = gekommen s person
shop shopped ein+kaufen = = = h person
celebrate = feiern = = = h person
"""

# Subsets of sites that one can move into or come from.
MOTION = """
go went gehen = = gegangen s .near .far
drive drove fahren fährt fährst gefahren s .far
run ran rennen = = gerannt s .near
fly flew fliegen = = geflogen s .far
come came kommen = = gekommen s .near .far
jump = springen = = gesprungen s .water
"""

# Connectives of the clause that follows.
SENTENTIAL = """
know ! wissen weiß weißt gewusst h that whether why
ask = fragen = = = h whether why
think thought denken = = gedacht h that
believe = glauben = = = h that
say said sagen = = = h that
hope = hoffen = = = h that
claim = behaupten = = = h that
"""
