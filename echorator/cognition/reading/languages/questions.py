"""Reads which topic a German, Spanish or French question asks about, worded as `table_reader` words facts."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.table import Table
from echorator.cognition.reading.languages.table_phrases import TablePhrases
from echorator.cognition.reading.values import Topic
from echorator.cognition.reading.words import Words

_LEADS = {
    "de": (
        r"(?:(?:weißt du(?: noch)?|kannst du mir (?:bitte )?sagen|sag(?:e)? mir(?: bitte)?|erinnerst du dich(?: daran)?|hallo|hi|"
        r"hey|bitte|und|also|nochmal|ich habe vergessen) ?,? ?)*"
    ),
    "es": r"(?:(?:sabes|recuerdas|me (?:puedes|podrías) decir|puedes decirme|dime|te acuerdas de|hola|oye|por favor|y) ?,? ?)*",
    "fr": (
        r"(?:(?:sais[- ]?tu|tu sais|peux[- ]?tu me (?:dire|rappeler)|dis[- ]moi|rappelle[- ]moi|te souviens[- ]tu de|"
        r"tu te souviens de|bonjour|salut|et|s' il te plaît) ?,? ?)*"
    ),
}
# (pattern over the words in lower case, attribute); "@" is where the subject stands: the speaker or one of his relations.
_SUBJECTS = {
    "de": r"(?P<me>ich|wir)|(?P<s>(?:mein|meine|unser|unsere|der|die|das) [\w-]+(?: [\w-]+){0,3}?)",
    "es": r"(?P<me>(?:yo )?)|(?P<s>(?:mi|mis|nuestro|nuestra|el|la) [\w-]+(?: [\w-]+){0,4}?)",
    "fr": r"(?P<me>je|j'|nous)|(?P<s>(?:mon|ma|mes|notre|le|la) [\w'-]+(?: [\w'-]+){0,4}?)",
}
_FRAMES: dict[str, tuple[tuple[str, str], ...]] = {
    "de": (
        (r"wo (?:wohne|wohnt|lebe|lebt|wohnen) @(?: jetzt| gerade)?", "home city"),
        (r"wo @ (?:wohne|wohnt|lebe|lebt)", "home city"),
        (r"in (?:welcher stadt|welchem ort) (?:wohne|wohnt|lebe|lebt) @", "home city"),
        (r"wie (?:heiße|heißt|heißen|ist der name von) @", "name"),
        (r"wie @ (?:heiße|heißt)", "name"),
        (r"(?:wer bin ich|wie ist mein name)", "name"),
        (r"wie alt (?:bin|ist) @", "age"),
        (r"(?:was|als was) (?:arbeite|arbeitet|mache|macht) @(?: beruflich| von beruf| als beruf)?", "job"),
        (r"was (?:bin|ist) @ von beruf", "job"),
        (r"(?:bei wem|für wen|wo|bei welcher firma) (?:arbeite|arbeitet) @", "employer"),
        (r"(?:wogegen|gegen was|worauf) (?:bin|ist) @ allergisch", "allergy"),
        (r"(?:habe|hat) @ (?:eine |irgendwelche )?allergien?", "allergy"),
        (r"(?:bin|ist) @ (?:gegen .+ )?allergisch(?: gegen .+)?", "allergy"),
        (r"(?:welche|was für) sprachen? (?:spreche|spricht) @", "language"),
        (r"(?:spreche|spricht) @ \w+", "language"),
        (r"(?:welches|was für ein) instrument (?:spiele|spielt) @", "instrument"),
        (r"was (?:mag|liebe|liebt) @(?: gern| gerne| am liebsten)?", "likes"),
        (r"was (?:mag|hasse|hasst) @ (?:nicht|gar nicht|überhaupt nicht)", "dislikes"),
        (r"was (?:hasse|hasst) @", "dislikes"),
        (r"(?:habe|hat) @ (?:ein |irgendwelche )?haustiere?|welche haustiere (?:habe|hat) @", "pet"),
        (r"(?:habe|hat) @ kinder|wie viele kinder (?:habe|hat) @", "child"),
        (r"(?:habe|hat) @ geschwister|wie viele geschwister (?:habe|hat) @", "sibling"),
        (r"(?:bin|ist) @ (?:verheiratet|ledig|single|geschieden)", "marital status"),
        (r"(?:bin|ist) @ (?:vegan|vegetarier|vegetarierin|veganer|vegetarisch)|wie ernähre ich mich", "diet"),
        (r"woher (?:komme|kommt|stamme) @", "origin"),
        (r"wo (?:bin|ist|wurde) @ geboren", "birthplace"),
        (r"wann (?:bin|ist|wurde) @ geboren|wann (?:habe|hat) @ geburtstag", "birthday"),
        (r"(?:was|welches auto|was für ein auto) (?:fahre|fährt|habe|hat) @(?: für ein auto)?", "car"),
        (r"welche farbe hat @", "colour"),
        (r"wie (?:groß) (?:bin|ist) @", "height"),
        (r"was (?:studiere|studiert) @", "field of study"),
        (r"was (?:lerne|lernt) @(?: gerade)?", "learning"),
        (r"was (?:sind|ist) @", ""),
        (r"(?:wie|was) (?:ist|lautet|sind|war) @(?: noch| nochmal)?", ""),
        (r"(?:wann) ist @", ""),
        (r"(?:wer|welche|welcher) ist @", ""),
        (r"wie (?:soll|kann) (?:ich dich|du mich) nennen", "nickname"),
        (r"@", ""),
    ),
    "es": (
        (r"(?:en qué ciudad|dónde) (?:vivo|vive|vivimos) ?@", "home city"),
        (r"cómo (?:me llamo|se llama|se llaman) ?@", "name"),
        (r"quién soy(?: yo)?", "name"),
        (r"cuántos años (?:tengo|tiene) ?@|qué edad (?:tengo|tiene) ?@", "age"),
        (r"(?:en qué|de qué) (?:trabajo|trabaja) ?@|a qué (?:me dedico|se dedica) ?@", "job"),
        (r"(?:dónde|para quién|en qué empresa) (?:trabajo|trabaja) ?@", "employer"),
        (r"a qué (?:soy|es) (?:alérgic[oa]) ?@|(?:tengo|tiene) (?:alguna )?alergias? ?@|(?:soy|es) alérgic[oa] (?:a .+)?@", "allergy"),
        (r"qué (?:idiomas|lenguas) (?:hablo|habla) ?@", "language"),
        (r"qué instrumento (?:toco|toca) ?@", "instrument"),
        (r"qué (?:cosas )?(?:me gusta|me gustan|le gusta)", "likes"),
        (r"qué (?:cosas )?no (?:me gusta|me gustan|le gusta)|qué (?:odio|detesto)", "dislikes"),
        (r"(?:tengo|tenemos) (?:alguna )?mascotas?|qué mascotas (?:tengo|tenemos)", "pet"),
        (r"(?:tengo|tenemos) hijos|cuántos hijos (?:tengo|tenemos)", "child"),
        (r"(?:tengo) hermanos|cuántos hermanos tengo", "sibling"),
        (r"estoy (?:casad[oa]|solter[oa]|divorciad[oa])", "marital status"),
        (r"soy (?:vegan[oa]|vegetarian[oa])|cuál es mi dieta", "diet"),
        (r"de dónde (?:soy|es|vengo) ?@", "origin"),
        (r"dónde (?:nací|nació) ?@", "birthplace"),
        (r"cuándo (?:nací|nació|es mi cumpleaños|cumplo años) ?@", "birthday"),
        (r"qué (?:coche|carro|auto) (?:tengo|conduzco|manejo)", "car"),
        (r"de qué color es @", "colour"),
        (r"cuánto mido", "height"),
        (r"qué (?:estudio|estudia) ?@", "field of study"),
        (r"(?:cuál|cuáles|qué|quién|cuándo) (?:es|son|era) @", ""),
        (r"cómo (?:debo|puedo|deberías) (?:llamarte|llamarme)", "nickname"),
        (r"@", ""),
    ),
    "fr": (
        (r"où (?:est-ce que )?(?:@ )?(?:habite|habites|vit|vis|j' habite)(?:-(?:je|t-il|t-elle))?(?: @)?", "home city"),
        (r"dans quelle ville (?:est-ce que )?(?:j' habite|je vis|habite-t-il|habite @)", "home city"),
        (r"comment (?:m' appellé-je|je m' appelle|est-ce que je m' appelle)|qui suis-je|qui je suis", "name"),
        (r"comment s' appell(?:e|ent) @|comment @ s' appelle", "name"),
        (r"quel âge (?:ai-je|est-ce que j' ai|j' ai)|quel âge a @|quel âge @ a-t-(?:il|elle)", "age"),
        (
            r"(?:que|qu' est-ce que) (?:je )?fais(?:-je)? (?:dans la vie|comme (?:travail|métier))|quel est mon métier|"
            r"que fait @(?: dans la vie)?",
            "job",
        ),
        (r"(?:où|pour qui|chez qui|dans quelle entreprise) (?:est-ce que )?(?:je )?travaille(?:-je|-t-il|-t-elle)?(?: @)?", "employer"),
        (
            r"(?:à quoi) (?:suis-je|est-ce que je suis|je suis) allergique|ai-je des allergies|est-ce que j' ai des allergies|"
            r"suis-je allergique .*|est-ce que je suis allergique .*",
            "allergy",
        ),
        (r"quelles? langues? (?:est-ce que )?(?:je )?parle(?:-je)?(?: @)?", "language"),
        (r"de quel instrument (?:est-ce que )?(?:je )?joue(?:-je)?", "instrument"),
        (r"(?:qu' est-ce que|que) j' aime(?: faire| manger)?|qu' aimé-je", "likes"),
        (r"(?:qu' est-ce que|que) je (?:n' aime pas|déteste)|qu' est-ce que je n' aime pas", "dislikes"),
        (r"(?:ai-je|est-ce que j' ai|j' ai) (?:un animal|des animaux|un animal de compagnie)|quels animaux (?:ai-je|j' ai)", "pet"),
        (r"(?:ai-je|est-ce que j' ai|j' ai) des enfants|combien d' enfants (?:ai-je|est-ce que j' ai|j' ai)", "child"),
        (r"(?:ai-je|est-ce que j' ai|j' ai) des frères (?:et|ou) sœurs", "sibling"),
        (r"(?:suis-je|est-ce que je suis|je suis) (?:mariée?|célibataire|divorcée?)", "marital status"),
        (r"(?:suis-je|est-ce que je suis|je suis) (?:végane?|vegan|végétarien(?:ne)?)|quel est mon régime", "diet"),
        (r"d' où (?:viens-je|est-ce que je viens|je viens|vient @)", "origin"),
        (r"où (?:suis-je|est-ce que je suis|je suis) née?", "birthplace"),
        (r"quand (?:suis-je|est-ce que je suis|je suis) née?", "birthday"),
        (r"quelle voiture (?:ai-je|est-ce que j' ai|je conduis|est-ce que je conduis|j' ai)", "car"),
        (r"de quelle couleur est @", "colour"),
        (r"(?:qu' est-ce que j' |qu' )étudie(?:-je)?", "field of study"),
        (r"(?:quel|quelle|quels|quelles|qui|quand|c' est quoi|qu' est-ce que) (?:est|sont|c' est|était)? ?@", ""),
        (r"comment (?:dois-je|puis-je|dois-tu|faut-il) (?:t' appeler|m' appeler)", "nickname"),
        (r"@", ""),
    ),
}


def _compiled(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    found = []
    for pattern, attribute in _FRAMES[language]:
        first, *more = pattern.split("@")
        # A group has one name in each alternative, so the subjects are numbered.
        subjects = [re.sub(r"[?]P<([a-z]+)>", rf"?P<\g<1>{n}>", _SUBJECTS[language]) for n in range(len(more))]
        text = first + "".join(f"(?:{subject}){part}" for subject, part in zip(subjects, more, strict=True))
        found.append((re.compile(_LEADS[language] + rf"(?:{text}) ?"), attribute))
    return tuple(found)


_PATTERNS = {language: _compiled(language) for language in _FRAMES}


def topic_of(words: Words, table: Table, language: str, me: str) -> Topic | None:
    """Return the subject and attribute that a question asks for, or None where it asks for no single fact."""
    text = " ".join(word for word in words.low if word not in ("", "?", "\u00bf", ".", "!", "\u00a1", ","))
    for pattern, attribute in _PATTERNS[language]:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        groups = found.groupdict()
        about = next((group for name, group in groups.items() if name.startswith("s") and group), "")
        if not about:
            if attribute:
                return me, attribute
            continue
        begin = text.index(about)
        i = len(text[:begin].split())
        places = [k for k, word in enumerate(words.low) if word not in ("", "?", "\u00bf", ".", "!", "\u00a1", ",")]
        span = places[i : i + len(about.split())]
        thing = TablePhrases(table, words, me, ()).thing(span[0], span[-1] + 1)
        if thing is None:
            continue
        if thing.attribute:
            return thing.owner, thing.attribute if not attribute or attribute == "name" else attribute
        if attribute and thing.noun:
            return thing.subject, attribute
        if thing.noun == "car":
            return thing.owner, "car"
        if thing.noun and (not text.startswith(about)):
            return thing.subject, "name"
    return None
