"""Reads requests to remember and to forget in German, Spanish, French, Chinese and Japanese; `english.requests` has the English ones."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.erasing import folded_in_place, forgets_in, telling
from echorator.cognition.reading.languages.erasing_words import ERASING, Erasing
from echorator.cognition.reading.languages.keeping import remembers_in
from echorator.cognition.reading.languages.request_wordings import DE, MISLEADING, WORDINGS, Wording, compiled
from echorator.cognition.reading.requests import Request, forget, remember

_PARTS = re.compile(r"[:;!?.](?=\s)|,(?=\s)|\s[-\u2013\u2014]\s")
# "My address, forget it.": what is meant stands first, a pronoun behind the verb.
_TURNED = {
    "de": compiled(
        r"(?P<what>(?:meine?[nmrs]?|unsere?[nmrs]?|was|das|die sache|"
        r"alles)\b.+?)\s*[,:?!.\u2013-]+\s*(?:bitte )?(?:(?:vergiss|lösche?|streiche?|entferne?) "
        r"(?:es|sie|ihn|das|dies)|(?:bitte )?(?:vergessen|löschen|streichen|entfernen))(?: bitte| wieder| einfach)*[.!?]*"
    ),
    "es": compiled(
        r"(?P<what>(?:mis?|nuestr[oa]s?|lo|el|la|todo|eso|dónde|donde|cuánto|cuanto|quién)\b.+?)\s*[,:?!.\u2013-]+\s*¡?(?:por"
        r" favor,? )?(?:olvída|bórra|"
        r"elimína|quíta|descárta)(?:lo|la|los|las)(?: por favor)?[.!?]*"
    ),
    "fr": compiled(
        r"(?P<what>(?:mon|ma|mes|notre|nos|ce que|ce qu'|le|la|tout|où|combien|qui est"
        r"|quand)\b.+?)\s*[,:?!.\u2013-]+\s*(?:s'il te plaît,? )?(?:oublie|"
        r"efface|supprime|retire|enlève)[- ](?:le|la|les|ça|cela)"
        r"(?:,? s'il te plaît)?[.!?]*"
    ),
}
# A mere "delete it".
_ALONE = {
    "de": compiled(
        r"(?:bitte )?(?:lösche?|streiche?|entferne?) (?:das|es|dies)(?: bitte| wieder| sofort)*[.!]*|(?:das|"
        r"es) kannst du (?:wieder |ruhig |jetzt )*(?:vergessen|löschen)[.!]*"
    ),
    "es": compiled(r"(?:por favor,? )?(?:bórra|elimína|olvída)(?:lo|la|los|las)(?: (?P<all>todo))?(?:,? por favor)?[.!]*"),
    "fr": compiled(r"(?:s'il te plaît,? )?(?:efface|supprime)[- ](?:le|la|les|ça)(?:,? s'il te plaît)?[.!]*"),
}
_INFINITIVE = compiled(
    r"(?:bitte )?(?P<what>(?:alles|meine?[nmrs]?|unsere?[nmrs]?|was ich|das, was ich|alle meine)\b.*?),?(?: bitte| wieder|"
    r" sofort| kannst du| darfst du| sollst du| ruhig| jetzt| einfach)* "
    r"(?:löschen|vergessen|entfernen|streichen|verwerfen)(?:,? bitte)?[.!?]*|"
    r"ich (?:will|möchte) nicht(?: mehr)?,? dass du(?: dir)? (?P<w2>.+?)(?: noch| weiter| länger)? (?:merkst|weißt|behältst|"
    r"speicherst|kennst|hast)[.!]*|"
    r"du (?:brauchst|musst)(?: dir)? (?P<w3>.+?) (?:nicht mehr|nicht länger|nicht)(?: zu)? (?:merken|wissen|behalten|speichern)[.!]*|"
    r"(?:bitte )?tu(?:e)?(?: bitte)? so,? als (?:hätte ich dir|ob ich dir) (?:nie|nichts|niemals)(?: etwas)? (?:von|"
    r"über) (?P<w4>.+?) (?:erzählt|gesagt|erwähnt)(?: hätte)?[.!]*|"
    r"(?:bitte )?leere? (?P<w5>dein gedächtnis)[.!]*"
)
_WEAK = compiled(r"(?:nimm|leg|schreib|halt|trag|pack|setz|heb)e?\b")
_MARKED = compiled(r":|\b(?:dass|daß|auf|ab|ein|fest|gedächtnis|notizen|notiz|speicher|zur kenntnis|raus|heraus)\b")
# "Meine Oma hat meinen Geburtstag vergessen." tells.
_TOLD = compiled(r"(?:meine?[nmrs]?|unsere?[nmrs]?) \w+ (?:hat|haben|hatten?|ist|sind|wird|werden|will|wollte|kann|konnte|muss|musste)\b")


def request_of_language(sentence: str, language: str) -> Request | None:
    """Return the request of a sentence in German ("de"), Spanish ("es") or French ("fr"), or None."""
    found, by_parts = _in_common_words(sentence, language), forgets_in(sentence, language)
    if found is not None and by_parts is None and ERASING[language].denial.search(folded_in_place(sentence)):
        found = None if found.kind == "forget" else found
    if found is None or by_parts is None or found.kind == "remember":
        return by_parts or found or remembers_in(sentence, language)
    return by_parts if 0 < len(telling(by_parts.what)) < len(telling(found.what)) else found


def _in_common_words(sentence: str, language: str) -> Request | None:
    wording = WORDINGS[language]
    text = sentence.strip().strip('"«»').strip().replace("\u2019", "'")
    alone = _ALONE[language].fullmatch(text)
    if alone is not None:
        return forget(everything=bool(alone.groupdict().get("all")))
    turned = _TURNED[language].fullmatch(text)
    if turned is not None and not MISLEADING[language].match(text):
        return _meant(wording, turned["what"])
    if language == "de" and not _TOLD.match(text) and (found := _INFINITIVE.fullmatch(text)) is not None:
        what = next(group for group in found.groups() if group)
        return forget(everything=True) if found["w5"] else _meant(wording, what)
    begins = [0, *(mark.end() for mark in _PARTS.finditer(text))]
    for begin in begins:
        part = text[begin:].lstrip()
        if MISLEADING[language].match(part):
            continue
        lead = wording.leads.match(part)
        rest = part[lead.end() :] if lead is not None else part
        found_ = _forgets(wording, ERASING[language], rest) or _remembers(wording, rest, text)
        if found_ is None and language == "de":
            found_ = _german_verb_last(part)
        if found_ is not None and language == "de" and _WEAK.match(rest) and not _MARKED.search(rest):
            continue  # "Nimm zwei Eier."
        if found_ is not None and (found_.what or found_.everything or begin == 0):
            return found_
    behind = wording.remember_behind.fullmatch(text)
    if behind is not None and len(behind["what"].split()) > 1:
        return remember(behind["what"])
    return None


_VERB_LAST = compiled(
    r"(?:(?:bitte|hallo|hey|und|also)[, ]+)*(?:(?:kannst|könntest|würdest|magst) du|ich (?:möchte|will),? dass du|"
    r"du (?:sollst|solltest|kannst|darfst)|es ist wichtig,? dass du|bitte)(?: (?:bitte|dir|mal|auch|doch|ruhig|jetzt|gerne|"
    r"alles|das|es))*\s+"
    r"(?P<object>.*?)(?:,? ?(?P<bitte>bitte) ?)?\b(?P<verb>merken|merkst|notieren|notierst|speichern|speicherst|aufschreiben|"
    r"behalten|vergessen|vergisst|löschen|löschst|entfernen)(?:[,:]? (?:dass )?(?P<clause>\S.*?))?[.!?\s]*$"
)


def _german_verb_last(text: str) -> Request | None:
    """Read "Kannst du meine Nummer vergessen?", "Kannst du dir merken, dass ich vegan bin?"."""
    found = _VERB_LAST.fullmatch(text)
    if found is None:
        return None
    what = (found["object"] or "").strip(" ,")
    if re.search(r"\s(?:das|dem|beim|vom|zum)$", what) and found["verb"][0].isupper():
        return None  # "a poem on forgetting": a noun
    verb = found["verb"].lower()
    if verb in ("vergessen", "vergisst", "löschen", "löschst", "entfernen"):
        if what.lower().endswith(("nicht", "nie", "niemals")):
            return remember(found["clause"]) if found["clause"] else None
        if verb in ("löschen", "löschst", "entfernen") and not DE.own.match(what):
            return None
        return _meant(DE, what or found["clause"] or "das")
    clause = found["clause"]
    if clause and DE.no_content.match(clause):
        return None
    if not clause and what.lower() in ("", "das", "es", "dies", "dir das", "das bitte"):
        return remember("")
    return remember(clause or what)


def _remembers(wording: Wording, rest: str, text: str) -> Request | None:
    found = wording.remember.match(rest)
    if found is None or not rest[: found.start("what")].strip(" ,:-"):
        return None
    what = wording.tail.sub("", found["what"].rstrip(" .!")).strip()
    if wording.no_content.match(what) or not what:
        return None
    if wording.last.fullmatch(what.rstrip("?")):
        return remember("")
    if text.rstrip().endswith("?") and len(what.split()) < 3:
        return None
    return remember(what)


def _forgets(wording: Wording, erasing: Erasing, rest: str) -> Request | None:
    found = wording.forget.match(rest)
    if found is not None:
        what = wording.tail.sub("", found["what"].strip(" .!?")).strip(" ,.!?")
        if not what:
            return forget() if rest.lower().endswith(("lo", "lo.")) else None
        if wording.idle.fullmatch(what):
            return None
        return _meant(wording, what)
    found = wording.delete.match(rest)
    if found is None:
        return None
    whole = (found["what"] or "").strip(" .!?")
    what = wording.tail.sub("", whole).strip(" ,.!?")
    folded = folded_in_place(rest)
    if erasing.elsewhere.search(folded) and not erasing.memory.search(folded):
        return None
    if erasing.memory.search(folded) or wording.own.match(what) or wording.last.fullmatch(what):
        return _meant(wording, what)
    return None


_THAT = compiled(r"(?:dass|daß|que|qu'|wo|wer|wie|wann|où|dónde|cómo|el hecho de que|le fait que|die tatsache, dass) ?(?P<what>\S.*)$")
_FOR = compiled(r"^(?:an|über|de |d'|sobre) ?")


def _meant(wording: Wording, what: str) -> Request | None:
    """Return the request to forget what the words mean."""
    if wording.everything.fullmatch(what):
        return forget(everything=True)
    if wording.last.fullmatch(what):
        return forget()
    topic = wording.topic.fullmatch(what)
    if topic is not None:
        return forget(topic["what"] or topic["w2"] or topic["w3"])
    told = _THAT.fullmatch(what)
    if told is not None:
        return forget(told["what"])
    return forget(_FOR.sub("", what) or what)


# Chinese and Japanese, which write no blanks
