"""Classes of English adjectives: those that tell a lasting trait by their own attribute, and those that only pass or judge."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.lexicon import nouns

MARITAL = frozenset("single married divorced engaged widowed separated".split())
WORK_STATUS = frozenset("retired unemployed self-employed freelance".split())
MEDICAL = frozenset(
    """diabetic asthmatic epileptic coeliac celiac dyslexic autistic deaf blind colour-blind color-blind colourblind colorblind
    short-sighted shortsighted nearsighted near-sighted far-sighted farsighted anaemic anemic bipolar haemophiliac neurodivergent
    hard-of-hearing hypothyroid""".split()
)
TRAITS = frozenset(
    "left-handed right-handed lefthanded righthanded ambidextrous bilingual trilingual introverted extroverted shy colour-blind".split()
)
ORIENTATIONS = frozenset("gay lesbian bisexual straight queer trans transgender non-binary nonbinary asexual pansexual".split())

# What passes by itself: it ends nothing and is a state.
STATES = frozenset(
    """tired ill sick hungry thirsty busy sad happy angry bored stressed pregnant exhausted sleepy nervous anxious unwell hurt injured
    drunk awake asleep upset broke dead broken empty full overwhelmed burnt-out burned-out hungover jetlagged dizzy sore feverish
    contagious damaged charging delayed cancelled canceled postponed""".split()
)
# What passes too, and says nothing that is worth asking for.
PASSING = frozenset(
    """ready fine okay ok well better worse free available home away back here there online offline down up open closed out gone missing
    stuck locked grateful alone excited worried late early lost confused lonely cold hot warm flat annoyed frustrated relieved jealous
    depressed grumpy swamped sunny cloudy rainy charged""".split()
)
# Adjectives that judge or describe in passing: no value of a fact.
JUDGEMENTS = frozenset(
    """good great nice bad terrible awful horrible wonderful amazing awesome fantastic brilliant cool lovely beautiful ugly pretty
    boring interesting stressful hard easy difficult simple tough fun funny weird strange odd crazy mad silly stupid smart clever wise
    fast slow quick big small large tiny huge little tall short long old young new clean dirty messy tidy loud quiet noisy expensive
    cheap rich poor strong weak heavy light soft important useful useless perfect best worst better worse right wrong true false sure
    certain clear obvious possible impossible real fake different same similar common rare special normal usual typical general
    proud glad happy lucky unlucky kind mean rude polite friendly gentle strict fair unfair generous lazy active calm patient brave
    afraid scared careful careless serious honest loyal cute sweet delicious tasty yummy gorgeous handsome fit healthy unhealthy safe
    dangerous famous popular favourite favorite okay fine alright comfortable cosy cozy modern ancient rusty shiny reliable annoying
    exciting tiring exhausting rewarding challenging demanding confusing surprising shocking disappointing relaxing due over done
    finished complete missing ok secret private public personal hidden secure insecure unique""".split()
)
INTENSIFIERS = frozenset(
    "very so too really quite rather pretty super extremely such totally absolutely incredibly always kind a-bit bit".split()
)


def is_adjective(word: str) -> bool:
    """Return whether a word in lower case is an adjective that tells no value of a fact by itself."""
    if word in STATES or word in PASSING or word in JUDGEMENTS:
        return True
    return len(word) > 6 and word.endswith(("ful", "less", "ous", "able", "ible")) and word not in nouns.THINGS
