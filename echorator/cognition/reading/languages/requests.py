"""Reads requests to remember and to forget in German, Spanish, French, Chinese and Japanese; `english.requests` has the English ones."""

from __future__ import annotations

from echorator.cognition.reading.languages.request_wordings import DE, MISLEADING, WORDINGS, Wording, compiled
from echorator.cognition.reading.requests import Request, forget, remember


def request_of_language(sentence: str, language: str) -> Request | None:
    """Return the request of a sentence in German ("de"), Spanish ("es") or French ("fr"), or None."""
    wording = WORDINGS[language]
    text = sentence.strip().strip('"\u00ab\u00bb').strip().replace("\u2019", "'")
    if not MISLEADING[language].match(text):
        lead = wording.leads.match(text)
        rest = text[lead.end() :] if lead is not None else text
        found = _forgets(wording, rest) or _remembers(wording, rest, text)
        if found is not None:
            return found
        if language == "de" and (found := _german_verb_last(text)) is not None:
            return found
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


def _forgets(wording: Wording, rest: str) -> Request | None:
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
    if what != whole or wording.own.match(what) or wording.last.fullmatch(what):
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
