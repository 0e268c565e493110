"""Classes of English nouns and names: closed ones as lists, open ones by the ending where that is certain."""

from __future__ import annotations

import re

from echorator.cognition.reading.comparing import singular

PLURALS = {
    "children": "child",
    "kids": "kid",
    "wives": "wife",
    "people": "person",
    "mice": "mouse",
    "geese": "goose",
    "fish": "fish",
    "women": "woman",
    "men": "man",
    "feet": "foot",
    "teeth": "tooth",
    "glasses": "glasses",
    "twins": "twin",
    "puppies": "puppy",
    "guppies": "guppy",
    "mum": "mother",
    "mom": "mother",
    "mummy": "mother",
    "mommy": "mother",
    "mam": "mother",
    "dad": "father",
    "daddy": "father",
    "bro": "brother",
    "sis": "sister",
    "grandma": "grandmother",
    "granny": "grandmother",
    "gran": "grandmother",
    "nan": "grandmother",
    "grandpa": "grandfather",
    "granddad": "grandfather",
    "grandad": "grandfather",
    "hubby": "husband",
    "bf": "boyfriend",
    "gf": "girlfriend",
    "bestie": "best friend",
    "bff": "best friend",
    "doggo": "dog",
    "doggie": "dog",
    "pup": "puppy",
    "kitty": "cat",
    "telly": "tv",
    "kiddo": "kid",
}


def noun_of(word: str) -> str:
    """Return an English noun in the singular and in its plain form: "kids" is "kid", "mum" is "mother"."""
    return PLURALS.get(word) or PLURALS.get(one := singular(word)) or one


CHILDREN = frozenset(
    """child kid son daughter baby toddler twin boy girl stepson stepdaughter stepchild newborn teenager teen grandchild grandson
        granddaughter grandkid""".split()
)
SIBLINGS = frozenset("brother sister sibling stepbrother stepsister half-brother half-sister twin-brother twin-sister".split())
PARTNERS = frozenset("wife husband partner spouse girlfriend boyfriend fiance fiancé fiancee fiancée".split())
RELATIVES = frozenset(
    """mother father parent grandmother grandfather grandparent aunt uncle cousin niece nephew stepmother stepfather mother-in-law
    father-in-law sister-in-law brother-in-law son-in-law daughter-in-law godmother godfather godson goddaughter ex ex-wife
    ex-husband ex-girlfriend ex-boyfriend auntie relative family""".split()
)
PEOPLE = frozenset(
    """friend neighbour neighbor colleague coworker co-worker boss manager supervisor roommate flatmate housemate landlord landlady
    teacher tutor coach mentor doctor dentist therapist gp physiotherapist psychologist hairdresser lawyer accountant assistant
    classmate teammate trainer professor nanny babysitter cleaner mechanic vet optician barber pastor priest buddy mate pal pen-friend
    penpal client student patient employee employer intern line-manager ceo cto team-lead lead director roomie crush date
    ex bandmate""".split()
)
KIN = CHILDREN | SIBLINGS | PARTNERS | RELATIVES | PEOPLE
PETS = frozenset(
    """dog cat hamster rabbit bunny parrot budgie budgerigar canary goldfish fish turtle tortoise snake lizard gecko horse pony chicken
    hen duck goat sheep pig guinea-pig ferret rat mouse gerbil chinchilla puppy kitten tarantula spider frog axolotl cockatiel
    cockatoo macaw hedgehog donkey alpaca llama cow bird pet iguana chameleon python bearded-dragon guinea labrador poodle beagle
    dachshund corgi husky retriever terrier spaniel shepherd collie bulldog chihuahua pug greyhound whippet dalmatian rottweiler
    doberman schnauzer shih-tzu siamese ragdoll labradoodle cockapoo goldendoodle mutt maine-coon sphynx stick-insect salamander
    newt crab snail guppy betta koi parakeet lovebird finch pigeon peacock goose foal mare stallion lamb calf""".split()
)
TWO_WORD_PETS = frozenset("pig dragon coon tzu insect".split())
_DOGS = frozenset(
    """puppy labrador poodle beagle dachshund corgi husky retriever terrier spaniel shepherd collie bulldog chihuahua pug greyhound whippet
    dalmatian rottweiler doberman schnauzer shih-tzu labradoodle cockapoo goldendoodle mutt""".split()
)
_CATS = frozenset("kitten siamese ragdoll maine-coon sphynx".split())


