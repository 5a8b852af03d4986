"""English-German nouns of the built-in grammar, one a line, grouped by what verbs and adjectives accept."""

# english singular, english plural, german singular, gender (m f n; w: masculine, other cases look like the plural),
# german plural. An english plural of "-": singular only; both "-": a mass noun, good without article ("drinks coffee").
PERSON = """
teacher teachers Lehrer m Lehrer
doctor doctors Arzt m Ärzte
student students Student w Studenten
neighbor neighbors Nachbar w Nachbarn
friend friends Freund m Freunde
child children Kind n Kinder
man men Mann m Männer
woman women Frau f Frauen
boy boys Junge w Jungen
girl girls Mädchen n Mädchen
uncle uncles Onkel m Onkel
aunt aunts Tante f Tanten
brother brothers Bruder m Brüder
sister sisters Schwester f Schwestern
mother mothers Mutter f Mütter
father fathers Vater m Väter
daughter daughters Tochter f Töchter
grandmother grandmothers Großmutter f Großmütter
farmer farmers Landwirt m Landwirte
baker bakers Bäcker m Bäcker
nurse nurses Krankenschwester f Krankenschwestern
pilot pilots Pilot w Piloten
engineer engineers Ingenieur m Ingenieure
gardener gardeners Gärtner m Gärtner
soldier soldiers Soldat w Soldaten
mayor mayors Bürgermeister m Bürgermeister
king kings König m Könige
queen queens Königin f Königinnen
guest guests Gast m Gäste
customer customers Kunde w Kunden
boss bosses Chef m Chefs
dancer dancers Tänzerin f Tänzerinnen
"""

ANIMAL = """
dog dogs Hund m Hunde
cat cats Katze f Katzen
horse horses Pferd n Pferde
cow cows Kuh f Kühe
pig pigs Schwein n Schweine
bird birds Vogel m Vögel
fish - Fisch m Fische
mouse mice Maus f Mäuse
"""

FOOD = """
apple apples Apfel m Äpfel
cake cakes Kuchen m Kuchen
egg eggs Ei n Eier
potato potatoes Kartoffel f Kartoffeln
orange oranges Orange f Orangen
cookie cookies Keks m Kekse
cheese - Käse m -
bread - Brot n -
soup soups Suppe f Suppen
"""

DRINK = """
coffee - Kaffee m -
tea - Tee m -
water - Wasser n -
milk - Milch f -
juice - Saft m -
wine - Wein m -
"""

TEXT = """
book books Buch n Bücher
letter letters Brief m Briefe
report reports Bericht m Berichte
story stories Geschichte f Geschichten
poem poems Gedicht n Gedichte
list lists Liste f Listen
newspaper newspapers Zeitung f Zeitungen
"""

THING = """
key keys Schlüssel m Schlüssel
bag bags Tasche f Taschen
table tables Tisch m Tische
chair chairs Stuhl m Stühle
bottle bottles Flasche f Flaschen
cup cups Tasse f Tassen
plate plates Teller m Teller
glass glasses Glas n Gläser
knife knives Messer n Messer
picture pictures Bild n Bilder
ball balls Ball m Bälle
box boxes Kiste f Kisten
ticket tickets Fahrkarte f Fahrkarten
gift gifts Geschenk n Geschenke
map maps Landkarte f Landkarten
"""

CLOTHES = """
coat coats Mantel m Mäntel
shirt shirts Hemd n Hemden
dress dresses Kleid n Kleider
hat hats Hut m Hüte
shoe shoes Schuh m Schuhe
jacket jackets Jacke f Jacken
"""

DEVICE = """
lamp lamps Lampe f Lampen
radio radios Radio n Radios
computer computers Computer m Computer
camera cameras Kamera f Kameras
clock clocks Uhr f Uhren
"""

VEHICLE = """
car cars Auto n Autos
bicycle bicycles Fahrrad n Fahrräder
boat boats Boot n Boote
truck trucks Lastwagen m Lastwagen
"""

OPENING = """
door doors Tür f Türen
window windows Fenster n Fenster
suitcase suitcases Koffer m Koffer
"""

PLANT = """
flower flowers Blume f Blumen
tree trees Baum m Bäume
rose roses Rose f Rosen
"""

# Buildings and sites take one more column: the English and German preposition for "where".
BUILDING = """
house houses Haus n Häuser in/in
church churches Kirche f Kirchen in/in
castle castles Burg f Burgen in/in
bridge bridges Brücke f Brücken on/auf
tower towers Turm m Türme on/auf
"""

SITE = """
kitchen - Küche f Küchen in/in
garden - Garten m Gärten in/in
school - Schule f Schulen in/in
office - Büro n Büros in/in
park - Park m Parks in/in
forest - Wald m Wälder in/in
city - Stadt f Städte in/in
village - Dorf n Dörfer in/in
hospital - Krankenhaus n Krankenhäuser in/in
hotel - Hotel n Hotels in/in
restaurant - Restaurant n Restaurants in/in
museum - Museum n Museen in/in
station - Bahnhof m Bahnhöfe at/an
lake - See m Seen at/an
river - Fluss m Flüsse at/an
market - Markt m Märkte at/auf
street - Straße f Straßen on/auf
roof - Dach n Dächer on/auf
beach - Strand m Strände on/an
"""
