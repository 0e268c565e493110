"""What things are: categories with their members, and words that mean the same, so that a question may use another word than its statement."""

from __future__ import annotations

import random

from bench.echo_nano.words import kept_back

_KINDS = """nut|nuts: walnuts, peanuts, almonds, hazelnuts, pistachios, pecans, chestnuts, macadamias
fruit|fruits: apples, pears, cherries, plums, bananas, grapes, peaches, apricots, melons, strawberries, raspberries, oranges, lemons, figs, kiwis, mangoes, pineapple
vegetable|vegetables: carrots, cabbage, leeks, peas, beans, spinach, broccoli, celery, peppers, cucumber, pumpkin, courgettes, beetroot, turnips, radishes, kale, asparagus
herb|herbs: basil, parsley, thyme, dill, mint, rosemary, sage, oregano, chives, tarragon, marjoram
spice|spices: cinnamon, pepper, paprika, cumin, ginger, saffron, nutmeg, turmeric, cloves, cardamom
insect|insects: bees, ants, beetles, moths, mosquitoes, flies, hornets, spiders, cockroaches, fleas, midges, butterflies
drink|drinks: tea, coffee, beer, wine, cider, juice, milk, lemonade, whisky, gin, cocoa, water, cola, rum, champagne
dish|dishes: lasagne, curry, risotto, goulash, paella, stew, pancakes, pizza, dumplings, soup, casserole, noodles, ravioli, omelette, shepherd's pie, schnitzel
cheese|cheeses: cheddar, brie, gouda, feta, parmesan, camembert, halloumi, ricotta, stilton
fish|fish: salmon, trout, cod, tuna, herring, sardines, mackerel, eel, carp
dessert|sweets: ice cream, tiramisu, cheesecake, pudding, brownies, trifle, apple crumble, custard, doughnuts, marzipan
instrument|instruments: the cello, the violin, the flute, the trumpet, the piano, the guitar, the drums, the harp, the clarinet, the banjo, the organ, the accordion, the saxophone, the harmonica, the tuba
sport|sports: tennis, football, hockey, rugby, judo, rowing, golf, cricket, handball, swimming, squash, basketball, volleyball, badminton, karate, archery, fencing, boxing, climbing
game|games: chess, poker, bridge, Scrabble, Monopoly, draughts, dominoes, backgammon, darts, Tetris, solitaire
animal|animals: cows, pigs, goats, geese, ducks, horses, donkeys, sheep, llamas, rabbits, hedgehogs, foxes, squirrels, owls, whales, elephants, tigers
bird|birds: sparrows, robins, swallows, crows, magpies, eagles, herons, swans, pigeons, parrots, owls, cranes
flower|flowers: tulips, roses, daisies, lilies, orchids, sunflowers, daffodils, violets, peonies, dahlias, lavender
tree|trees: an oak, a birch, a maple, a willow, a chestnut tree, an elm, a pine, a beech, a fig tree, a lime tree
garment|clothes: a jacket, a coat, a skirt, trousers, a jumper, gloves, socks, a shirt, a blouse, a suit, a dress, a cardigan, jeans, a raincoat, a waistcoat
shoe|shoes: boots, sandals, sneakers, slippers, heels, clogs, trainers, wellingtons
tool|tools: a hammer, a drill, a saw, a screwdriver, a spanner, pliers, a chisel, a file, a plane, a sander, an axe
vehicle|vehicles: a car, a van, a truck, a tractor, a motorbike, a scooter, a bus, a camper, a moped, a taxi, a tram
piece of furniture|furniture: a table, a chair, a sofa, a wardrobe, a bookcase, a desk, a bed, a cupboard, a stool, an armchair, a sideboard
appliance|appliances: a fridge, a dishwasher, a toaster, a kettle, a freezer, a microwave, a vacuum cleaner, a blender, an iron, a mixer
gadget|electronics: a tablet, a printer, a laptop, a drone, a camera, a monitor, headphones, a projector, a smartwatch, an e-reader
jewel|jewellery: a ring, a necklace, earrings, a bracelet, a brooch, a pendant, a bangle
toy|toys: a doll, a teddy bear, a train set, building blocks, a puppet, a yo-yo, a rocking horse, marbles, a kite
illness|illnesses: asthma, diabetes, the flu, pneumonia, measles, mumps, migraine, bronchitis, shingles, hepatitis, tonsillitis
body part|body parts: my knee, my back, my shoulder, my elbow, my ankle, my wrist, my neck, my hip, my jaw, my ear, my foot, my thumb
school subject|subjects: maths, chemistry, history, geography, Latin, biology, physics, art, music, English, religion
language|languages: Spanish, Latin, Swahili, Dutch, Polish, Greek, Hebrew, Norwegian, Chinese, Thai, Basque, Esperanto, Romanian, Ukrainian, Persian
country|countries: France, Spain, Brazil, India, China, Egypt, Turkey, Poland, Austria, Belgium, Cuba, Nepal, Jordan, Bolivia, Ghana, Latvia, Malta, Tunisia
sea|waters: the Baltic, the Atlantic, the Danube, the Rhine, Lake Garda, the Seine, the Black Sea, Lake Como, the Thames, the Nile
mountain|mountains: Mont Blanc, Ben Nevis, the Matterhorn, Mount Fuji, Etna, Kilimanjaro, the Zugspitze, Snowdon
metal|metals: gold, silver, copper, iron, steel, tin, brass, bronze, titanium
programming language|programming languages: Python, Rust, Go, Java, Haskell, Fortran, Perl, Kotlin, Swift, Erlang, Prolog
kind of music|music: jazz, blues, soul, opera, techno, folk, reggae, heavy metal, hip hop, swing, gospel, tango, flamenco
craft|crafts: knitting, pottery, weaving, embroidery, carving, bookbinding, origami, crochet, calligraphy, basketry
newspaper|newspapers: the Guardian, Le Monde, the Economist, the Times, El Pais, the Herald, the Tribune
shop|shops: the baker's, the butcher's, the chemist's, the grocer's, the florist's, the stationer's, the fishmonger's"""