def species_of(animal: str) -> str:
    """Return "dog" for a breed of dogs or a puppy, "cat" for one of cats, and any other word as it is."""
    return "dog" if animal in _DOGS else "cat" if animal in _CATS else animal


VEHICLES = frozenset(
    "car van truck suv motorbike motorcycle scooter camper campervan minivan pickup jeep convertible hatchback sedan".split()
)
MAKES = frozenset(
    """volvo tesla fiat ford toyota honda bmw audi volkswagen vw mercedes mercedes-benz renault peugeot citroen citroën opel
    vauxhall skoda seat dacia kia hyundai nissan mazda mitsubishi subaru suzuki porsche jaguar lexus jeep chevrolet chevy dodge
    chrysler buick cadillac gmc ram mini lancia ferrari lamborghini maserati bentley saab smart rover land-rover polestar rivian byd
    lada golf polo passat corolla prius civic focus fiesta mustang yaris clio corsa astra camry accord cr-v rav4 qashqai leaf
    model-3 cybertruck""".split()
)
THINGS = frozenset(
    """house flat apartment condo cottage cabin boat bike bicycle e-bike garden caravan farm motorhome laptop computer pc macbook
    phone phone iphone android smartphone tablet ipad kindle camera piano guitar violin cello ukulele keyboard drum telescope drone printer
    3d-printer console playstation xbox switch tv sewing-machine kayak canoe surfboard skateboard snowboard greenhouse allotment
    vineyard balcony pool hot-tub sauna workshop studio tattoo piercing business company shop bakery restaurant cafe café startup
    bakery podcast blog channel website band collection library record-player motorbike scooter moped car van truck yacht plane
    trailer turntable telescope microscope microphone amp synth synthesizer saxophone trumpet flute harp banjo accordion clarinet
    trombone drum-kit scooter wheelchair hearing-aid pacemaker smartwatch watch fitbit server raspberry-pi nas monitor desk
    typewriter loom kiln dishwasher treadmill""".split()
)
INSTRUMENTS = frozenset(
    """piano guitar violin cello viola bass drum flute clarinet saxophone sax trumpet trombone tuba horn oboe bassoon harp ukulele banjo
    mandolin accordion harmonica keyboard organ recorder fiddle sitar bagpipe lute percussion double-bass synthesizer
    didgeridoo tabla koto kalimba cajon lyre""".split()
)
GAMES = frozenset(
    """tennis football soccer basketball volleyball rugby cricket hockey golf badminton squash baseball softball handball lacrosse
    netball chess poker bridge checkers darts pool snooker billiards ping-pong table-tennis padel pickleball ultimate frisbee
    minecraft fortnite dungeons d&d board video computer games bowling water-polo polo paintball scrabble go backgammon mahjong
    curling bingo cards dodgeball kickball roblox zelda wow""".split()
)
ACTIVITIES = frozenset(
    """yoga pilates karate judo ballet crossfit taekwondo gymnastics boxing kickboxing photography pottery ceramics archery fencing
    origami calligraphy chess gardening parkour zumba aikido jiu-jitsu bjj athletics triathlons marathons improv astronomy
    birdwatching geocaching woodwork woodworking diy cosplay taiji theatre drama carpentry genealogy salsa tango karaoke
    pottery embroidery crochet sudoku""".split()
)
CONDITIONS = frozenset(
    """diabetes asthma adhd add epilepsy migraine migraines arthritis hypertension eczema psoriasis dyslexia depression anxiety autism
    hypothyroidism endometriosis fibromyalgia insomnia tinnitus celiac coeliac ibs gerd pcos ms anemia anaemia osteoporosis scoliosis
    glaucoma hayfever gout hepatitis hiv parkinson's alzheimer's bipolar ocd ptsd narcolepsy lupus crohn's rosacea vertigo
    hashimoto's dyscalculia dyspraxia aphantasia astigmatism colitis cancer haemophilia hemophilia sciatica reflux vitiligo
    ehlers-danlos type-1 type-2""".split()
)
CONDITION_ENDS = (
    "disease",
    "disorder",
    "syndrome",
    "pressure",
    "condition",
    "fever",
    "apnea",
    "apnoea",
    "murmur",
    "palsy",
    "fibrosis",
    "cholesterol",
)
PASSING = frozenset(
    """headache cold flu fever cough hangover toothache stomachache backache bruise blister meeting call question idea problem issue
    doubt feeling plan minute moment second look chat time day week night break lunch dinner breakfast exam test deadline point
    chance choice party guest visitor hour nap dream nightmare beer coffee snack bath shower crush reservation temperature""".split()
)
MEDICATIONS = frozenset(
    """insulin metformin antidepressants statins warfarin lithium ritalin adderall prozac zoloft sertraline levothyroxine methotrexate
    omeprazole ssris beta-blockers steroids antihistamines melatonin ibuprofen aspirin""".split()
)
LANGUAGES = frozenset(
    """english german spanish french italian portuguese dutch polish russian ukrainian czech slovak hungarian romanian bulgarian
    greek turkish arabic hebrew persian farsi hindi urdu bengali punjabi tamil telugu marathi gujarati malayalam kannada thai
    vietnamese chinese mandarin cantonese japanese korean indonesian malay tagalog filipino swahili amharic yoruba igbo hausa zulu
    afrikaans swedish norwegian danish finnish icelandic estonian latvian lithuanian croatian serbian bosnian slovenian albanian
    macedonian catalan basque galician welsh irish gaelic breton luxembourgish maltese georgian armenian azerbaijani kazakh uzbek
    mongolian nepali sinhala burmese khmer lao latin esperanto yiddish bsl asl sign-language kurdish pashto somali flemish
    castilian swiss-german""".split()
)
NATIONALITIES = frozenset(
    """german spanish french italian portuguese dutch polish russian ukrainian czech slovak hungarian romanian bulgarian greek turkish
    israeli iranian persian indian pakistani bangladeshi thai vietnamese chinese japanese korean indonesian malaysian filipino
    filipina kenyan ethiopian nigerian ghanaian swedish norwegian danish finnish icelandic estonian latvian lithuanian croatian
    serbian bosnian slovenian albanian macedonian catalan basque welsh irish scottish british english american canadian mexican
    brazilian argentinian argentine chilean peruvian colombian venezuelan bolivian ecuadorian uruguayan cuban dominican jamaican
    australian austrian swiss belgian maltese georgian armenian azerbaijani kazakh uzbek mongolian nepalese nepali egyptian moroccan
    tunisian algerian lebanese syrian iraqi jordanian saudi emirati afghan taiwanese singaporean cypriot luxembourgish bavarian
    south-african european african asian latino latina hispanic spaniard frenchman frenchwoman englishman englishwoman irishman
    irishwoman scotsman welshman dutchman swede dane finn pole turk greek kiwi aussie brit scot new-zealander londoner parisian
    berliner puerto-rican sri-lankan zimbabwean ugandan tanzanian senegalese palestinian kurdish belarusian moldovan""".split()
)
RELIGIONS = frozenset(
    """christian catholic protestant lutheran methodist baptist anglican orthodox muslim jewish jew hindu buddhist sikh atheist agnostic
    quaker mormon presbyterian evangelical jain pagan wiccan taoist secular religious humanist""".split()
)
DIETS = frozenset(
    """vegan vegetarian pescatarian pescetarian flexitarian kosher halal keto paleo gluten-free dairy-free lactose-free sugar-free
    plant-based low-carb teetotal teetotaler teetotaller omnivore fruitarian carnivore raw-vegan veggie wheat-free nut-free""".split()
)
STAR_SIGNS = frozenset("aries taurus gemini leo virgo libra scorpio sagittarius capricorn aquarius pisces".split())
COLOURS = frozenset(
    """red blue green yellow orange purple pink black white grey gray brown silver gold golden beige turquoise teal violet indigo navy
    maroon crimson magenta cyan burgundy lilac lavender olive mint cream ivory amber scarlet bronze copper peach coral mustard khaki
    blonde blond ginger auburn hazel""".split()
)
DAYS = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays".split()
)
MONTHS = frozenset(
    """january february march april may june july august september october november december jan feb apr jun jul aug sep sept oct nov
        dec""".split()
)
COUNTRIES = frozenset(
    """germany spain france italy portugal netherlands holland belgium luxembourg switzerland austria poland czechia slovakia hungary
    romania bulgaria greece turkey cyprus malta ireland scotland wales england britain uk usa us america canada mexico brazil argentina
    chile peru colombia venezuela bolivia ecuador uruguay paraguay cuba jamaica haiti panama guatemala honduras nicaragua egypt
    morocco tunisia algeria libya sudan ethiopia kenya tanzania uganda rwanda nigeria ghana senegal cameroon angola namibia
    zimbabwe zambia botswana mozambique madagascar israel palestine lebanon syria jordan iraq iran kuwait qatar oman yemen
    afghanistan pakistan india bangladesh nepal bhutan china japan korea taiwan mongolia vietnam thailand laos cambodia myanmar
    malaysia singapore indonesia philippines australia sweden norway denmark finland iceland estonia latvia lithuania russia ukraine
    belarus moldova serbia croatia slovenia bosnia montenegro macedonia albania kosovo georgia armenia azerbaijan kazakhstan
    uzbekistan europe asia africa bavaria tuscany provence brittany california texas florida ohio oregon""".split()
)
EVENTS = frozenset(
    """meeting appointment exam test interview wedding party flight train bus trip deadline class lesson rehearsal surgery operation
    concert conference presentation call check-up checkup holiday vacation course workshop match game race marathon ceremony
    graduation reservation booking dinner lunch shift standup stand-up session visit tour show gig""".split()
)
IDENTIFIERS = frozenset(
    """password passcode passphrase code pin number username login key combination address email e-mail port id ip plate iban url
    handle extension serial licence license token postcode zip""".split()
)

