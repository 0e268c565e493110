"""Words for the natural corpus, and the split that keeps a tenth of them from training.

A word whose CRC-32 is divisible by ten is never drawn by training (`kept_back`); the evaluation draws only such words, so what it asks for cannot
have been learned by heart. Closed classes (relations, days, months, colours) are small and are not split.
"""

from __future__ import annotations

import random
import zlib

from bench.echo_nano import corpus

CLOSED = {
    "rel": "sister|brother|mother|father|mum|dad|wife|husband|daughter|son|aunt|uncle|cousin|niece|nephew|grandmother|grandfather|grandma|boss|"
    "neighbour|flatmate|roommate|best friend|colleague|girlfriend|boyfriend|partner|landlord|mother-in-law|brother-in-law|older sister|younger brother|"
    "friend|oldest son|youngest daughter|stepfather|manager|godmother",
    "day": "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday",
    "month": "January|February|March|April|May|June|July|August|September|October|November|December",
    "colour": "red|blue|green|yellow|purple|orange|grey|black|white|brown|pink|turquoise|silver|beige|dark green|light blue|teal|violet",
    "size": "small|big|old|new|used|wooden|heavy|cheap|second-hand|tiny|huge|broken|beautiful|folding|leather|antique|electric|striped",
    "ago": "two years ago|last week|last month|last year|yesterday|three days ago|this morning|last weekend|last summer|last winter|a month ago|"
    "the day before yesterday|in 2019|in 2021|in 2015|on Monday|on Friday|last night|last Tuesday|last Sunday|in March|in October|ten years ago",
    "when": "next week|next month|tomorrow|on Thursday|on Saturday|next summer|in two weeks|in May|in September|this evening|next Friday|after work|on Sunday",
    "often": "every morning|every day|twice a week|on Mondays|on Tuesdays|on Thursdays|every weekend|every Friday|once a month|in the evenings|on Sundays|"
    "three times a week|before breakfast|after work|during the week",
    "amount": "two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty",
    "unit": "minutes|hours|days|weeks|months|years",
    "part": "knee|hip|shoulder|elbow|back|foot|heart|tooth|eye|wrist",
    "him": "him|her",
    "meal": "breakfast|lunch|dinner|supper",
    "stuff": "wood|steel|glass|silver|plastic|leather|bamboo|wool|copper|stone|aluminium|paper",
    "ordinal": "first|second|third|fourth|fifth|last",
    "diet": "vegan|vegetarian|pescatarian|gluten-free",
    "med": "pills|tablets|drops|capsules",
    "limb": "a leg|an arm|a finger|a toe|a rib",
    "doc": "passport|insurance|contract|visa|membership|library card|driving licence|locker|customer|lease|warranty",
    "appl": "heating|washing machine|dishwasher|boiler|roof|lift|oven|radiator",
    "pro": "doctor|dentist|lawyer|therapist|hairdresser|teacher|landlord|plumber|cleaner|babysitter|tax adviser|vet|trainer|electrician|piano teacher",
    "hair": "curly|straight|long|short|grey|blond|dark",
    "sib": "brothers|sisters|children|cousins|siblings|kids|grandchildren|nieces|nephews|cats|dogs|chickens|bicycles|guitars",
    "spouse": "wife|husband",
    "fav": "film|movie|book|series|game|song|play|podcast|band|author",
    "gate": "door|alarm|gate|safe|garage|front door|office|cellar",
    "card": "phone|credit card|bank card|tablet|SIM card",
    "ride": "flight|train|bus|ferry",
    "pet": "dog|cat|hamster|rabbit|parrot|goldfish|pony|horse|tortoise|guinea pig|snake|canary|ferret|puppy|kitten|budgie|gecko",
}
OPEN = {
    "name": "Klara Tobias Nadia Greta Simon Olga Ahmed Fatima Carlos Lucia Hannah Peter Julia Martin Karin Stefan Monica Bernard Chloe Ethan Grace Henry "
    "Isabel Jack Kate Lewis Maria Nathan Olivia Paul Quentin Rachel Sam Teresa Ursula Victor Wendy Xavier Yasmin Zachary Alice Ben Charlotte Daniel Emma "
    "Frank Gloria Harold Irene Joseph Kevin Laura Michael Nancy Oscar Patricia Robert Susan Thomas Vera Walter Anna Boris Cecilia Dmitri Elena Fiona "
    "George Heidi Igor Jasmine Kenji Lorenzo Miguel Nora Otto Pablo Rosa Sergei Tanja Uma Vincent Wilma Yan Zita Amelia Brian Connor Doris Edgar "
    "Freya Gavin Hilda Ismail Joanna Karl Lucas Magda Nico Ophelia Pierre Ruth Sven Tilda Arjun Bea Caleb Dina Emil Farid Gina Hassan Ines Jorge "
    "Kira Leon Maya Niall Orla Petra Rafael Selma Theo Ulla Viktor Wanda Alan Bridget Colin Deborah Eric Felicity Gerald Hazel Ian Janet Keith Linda",
    "city": "Lisbon Oslo Kyoto Nairobi Lima Quito Berlin Paris Cairo Hanoi Porto Dublin Seoul Turin Boston Austin Vienna Prague Madrid Munich Hamburg Zurich "
    "Geneva Naples Palermo Athens Istanbul Ankara Warsaw Krakow Budapest Helsinki Stockholm Bergen Copenhagen Glasgow Leeds Bristol York Cardiff Belfast "
    "Bordeaux Toulouse Marseille Nantes Ghent Antwerp Utrecht Rotterdam Leiden Salzburg Linz Brno Riga Vilnius Tallinn Sofia Zagreb Split Belgrade Valencia "
    "Seville Bilbao Granada Florence Venice Bologna Genoa Chicago Denver Seattle Portland Dallas Houston Atlanta Toronto Montreal Vancouver Havana Bogota "
    "Santiago Montevideo Accra Lagos Tunis Rabat Beirut Amman Delhi Mumbai Kolkata Bangkok Manila Jakarta Osaka Sapporo Taipei Sydney Perth Auckland "
    "Norway Iceland Portugal Peru Japan Morocco Scotland Sweden Croatia Greece Kenya Vietnam Canada Ireland Italy Finland Mexico Chile",
    "job": "a nurse|a teacher|a plumber|a pilot|a baker|a welder|a lawyer|a gardener|an engineer|a chef|a carpenter|a dentist|a librarian|a farmer|a violinist|"
    "an architect|a bus driver|a firefighter|a vet|an accountant|a translator|a journalist|a hairdresser|a tailor|a mechanic|a paramedic|a judge|an optician|"
    "a pharmacist|a biologist|a waiter|a barista|an electrician|a programmer|a designer|a photographer|a postman|a police officer|a surgeon|a midwife|"
    "a tax adviser|a museum guide|a sound engineer|a beekeeper|a physicist|an actor|a butcher|a florist|a social worker|a data analyst|a locksmith",
    "food": "pizza|ramen|sushi|pancakes|lasagne|curry|tacos|dumplings|risotto|falafel|paella|porridge|goulash|kimchi|mushrooms|olives|cheese|walnuts|peanuts|"
    "strawberries|shrimp|tofu|salmon|lentils|broccoli|spinach|garlic|honey|coconut|celery|blueberries|apple pie|chocolate|liquorice|oysters|beans|"
    "bananas|cherries|aubergine|couscous|noodles|waffles|gnocchi|pickles|mango|avocado|kiwis|hazelnuts|almonds|sesame|mustard|onions|tomatoes|beetroot",
    "drink": "green tea|black coffee|orange juice|lemonade|cocoa|mint tea|cider|espresso|ginger ale|oat milk|root beer|kefir|red wine|whisky|cappuccino|sparkling water",
    "item": "bicycle|canoe|tent|guitar|lamp|sofa|table|camera|jacket|coat|ring|watch|kettle|blender|ladder|drill|suitcase|backpack|carpet|mirror|desk|chair|bookshelf|"
    "phone|laptop|printer|tablet|keyboard|headphones|scarf|hat|boots|umbrella|wallet|necklace|sweater|dress|shirt|telescope|microscope|piano|violin|drum|flute|"
    "mattress|pillow|blanket|stove|fridge|toaster|vase|clock|painting|poster|puzzle|kite|skateboard|scooter|helmet|surfboard|kayak|sled|hammock|grill|lawnmower|"
    "wheelbarrow|saw|hammer|toolbox|notebook|calendar|cake|basket|cactus|rose bush|apple tree|candle|teapot|mug|knife|pan|bag|purse|car|van|motorbike|trailer|boat|"
    "ticket|cookbook|novel|dictionary|globe|compass|torch|rug|curtain|wardrobe|router|speaker|radio|monitor|charger|battery|key|bracelet|belt|glove|razor",
    "place": "market|airport|station|museum|library|gym|office|beach|harbour|park|church|school|hospital|bakery|theatre|cinema|castle|lake|river|campsite|hotel|"
    "restaurant|café|pub|supermarket|flea market|garage|garden centre|zoo|stadium|swimming pool|bookshop|pharmacy|town hall|university|barber|auction|festival|"
    "concert hall|ski resort|farm|workshop|playground|bus stop|post office|bank|embassy|clinic|kindergarten|car park|shopping centre|basement|attic|kitchen|garden",
    "hobby": "chess|climbing|pottery|sailing|birdwatching|knitting|running|fencing|origami|skiing|photography|archery|baking|juggling|swimming|yoga|karate|gardening|"
    "cycling|hiking|judo|rowing|surfing|tennis|badminton|table tennis|volleyball|football|basketball|painting|singing|dancing|tango|ballet|calligraphy|sudoku",
    "instrument": "cello|violin|piano|guitar|flute|trumpet|drums|clarinet|saxophone|harp|accordion|banjo|organ|oboe|ukulele|trombone|viola|harmonica",
    "language": "Spanish|French|German|Italian|Japanese|Turkish|Polish|Russian|Arabic|Swedish|Danish|Dutch|Greek|Korean|Portuguese|Hindi|Welsh|Finnish|Czech|Hungarian",
    "brand": "Volvo|Fiat|Toyota|Honda|Skoda|Renault|Ford|Mazda|Tesla|Peugeot|Opel|Nissan|Subaru|Kia|Seat|Saab|Dacia|Lada|Audi|Citroen|Jeep|Hyundai",
    "firm": "Siemens|Bosch|Nokia|Airbus|Ikea|Philips|Sony|Nestle|Lufthansa|Spotify|Ericsson|Zeiss|Lego|Novartis|Unilever|Shell|Michelin|Bayer|Intel|Adobe",
    "subject": "biology|history|law|medicine|physics|economics|philosophy|chemistry|geography|music|architecture|psychology|mathematics|linguistics|astronomy|geology",
    "illness": "asthma|migraine|diabetes|hay fever|eczema|insomnia|arthritis|anaemia|tinnitus|back pain|vertigo|bronchitis|sciatica",
    "material": "penicillin|latex|pollen|dust|cat hair|wool|nickel|aspirin|gluten|lactose|shellfish|bee stings|house dust|soy|perfume|ibuprofen",
    "event": "wedding|interview|exam|dentist appointment|concert|birthday party|job interview|driving test|flight|meeting|graduation|operation|marathon|trip|holiday|"
    "check-up|presentation|workshop|conference|funeral|reunion|barbecue|school play|eye test|rehearsal|inspection|parents' evening|housewarming|class|deadline|haircut",
    "band": "Radiohead|Queen|Coldplay|Abba|Blur|Metallica|Nirvana|Genesis|Oasis|Pulp|Gorillaz|Muse|Travis|Kraftwerk|Portishead|Massive Attack",
    "music": "jazz|techno|blues|folk|opera|reggae|metal|hip hop|classical music|bluegrass|ambient|punk|soul|swing|country|disco|baroque music",
    "fear": "spiders|heights|dogs|flying|thunder|the dark|snakes|needles|clowns|deep water|lifts|bees|crowds|horses|mice|moths|public speaking|ghosts",
}