KINDS = [(*line.split(": ")[0].split("|"), line.split(": ")[1].split(", ")) for line in _KINDS.split("\n")]

_SAME = """mum=mother|mother=mum|dad=father|father=dad|grandma=grandmother|grandmother=grandma|flatmate=roommate|roommate=flatmate|flat=apartment|car=vehicle|bicycle=bike|job=work|
kids=children|children=kids|phone=mobile|film=movie|movie=film|holiday=vacation|trip=journey|fridge=refrigerator|sofa=couch|doctor=physician|vet=animal doctor|appointment=date|
boss=manager|manager=boss|friend=mate|best friend=closest friend|wife=spouse|husband=spouse|partner=other half|jacket=coat|sweater=jumper|headphones=earphones|laptop=computer|
supermarket=grocery store|pharmacy=chemist|cinema=movie theatre|restaurant=place to eat|pub=bar|garage=workshop|rug=carpet|lamp=light|boots=shoes|dress=clothes|deadline=due date|
exam=test|operation=surgery|wedding=marriage|funeral=burial|neighbour=person next door|landlord=owner of the flat|niece=brother's or sister's daughter|purse=wallet|bag=handbag|
hairdresser=barber|plumber=man for the pipes|cleaner=cleaning lady|daughter=girl|son=boy|dog=hound|puppy=little dog|kitten=little cat|canary=bird|pony=horse|girlfriend=partner|
boyfriend=partner|colleague=co-worker|mother-in-law=husband's or wife's mother|song=tune|book=novel|series=show|passport=travel document|heating=radiators|speak=talk|live=reside|
buy=purchase|start=begin|end=finish|like=enjoy|love=adore|hate=detest|fear=dread|repair=fix|big=large|parents' evening=school evening|cost=come to|hospital=clinic|present=gift"""
SAME: dict[str, list[str]] = {}
for pair in _SAME.replace("\n", "").split("|"):
    SAME.setdefault(pair.split("=")[0], []).append(pair.split("=")[1])