_JOBS = frozenset(
    """nurse teacher doctor chef cook pilot lawyer attorney judge plumber baker welder gardener carpenter dentist librarian farmer surgeon
    architect journalist plumber clerk secretary receptionist waiter waitress barista bartender cashier midwife paramedic firefighter
    soldier vet veterinarian mechanic priest pastor nun monk poet author editor actor actress model coach referee student pupil intern
    apprentice trainee freelancer consultant analyst ceo cto cfo founder entrepreneur professor lecturer researcher scientist
    postdoc phd nanny au-pair mailman postman fisherman salesman salesperson policeman policewoman butcher tailor cop sailor
    astronaut translator interpreter dj vlogger youtuber influencer streamer spy detective diplomat politician mayor principal
    headmaster headteacher tutor therapist counsellor counselor sysadmin admin dev programmer coder data-scientist homemaker
    housewife househusband pensioner retiree bricklayer roofer locksmith stylist beautician barber hairdresser groomer realtor
    broker banker trader accountant auditor bookkeeper pa temp handyman courier driver conductor guard engineer developer designer
    manager director executive officer technician specialist assistant supervisor worker instructor trainer producer photographer
    painter sculptor illustrator animator carer caretaker cleaner janitor florist ecologist tiler joiner seamstress hostess
    stewardess steward flight-attendant attendant agent operator planner buyer minister curator musician singer dancer drummer violinist
    pianist cellist guitarist bassist flautist organist harpist saxophonist trumpeter vocalist composer novelist columnist""".split()
)
# Things that people give a name of one made-up word.
MACHINES = frozenset(
    """server database model cluster host hostname machine node container bucket repository repo branch project service queue topic
    router network ssid printer domain namespace""".split()
)
_JOB_ENDS = (
    "ologist",
    "ographer",
    "atrician",
    "ician",
    "ineer",
    "pathist",
    "osopher",
    "wright",
    "smith",
    "onomist",
    "macist",
    "ometrist",
    "lumber",
    "umentalist",
    "herapist",
)
FAMILY_ROLES = frozenset(
    "mother father parent grandmother grandfather grandparent widow widower bachelor stepmother stepfather stepdad stepmum".split()
)

_ROMAN = re.compile(r"\d")


def is_job(head: str) -> bool:
    """Return whether a noun in the singular names an occupation."""
    return head in _JOBS or head.endswith(_JOB_ENDS)


def has_digit(text: str) -> bool:
    """Return whether the text has a digit."""
    return _ROMAN.search(text) is not None