def kept_back(word: str) -> bool:
    """Return whether training never draws this word."""
    return zlib.crc32(word.lower().encode()) % 10 == 0


_LISTS = {kind: text.split("|") if "|" in text else text.split() for kind, text in OPEN.items()}
_FOR_TRAINING = {kind: [w for w in words if not kept_back(w)] for kind, words in _LISTS.items()}
_FOR_TESTS = {kind: [w for w in words if kept_back(w)] or words for kind, words in _LISTS.items()}
_CLOSED = {kind: text.split("|") for kind, text in CLOSED.items()}
_ENDS = ("", "", "", "er", "ing", "ton", "berg", "son", "ley", "y", "o", "ia", "us", "ette", "el", "in", "ax")


def made_up(rng: random.Random, tests: bool = False) -> str:
    """Return a pronounceable word in lower case that no list has."""
    while True:
        word = corpus.word(rng, 1, 2) + rng.choice(_ENDS)
        if len(word) > 3 and kept_back(word) == tests:
            return word


_MADE_CAPITAL = {"name", "city", "brand", "firm", "language", "band"}
_MADE_ARTICLE = {"job"}


def draw(rng: random.Random, kind: str, tests: bool = False) -> str:
    """Return a word or number of the kind; a third of the open classes' words are made up, so that they have to be copied."""
    if kind in _CLOSED:
        return rng.choice(_CLOSED[kind])
    if kind == "n":
        return str(rng.randint(2, 99))
    if kind == "big":
        return str(rng.randint(100, 99999))
    if kind == "year":
        return str(rng.randint(1940, 2031))
    if kind == "time":
        return f"{rng.randint(1, 12)}{rng.choice((':15', ':30', ':45', '', ''))} {rng.choice(('am', 'pm'))}"
    if kind == "date":
        return rng.choice((f"{draw(rng, 'month')} {rng.randint(1, 30)}", f"the {rng.randint(4, 20)}th of {draw(rng, 'month')}", f"{rng.randint(1, 30)} {draw(rng, 'month')}"))
    if kind == "code":
        return rng.choice((str(rng.randint(1000, 999999)), f"{made_up(rng, tests)}{rng.randint(1, 99)}", f"{made_up(rng, tests).upper()[:3]}-{rng.randint(10, 9999)}"))
    if kind == "street":
        return f"{rng.randint(1, 220)} {made_up(rng, tests).capitalize()} {rng.choice(('Street', 'Road', 'Lane', 'Avenue'))}"
    if kind == "title":
        return rng.choice((f"The {made_up(rng, tests).capitalize()}", f"The {draw(rng, 'colour').capitalize()} {made_up(rng, tests).capitalize()}", f"{made_up(rng, tests).capitalize()}"))
    if kind == "made":
        return made_up(rng, tests)
    if kind == "Made":
        return made_up(rng, tests).capitalize()
    if rng.random() < 0.33:
        word = made_up(rng, tests)
        return word.capitalize() if kind in _MADE_CAPITAL else f"a {word}" if kind in _MADE_ARTICLE else word
    return rng.choice((_FOR_TESTS if tests else _FOR_TRAINING)[kind])