_LIKES = (
    ("I {love} {x}", ("Which {kind} do I {love}", "What {kinds} do I {love}", "What {kind} do I {love} most")),
    ("I {hate} {x}", ("Which {kind} do I {hate}", "What {kinds} do I {hate}", "Which {kind} can I not stand")),
    ("My {rel} {loves} {x}", ("Which {kind} does my {rel} {love}", "What {kinds} does my {rel} {love}")),
    ("My {rel} {hates} {x}", ("Which {kind} does my {rel} {hate}", "What {kinds} does my {rel} not {love}")),
    ("I {bought} {x} {ago}", ("Which {kind} did I {buy} {ago}", "What {kinds} did I {buy}", "Which {kind} did I {buy}")),
    ("{name} {bought} {x} in {city}", ("Which {kind} did {name} {buy}", "What {kinds} did {name} {buy} in {city}", "Where did {name} {buy} {x}")),
    ("I used to {buy} {x}", ("Which {kind} did I use to {buy}", "What {kinds} did I {buy} in the past")),
    ("My {rel} is {learning} {x}", ("Which {kind} is my {rel} {learning}", "What {kind} does my {rel} learn")),
    ("I'm {learning} {x} {often}", ("Which {kind} am I {learning}", "What {kind} am I {learning}", "How often am I {learning} {x}")),
    ("{name} told me about {x}", ("Which {kind} did {name} tell me about", "Who told me about {x}")),
    ("I dreamt of {x} last night", ("Which {kind} did I dream of", "What {kinds} did I dream of")),
    ("I can't do without {x}", ("Which {kind} can't I do without", "What {kind} do I need most")),
    ("There was trouble with {x} {ago}", ("Which {kind} was trouble {ago}", "What {kind} caused trouble", "When was there trouble with {x}")),
    ("I'm allergic to {x}", ("Which {kind} am I allergic to", "What {kinds} should I avoid", "Which {kind} can't I have")),
)
_VERBS = {
    "love": ("love", "like", "adore", "enjoy", "prefer"), "hate": ("hate", "dislike", "detest", "avoid"), "buy": ("buy", "see", "draw", "need", "mention"),
    "learning": ("learning", "trying", "studying", "getting into"),
}  # fmt: skip
_PAST = {"buy": "bought", "see": "saw", "draw": "drew", "need": "needed", "mention": "mentioned"}


def about_kinds(rng: random.Random, tests: bool, drawn: dict[str, str]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return a statement with a member of a category, the questions that name the category, and questions that name another one.

    `drawn` has a value for each of rel, name, city, ago and often.
    """
    one, many, members = rng.choice(KINDS)
    other, others, _ = rng.choice([k for k in KINDS if k[0] != one])
    members = [m for m in members if kept_back(m) == tests] or members
    said, asks = rng.choice(_LIKES)
    love, hate, buy = (rng.choice(_VERBS[v]) for v in ("love", "hate", "buy"))
    fields = drawn | {"x": rng.choice(members), "love": love, "hate": hate, "loves": love + "s", "hates": hate + "s", "buy": buy, "bought": _PAST[buy], "learning": rng.choice(_VERBS["learning"])}
    right = tuple(a.format(**fields, kind=one, kinds=many) for a in asks)
    return said.format(**fields), right, tuple(a.format(**fields, kind=other, kinds=others) for a in asks if "{kind" in a)


def reworded(rng: random.Random, ask: str) -> str:
    """Return a question with one of its words in another's place that means the same, where one is known."""
    words = ask.split(" ")
    places = [i for i, w in enumerate(words) if w in SAME or (w.endswith("'s") and w[:-2] in SAME)]
    if places:
        i = rng.choice(places)
        words[i] = rng.choice(SAME[words[i].removesuffix("'s")]) + ("'s" if words[i].endswith("'s") else "")
    return " ".join(words)
