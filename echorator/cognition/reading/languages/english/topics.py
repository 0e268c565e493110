"""What nouns are attributes of whom: "my phone number", "Mira's favourite food", "the wifi password". For statements and questions."""

from __future__ import annotations

from echorator.cognition.reading.languages.english.lexicon import nouns
from echorator.cognition.reading.languages.english.things import Slot, Thing
from echorator.cognition.reading.values import FactType

_ATTRIBUTES = {
    "name": "name",
    "full name": "full name",
    "first name": "first name",
    "last name": "last name",
    "surname": "last name",
    "family name": "last name",
    "middle name": "middle name",
    "maiden name": "maiden name",
    "real name": "name",
    "good name": "name",
    "proper name": "name",
    "actual name": "name",
    "legal name": "name",
    "official name": "name",
    "preferred name": "name",
    "given name": "first name",
    "christian name": "first name",
    "second name": "last name",
    "nickname": "nickname",
    "nick name": "nickname",
    "nick": "nickname",
    "phone number": "phone number",
    "telephone number": "phone number",
    "mobile number": "phone number",
    "cell number": "phone number",
    "cell phone number": "phone number",
    "mobile phone number": "phone number",
    "number": "phone number",
    "address": "address",
    "home address": "address",
    "postal address": "address",
    "email": "email",
    "e-mail": "email",
    "email address": "email",
    "e-mail address": "email",
    "mail address": "email",
    "birthday": "birthday",
    "bday": "birthday",
    "b-day": "birthday",
    "birth date": "birthday",
    "birthdate": "birthday",
    "date of birth": "birthday",
    "age": "age",
    "job": "job",
    "occupation": "job",
    "profession": "job",
    "job title": "job",
    "day job": "job",
    "current job": "job",
    "employer": "employer",
    "home city": "home city",
    "home town": "home town",
    "hometown": "home town",
    "city": "home city",
    "nationality": "nationality",
    "religion": "religion",
    "diet": "diet",
    "height": "height",
    "weight": "weight",
    "shoe size": "shoe size",
    "dress size": "dress size",
    "ring size": "ring size",
    "shirt size": "shirt size",
    "clothing size": "clothing size",
    "blood type": "blood type",
    "blood group": "blood type",
    "star sign": "star sign",
    "zodiac sign": "star sign",
    "marital status": "marital status",
    "relationship status": "marital status",
    "eye colour": "eye colour",
    "hair colour": "hair colour",
    "native language": "native language",
    "mother tongue": "native language",
    "first language": "native language",
    "major": "field of study",
    "field of study": "field of study",
    "pronoun": "pronouns",
    "pronouns": "pronouns",
    "time zone": "time zone",
    "timezone": "time zone",
    "salary": "salary",
    "rent": "rent",
    "lucky number": "lucky number",
    "wedding anniversary": "wedding anniversary",
    "anniversary": "anniversary",
    "wedding date": "wedding date",
    "breed": "breed",
    "licence plate": "licence plate",
    "license plate": "licence plate",
    "number plate": "licence plate",
    "gender": "gender",
    "location": "home city",
    "place of birth": "birthplace",
    "birthplace": "birthplace",
    "country": "home country",
    "home country": "home country",
    "neighbourhood": "neighbourhood",
    "university": "university",
    "school": "school",
    "title": "title",
    "budget": "budget",
    "deadline": "deadline",
    "dream job": "dream job",
    "insurance number": "insurance number",
    "size": "size",
}
_MANY = {
    "hobby": "hobby",
    "pastime": "hobby",
    "interest": "interest",
    "allergy": "allergy",
    "food allergy": "allergy",
    "language": "language",
    "instrument": "instrument",
    "like": "likes",
    "dislike": "dislikes",
    "fear": "fear",
    "goal": "goal",
    "dream": "goal",
    "medical condition": "medical condition",
    "passion": "likes",
    "skill": "skill",
    "strength": "strength",
    "weakness": "weakness",
    "intolerance": "intolerance",
    "food intolerance": "intolerance",
    "nationality": "nationality",
    "sport": "hobby",
    "guilty pleasure": "likes",
    "pet peeve": "dislikes",
    "medication": "medication",
}
_WEAK_TAILS = frozenset("day room date size number handle plate".split())  # identify something only with a word before them
_OF_CARS = frozenset("license plate|licence plate|number plate|registration number".split("|"))
_IDENTIFIER_TAILS = frozenset(
    """password passcode passphrase code pin number username login combination port handle plate iban url id licence license token postcode
    zip size address email key deadline date day room instagram twitter telegram skype discord github linkedin tiktok snapchat""".split()
)


def slot_of(thing: Thing, me: str) -> Slot | None:
    """Return the attribute that a thing is of its owner, or None where it is a person, an animal or a thing of its own.

    "the wifi password" is one of the speaker, like "my wifi password"; "the code of the garage" is one of the garage.
    """
    noun = thing.noun
    owner = thing.owner or (me if thing.article in ("the", "our", "") and _identifies(noun) else "")
    if not noun or not owner or thing.unknown:
        return None
    if thing.post and _identifies(noun) and thing.post.split()[0] in ("on", "for", "at") and thing.post.split()[-1][:1].isupper():
        noun = f"{thing.post.split(' ', 1)[1].lower()} {noun}"
    if thing.owner and thing.owner.startswith(f"{me}'s ") and noun.rsplit(" ", 1)[-1] in _IDENTIFIER_TAILS and _impersonal(thing.owner):
        owner = me
        if noun not in _OF_CARS:
            noun = f"{thing.owner[len(me) + 3 :]} {noun}"
        if noun in _ATTRIBUTES:
            return Slot(owner, _ATTRIBUTES[noun], FactType.SINGLE)
        return Slot(owner, noun, FactType.SINGLE)
    if noun == "number" and not _person(owner, me):
        return Slot(owner, noun, FactType.SINGLE)
    if noun.startswith("current "):
        noun = noun[8:]
    if thing.group and noun in _MANY:
        return Slot(owner, _MANY[noun], FactType.MANY)
    if noun in _ATTRIBUTES:
        return Slot(owner, _ATTRIBUTES[noun], FactType.SINGLE)
    if noun in _MANY:
        return Slot(owner, _MANY[noun], FactType.MANY)
    words = noun.split()
    if words[0] == "go-to" and len(words) > 1:
        return Slot(owner, " ".join(["favourite", *words[1:]]), FactType.SINGLE)
    if words[0] in ("favourite", "favorite"):
        return Slot(owner, _favourite(words), FactType.MANY if thing.group else FactType.SINGLE)
    if words[0] in ("least", "preferred", "ideal", "dream", "second") and len(words) > 1:
        return Slot(owner, noun, FactType.SINGLE)
    if _identifies(noun):
        return Slot(owner, noun, FactType.SINGLE)
    return None


def _favourite(words: list[str]) -> str:
    if words[-1] == "one" or words == ["favourite"]:
        return ""
    return " ".join(["favourite", *words[1:]])


def _identifies(noun: str) -> bool:
    """Return whether a noun names a number, a code or an address, which is text that only its owner can know."""
    tail = noun.rsplit(" ", 1)[-1]
    return tail in _IDENTIFIER_TAILS and (" " in noun or tail not in _WEAK_TAILS)


def _person(owner: str, me: str) -> bool:
    return owner == me or owner.rsplit(" ", 1)[-1] in nouns.KIN or "'s " not in owner


def _impersonal(owner: str) -> bool:
    head = owner.rsplit(" ", 1)[-1]
    return head not in nouns.KIN and head not in nouns.PETS
