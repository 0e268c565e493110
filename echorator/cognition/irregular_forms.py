"""English words whose forms no rule of endings leads back: verbs, plurals, comparatives, and British spellings. Feeds `text`.

A form that is also a common word of its own ("left", "saw", "found", "lay", "rose") leads back too: a question that has the other form
finds the memory, and one that has the same form finds it as before. "leaves", "lives" and "does" stay as they are: the stemmer has them.
"""

from __future__ import annotations

import re

_VERBS = """
arise arose arisen
awake awoke awoken
bear bore borne
beat beaten
become became
begin began begun
bend bent
bind bound
bite bit bitten
bleed bled
blow blew blown
break broke broken
breed bred
bring brought
build built
burn burnt
buy bought
catch caught
choose chose chosen
cling clung
come came
creep crept
deal dealt
dig dug
draw drew drawn
dream dreamt
drink drank drunk
drive drove driven
dwell dwelt
eat ate eaten
fall fell fallen
feed fed
feel felt
fight fought
find found
flee fled
fly flew flown
forbid forbade forbidden
forget forgot forgotten
forgive forgave forgiven
freeze froze frozen
give gave given
go went gone goes
grind ground
grow grew grown
hang hung
hear heard
hide hid hidden
hold held
keep kept
kneel knelt
know knew known
lead led
lean leant
leap leapt
learn learnt
leave left
lend lent
light lit
lose lost
make made
mean meant
meet met
mistake mistook mistaken
overcome overcame
pay paid
prove proven
ride rode ridden
ring rang rung
rise rose risen
run ran
say said
see saw seen
seek sought
sell sold
send sent
sew sewn
shake shook shaken
shear shorn
shine shone
shoot shot
show shown
shrink shrank shrunk
sing sang sung
sink sank sunk
sit sat
sleep slept
slide slid
smell smelt
speak spoke spoken
speed sped
spell spelt
spend spent
spill spilt
spin spun
spit spat
spoil spoilt
spring sprang sprung
stand stood
steal stole stolen
stick stuck
sting stung
stink stank stunk
stride strode
strike struck stricken
string strung
strive strove striven
swear swore sworn
sweep swept
swell swollen
swim swam swum
swing swung
take took taken
teach taught
tear tore torn
tell told
think thought
throw threw thrown
tread trod trodden
understand understood
undergo underwent undergone
wake woke woken
wear wore worn
weave wove woven
weep wept
win won
wind wound
withdraw withdrew withdrawn
write wrote written
die dying
lie lay lain lying
tie tying
"""

_NOUNS = """
man men
woman women
child children
foot feet
tooth teeth
goose geese
mouse mice
louse lice
ox oxen
person people
wife wives
knife knives
wolf wolves
half halves
calf calves
shelf shelves
thief thieves
loaf loaves
scarf scarves
elf elves
hoof hooves
cactus cacti
fungus fungi
crisis crises
thesis theses
diagnosis diagnoses
oasis oases
analysis analyses
phenomenon phenomena
criterion criteria
medium media
datum data
matrix matrices
index indices
vertex vertices
appendix appendices
"""

_COMPARATIVES = """
good better best
bad worse worst
far farther farthest further furthest
big bigger biggest
"""

_SPELLINGS = """
center centre
theater theatre
meter metre
liter litre
fiber fibre
gray grey
tire tyre
pajamas pyjamas
mom mum mommy mummy
program programme
jewelry jewellery
plow plough
check cheque
curb kerb
practice practise
license licence
defense defence
skeptical sceptical
aluminum aluminium
airplane aeroplane
mustache moustache
cozy cosy
organize organise
realize realise
recognize recognise
apologize apologise
traveler traveller
traveling travelling
traveled travelled
canceled cancelled
canceling cancelling
counselor counsellor
enroll enrol
fulfill fulfil
maneuver manoeuvre
pediatrician paediatrician
diarrhea diarrhoea
anesthesia anaesthesia
"""

_BASE_OF = {
    form: base
    for table in (_VERBS, _NOUNS, _COMPARATIVES)
    for base, *forms in (line.split() for line in table.split("\n") if line)
    for form in forms
}
for _base, *_forms in (line.split() for line in _SPELLINGS.split("\n") if line):
    _BASE_OF |= {form + end: _base + end for form in _forms for end in ("", "s")}
# colour, favourite, neighbourhood, behavioural ...
_OUR = re.compile(
    r"(?<=^col|^fav|^hon|^hum|^lab|^rum|^arm|^vap|^vig|^sav)our|(?<=^flav|^harb|^clam)our|(?<=^neighb)our|(?<=^behavi|^endeav|^splend)our"
)


def base_of(word: str) -> str:
    """Return the word that a lower-case word is an irregular form or a British spelling of; otherwise itself."""
    return _BASE_OF.get(word) or _OUR.sub("or", word)
