"""Reads requests to remember in German, Spanish and French in the forms of many verbs; `requests` reads the commonest wordings first.

The request stands at the beginning of a clause; what is to be kept stands behind it, or before it where the request only points there.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from echorator.cognition.reading.languages.erasing import folded_in_place
from echorator.cognition.reading.languages.erasing_words import ERASING, compiled
from echorator.cognition.reading.requests import Request, remember


@dataclass(frozen=True)
class Keeping:
    """The patterns of one language; each is matched to folded text."""

    request: re.Pattern[str]  # what asks: its frame, its verb, and what only goes with them
    that: re.Pattern[str]  # what stands between the request and the content
    behind: re.Pattern[str]  # politeness behind a request that points at what was told before it
    task: re.Pattern[str]  # what is no content: something to do, a question, a memory of old times


_DE_VERB = (
    r"(?:merk|notier|speicher|behalt|hinterleg|vermerk|verinnerlich|protokollier|archivier|registrier|erinner|denk|beacht|berucksichtig|"
    r"schreib|halt|leg|nimm|prag|trag|pack|setz|sicher|heb|wiss|bedenk)"
)
_ES_VERB = r"(?:recuerd|recorda|anot|apunt|guard|memori[zc]|registr|grab|almacen|conserv|acuerd|reten|agreg|anad|inclu|acord|mantien)"
_FR_VERB = (
    r"(?:retien|reten|not|memoris|enregistr|gard|souvien|souven|rappel|ecri|inscri|consign|sach|sauvegard|conserv|stock|ajout"
    r"|grav|mentionn|marqu|integr)"
)
_KEEPING = {
    "de": Keeping(
        request=compiled(
            rf"""(?:(?:kannst|konntest|wurdest|magst|willst|mochtest) du |(?:konnen|konnten|wurden|mochten) sie |du (?:sollst|solltest
|musst|kannst|darfst) |
(?:ich|mir|es) (?:mochte|will|wollte|wurde|hatte|bitte|ware|fande|ist|brauche)\b[^,.:;]{{0,40}},? (?:dass|wenn) (?:du|sie) |(?:ware
|wars)[^,.:;]{{0,30}},? wenn (?:du|sie) |(?:bitte|gerne) )*
(?:dir |sich |mir |bitte |mal |auch |das |es |folgendes |gut |doch |kurz |fur mich |unbedingt |schon |noch )*
(?:{_DE_VERB}(?:e|en|t|st|est|et)?(?:'s)?|auf dem schirm|festhalten|festgehalten|zur (?:notiz|info|erinnerung)|zu(?:m|r) (?:merken
|vormerken)|nimm zur kenntnis|vorgemerkt|
(?:nicht|niemals|nie|bloß nicht|ja nicht|auf keinen fall) vergessen|vergiss\w*(?: (?:bitte|mir|ja|bloß|auf keinen fall|nur|auch|das
|es))* (?:nicht|nie|niemals))\b
(?: (?:dir|sich|mir|sie|du|es|das|dies|folgendes|bitte|mal|auch|gut|doch|unbedingt|fest|dran|daran|auf|ab|ein|vor|fur (?:spater|immer
|mich|die zukunft|das nachste mal|nachstes mal|kunftig)|im (?:kopf|hinterkopf|
gedachtnis)|in (?:deine[mnr]?|ihre[mnr]?|dem|den) (?:\w+ )?(?:gedachtnis|notizen|speicher|kopf|profil|unterlagen|daten|akte|liste)
|zu deinen \w+|hinzu|bei|ins gedachtnis|nachstes mal|kunftig|in zukunft|stets|immer|schon|kurz|also|jetzt))*"""
        ),
        that=compiled(r"\s*(?:[,:\u2013-]+\s*)?(?:(?:dass|daß)\b|folgendes\W|das\W|dies\W)?\s*[:,]?\s*"),
        behind=compiled(r"[\s,]*(?:bitte|danke|ja|ok|okay|gut|merci|fur (?:spater|die zukunft)|und)*[\s.!?,]*"),
        task=compiled(
            r"(?:wie|wann|wo|wer|warum|als|ob|wenn|zu\b|an (?!meine)|.*\bzu \w+en[.!?]?$|.*\w+zu\w{2,}en[.!?]?$|noch\b|den"
            r" (?:weg|satz)|mich\b|dich\b|uns\b)"
        ),
    ),
    "es": Keeping(
        request=compiled(
            rf"""(?:(?:me |te |le )?(?:puedes|podrias|podes|puede|podria|pueden|quieres|querrias|debes|deberias|debe|tienes que|hay que
|necesito que|quiero que|quisiera que|gustaria que|agradeceria que|agradezco que|pido que|
ruego que|haria falta que|hace falta que|importa(?:ria)?|conviene que|es (?:importante|necesario|fundamental|vital|bueno) que
|prefiero que|vendria bien que|seria (?:bueno|genial|ideal) que|encantaria que|haz(?:me)? el favor de|que) |usted |tu |por favor |porfa |
ya |bien |siempre )*(?:te |se |me |lo |la )?
(?:{_ES_VERB}(?:a|e|as|es|ar|er|ir|aras|ases|ieras|an|en|ye|yas|uyas|uir|me|o)?(?:me|te|se)?(?:lo|la|los|las)?|record(?:ar|aras|ases|es
|a)(?:me|te|lo|la)?|
(?:ten|tener|tengas|tenga|toma|tome|tomes|tomar|deja|deje|dejes|dejar|mete|meta|metas|pon|ponga|pongas|lleva)(?:lo|la)? (?:en (?:cuenta
|mente|la cabeza)|presente|(?:buena )?nota|constancia|anotado|apuntado|guardado|escrito|registrado|dicho|claro)|
que (?:sepas|conste|no se te (?:olvide|pase))|para que (?:lo )?sepas|sabe|has de saber|(?:no|nunca|jamas) (?:te |se te |lo |se |me
 |la )?olvid(?:es?|ar|en|ara|aras|ase|ases)(?:te|se)?(?:lo|la|los|las)?|(?:a|para) (?:recordar|tener en cuenta|no olvidar)|
(?:mete|meta|pon|ponga|anade|agrega|incluye|incluya|escribe|escriba)(?:lo)?(?= en (?:tu|tus|su|sus)))\b
(?: (?:usted|por favor|porfa|bien|siempre|esto|eso|lo siguiente|este dato|para (?:siempre|mi|luego|despues|el futuro
|la proxima(?: vez)?|mas tarde)|en (?:tu|la|tus|su|sus) (?:memoria|notas|registros?|lista|cabeza|perfil)|a (?:tu|tus|su|sus)
 (?:memoria|notas|lista)|de|el hecho de|tambien|ya|ahora|muy|en adelante|aqui|ahi|una nota|como nota|dato))*"""
        ),
        that=compiled(r"\s*(?:[,:\u2013-]+\s*)?(?:de )?(?:que\b|lo siguiente\W|esto\W|eso\W)?\s*[:,]?\s*"),
        behind=compiled(
            r"[\s,]*(?:por favor|porfa|gracias|vale|si|bien|dale|ok|para (?:luego|despues|siempre|el futuro|la proxima))*[\s.!?,]*"
        ),
        task=compiled(
            r"(?:cuando|como|donde|quien|por que|si\b|aquel|aquella|el dia|la vez|\w+(?:ar|er|ir)(?:me|te|lo|la|se|le)?\b|un"
            r" (?:poema|texto|cuento|resumen|correo|mensaje)|una (?:carta|cita|historia)|me\b|a (?!mi)|cancion)"
        ),
    ),
    "fr": Keeping(
        request=compiled(
            rf"""(?:(?:peux|pourrais|veux|voudrais)[- ]tu |(?:pouvez|pourriez|voulez|voudriez)[- ]vous |tu (?:peux|pourrais|dois
|devrais) |vous (?:pouvez|pourriez|devez) |est-ce que (?:tu|vous) (?:peux|pourrais|pouvez|pourriez) |
(?:je veux|je voudrais|j'aimerais|je souhaite(?:rais)?|j'ai besoin|je tiens a ce|j'apprecierais|il faut|il faudrait|ce serait (?:bien
|sympa|gentil)|il est (?:important|essentiel)) (?:que (?:tu|vous) |qu'on |de )|
(?:que|ce que) (?:tu|vous) |merci (?:de |d')|priere (?:de |d')|veuillez |je (?:te|vous) (?:demande|prie) (?:de |d')|bien |s'il (?:te
|vous) plait,? |stp |svp |surtout |toujours |me |te |vous |le |la |l'|pense[rsz]? a |n'hesite pas a )*
(?:{_FR_VERB}(?:e|es|er|ez|s|t|ts|nes|ne|iens|iennes|ienne|ir|re|ts|vent|ons|le|les|ler|lez|venir|nez|ches|che|hes|he|hez
|d)?(?:[- ](?:toi|vous|moi|le|la|les|ca))?|
(?:prend|prends|prenez|prendre|prennes) (?:bien |bonne )?(?:en )?note|mets(?:[- ](?:toi|le|la|ca))?|mettez(?:[- ](?:vous|le|la|ca))?
|mettre|mettes|tiens (?:bien )?compte|
(?:n'|ne l'|ne |n )oublie\w* (?:pas|jamais|surtout pas)|(?:a )?ne (?:pas|jamais|surtout pas) (?:l'|les )?oublier|(?:a|pour) (?:retenir
|noter|savoir|memoire|info|rappel)|fais[- ]toi (?:bien )?une note|garde[- ]le|
ne perds? pas de vue)\b(?!-)
(?: (?:bien|s'il te plait|s'il vous plait|stp|svp|quelque part|ceci|cela|ca|ca aussi|cette info|cette information|en (?:tete|memoire
|note)|a l'esprit|dans (?:ta|tes|ton|votre|vos|la) (?:\w+ )?(?:memoire|notes|tete|fichier|fichiers|carnet|profil|
coin de ta tete|esprit)|dans un coin de ta tete|a (?:tes|ta|vos|votre) (?:notes|memoire|liste)|pour (?:moi|plus tard|la prochaine fois
|l'avenir|toujours|la suite)|toujours|du fait|de|aussi|le fait|comme info|desormais|d'ailleurs))*"""
        ),
        that=compiled(r"\s*(?:[,:\u2013-]+\s*)?(?:de )?(?:que\b|qu'|ceci\W|cela\W|ca\W)?\s*[:,]?\s*"),
        behind=compiled(
            r"[\s,]*(?:s'il te plait|s'il vous plait|stp|svp|merci|d'accord|ok|bien|pour (?:plus tard|la prochaine fois"
            r"|l'avenir))*[\s.!?,]*"
        ),
        task=compiled(
            r"(?:quand|comment|ou\b|qui\b|quoi|pourquoi|si\b|ce que|du (?:jour|temps)|de la fois|moi\b|cette (?:fois|epoque"
            r"|chanson)|le (?:lait|pain|jour)|"
            r"(?:d'|de )?(?!notre|votre|mon|pere|mere|frere|quatre|hier|fier|cher|papier|fer|hiver|mer|janvier|fevrier"
            r"|octobre|septembre|novembre|decembre|"
            r"autre|lettre|cancer|ascenseur|maitre|genre)\w{2,}(?:er|ir|re)\b|un (?:poeme|texte|resume|mail)|une (?:lettre"
            r"|histoire|chanson))"
        ),
    ),
}
_PARTS = re.compile(r"[:;!?.](?=\s)|,(?=\s)|\s[-\u2013\u2014]\s")
_MARKS = " \t\n,;:.!?-\u2013\u2014\u00a1\u00bf\"'"
_LEAST = 2  # words of a content


def remembers_in(sentence: str, language: str) -> Request | None:
    """Return the request to remember that a sentence in German ("de"), Spanish ("es") or French ("fr") makes, or None."""
    words, common = _KEEPING[language], ERASING[language]
    text = unicodedata.normalize("NFC", sentence).strip().strip('"\u00ab\u00bb').strip()
    folded = folded_in_place(text)
    for begin in (0, *(mark.end() for mark in _PARTS.finditer(folded))):
        lead = common.lead.match(folded, begin)
        start = lead.end() if lead is not None else begin
        if common.misleading.match(folded, start) and not _NOT_MISLEADING.match(folded, start):
            continue
        found = words.request.match(folded, start)
        if found is None or found.end() == start:
            continue
        link = words.that.match(folded, found.end())
        content = text[link.end() if link is not None else found.end() :].strip(" \t\n,;:-\u2013\u2014")
        told = text[:begin].strip(_MARKS)
        if not content.strip(_MARKS) or words.behind.fullmatch(folded, found.end()):
            if begin == 0 and not _SPEAKER.search(found.group()):
                return remember("")
            if len(told.split()) >= _LEAST:
                return remember(told)
            continue
        linked = link is not None and link.group().strip(" ") != ""
        if (
            words.task.match(folded_in_place(content))
            or len(content.split()) < _LEAST
            or not (linked or _POSSESSED.match(folded_in_place(content)))
        ):
            continue
        return remember(content.rstrip("?") if folded.endswith("?") else content)
    return None


_NOT_MISLEADING = re.compile(
    r"(?:no (?:te |se te |lo )?olvid|nunca olvid|jamas olvid|ne (?:l'|m')?oublie|n'oublie|ecris|a ne pas|il faut|j'aimerais"
    r"|es ist|ich |mi )"
)
_SPEAKER = re.compile(r"\b(?:no|nunca|jamas) me |\bmich\b|\bm'oubli")  # "do not forget me"
_POSSESSED = re.compile(r"(?:mein|unser|mi |mis |nuestr|mon |ma |mes |notre |nos )")
