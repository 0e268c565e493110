"""How German, Spanish and French ask a memory to forget: verbs in the forms that ask, what frames them, and what only goes with them.

All patterns are matched to folded text: lower case, without accents. Feeds `erasing`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Erasing:
    """The patterns of one language; each is matched to folded text."""

    lead: re.Pattern[str]  # greetings and politeness at the beginning of a clause
    misleading: re.Pattern[str]  # a sentence that begins so, behind its lead, asks nothing of the memory
    forget: re.Pattern[str]  # verbs that always mean the memory, in a form that asks
    denial: re.Pattern[str]  # "do not forget"
    idle: re.Pattern[str]  # "forget it"
    delete: re.Pattern[str]  # verbs that mean the memory where their object does
    first: re.Pattern[str]  # forms of both that ask by themselves at the beginning of a clause
    framed: re.Pattern[str]  # what asks together with another form: "can you", "I want you to"
    unkept: re.Pattern[str]  # a verb of keeping that is denied in a form that asks
    pretended: re.Pattern[str]  # "act as if I had never told you of"
    without: re.Pattern[str]  # what is no part of what is meant
    behind: re.Pattern[str]  # a reason behind the request
    memory: re.Pattern[str]  # "from your memory"
    personal: re.Pattern[str]  # an object that makes `delete` mean the memory
    everything: frozenset[str]  # words of which one means all, where nothing else is named
    lately: re.Pattern[str]  # what was said last
    elsewhere: re.Pattern[str]  # objects that are not in the memory


def compiled(text: str) -> re.Pattern[str]:
    """Return a pattern whose line breaks stand for nothing."""
    return re.compile(text.replace("\n", ""), re.DOTALL)


_DE_DELETE = r"""l(?:o|oe)sch|entfern|streich|tilg|radier|verw[ie]rf|vernicht|beseitig|eliminier|bereinig|leer"""
_DE_OUT = r"(?:raus|heraus|weg|fort|aus)"
_DE_KEEP = (
    r"(?:merk|speicher|abspeicher|behalt|notier|aufheb|bewahr|aufbewahr|sicher|vermerk|festhalt|weiss|wei(?:ß)|wiss|wusst|kenn|kannt)"
)
DE = Erasing(
    lead=compiled(
        r"""\W*(?:(?:hallo|hi|hey|bitte|also|und|ok|okay|ja|nein|ach|so|danke|ubrigens|noch (?:etwas|was|eins)|wichtig|echo|gut|super
|jetzt|nun|du|
aber|dann|sorry|entschuldigung|moin|servus|doch|ab (?:jetzt|sofort)|von nun an|kunftig|in zukunft|mal|am besten|eigentlich|alles klar
|bitte sehr|
liebe\w* \w+|wenn (?:es )?(?:geht|moglich)(?: ist)?|wenns geht|sei so (?:nett|gut|lieb)(?: und)?|seien sie so (?:nett|gut|lieb)(?: und)?|
tu mir (?:den|einen) gefallen(?: und)?|mir zuliebe|ehrlich gesagt|genau|hmm?)(?:[,:!.;\s]+|$))*"""
    ),
    misleading=compiled(
        r"""(?:wie (?!ich\b|ihr? )|warum|wieso|weshalb|wann (?!ich)|wer (?!ich)|wohin|hast du|denkst du|glaubst du|merkst du|hat er
|haben sie|habe ich|habt ihr|weißt du|weisst du|erinnerst du|
wirst du|man |er |sie (?!konn|durf|soll|mus|brauch|werd)|wir (?!mocht|woll|wurd|hatt)|
ich (?!(?:mocht|will|wollt|wurd|hatt|bitt|wunsch|fand|ware|brauch|bevorzug|leg|erwart|verlang)\w*|darf dich|muss dich
|habe? nichts dagegen|zieh))"""
    ),
    forget=compiled(
        r"(?<!\bdas )(?<!\bbeim )(?<!\bzum )\b(?:ver(?:giss|gesse?|gisst|gessen|gesst|gasst|gasest)|vergisses|vergessen werden)\b"
    ),
    denial=compiled(
        r"\bver(?:giss|gesse|gesst|gessen sie|gessen)(?: (?:das|es|bitte|ja|bloß|auf keinen fall|mir|jetzt|das|es|auch))*,?"
        r" (?:nicht|nie|niemals)\b|\b(?:nicht|nie|niemals) vergessen"
    ),
    idle=compiled(
        r"vergiss\w* (?:es|ihn|sie|dich|mich|den|die|zu)\b(?! (?:sache|geschichte|nummer|adresse|info\w*|eintr\w*|namen?"
        r"|passwort|\w+ (?:von|mit|uber)\b)|.*(?:mein|dass|was ich|wo ich|wie ich))"
    ),
    delete=compiled(
        rf"""\b(?:(?:{_DE_OUT})?(?:{_DE_DELETE})(?:e|en|st|est|t|te|test|ten)?|(?:{_DE_OUT}|ge)?ge?(?:l(?:o|oe)scht|strichen|tilgt
|worfen|nommen|schmissen)|
entfernt|verworfen|vernichtet|beseitigt|{_DE_OUT}(?:zu)?(?:nehmen|werfen|schmei(?:ß|ss)en|hauen|machen|tun|nimmst|wirfst|schmei(?:ß
|ss)t|machst)|
(?:nimm|nehmen|wirf|werfen|schmei(?:ß|ss)e?|hau|tu|mach|machen|nimmst|wirfst)(?=.*\b{_DE_OUT}\b)|loswerden|werde?(?=.*\blos\b))\b"""
    ),
    first=compiled(
        rf"(?:vergiss|vergesse|vergesst|vergessen sie|(?:{_DE_DELETE})(?:e|en sie)?|nimm|nehmen sie|wirf|schmei(?:ß|ss)e?|hau|tu|mach)\b"
    ),
    framed=compiled(
        r"""\b(?:(?:kannst|konntest|wurdest|magst|willst|darfst|sollst|solltest|musst|mochtest) (?:du|ihr)|(?:konnen|konnten|wurden
|durfen|mochten|sollen|sollten) sie|
du (?:kannst|konntest|darfst|sollst|solltest|musst|brauchst)|sie (?:konnen|konnten|durfen|sollen|sollten|mussen)|
(?:dass|wenn|ob) (?:du|sie|ihr)|(?:kann|konnte|darf|durfte|soll|sollte|muss|musste|gehort|gehoren|konnen|sollen|mussen|durfen) |
bitte|ist (?:es )?moglich|ware es moglich|gefallen|zu (?:loschen|entfernen|vergessen|streichen))(?=\W|$|.)"""
    ),
    unkept=compiled(
        rf"""\b(?:(?:nicht|nie|niemals|nichts|keinesfalls)(?: mehr| langer| weiter| weiterhin| noch)?(?: zu)?[ ,]+(?:(?:dass
|wenn) (?:du|sie) )?(?:(?!dass\b)[^\s,;:]+ ){{0,8}}?{_DE_KEEP}\w*|
(?:{_DE_KEEP}(?:e|en sie|en)?|denk)(?: dir| dich| sich| bitte)* (?:(?!dass\b)[^\s,;:]+ ){{1,6}}?(?:nicht|nie|niemals)(?: mehr| langer
| weiter)?(?![\w ])|
(?:hore? (?:bitte )?|aufhoren,? )(?:auf,? )?(?:damit,? )?(?:dir |dich )?(?:\S+ ){{0,6}}?(?:zu |abzu|aufzu|festzu)?{_DE_KEEP}\w*)"""
    ),
    pretended=compiled(
        r"""\btu(?:n sie|e)? (?:bitte )?(?:einfach )?so,? als (?:hatte ich|ob ich|hatten wir|ware)(?: dir| ihnen)?(?: das)?(?: (?:nie
|niemals|nichts|kein wort|nie etwas|noch nie))+
(?: (?:von|uber))?"""
    ),
    without=compiled(
        rf"""\b(?:(?:kannst|konntest|wurdest|magst|willst|darfst|sollst|solltest|musst|brauchst|mochtest) (?:du|ihr)|(?:konnen|konnten
|wurden|durfen|mochten) sie|
du (?:kannst|konntest|darfst|sollst|solltest|musst|brauchst)|sie (?:konnen|konnten|durfen|sollen|sollten|mussen)|
ich (?:mochte|will|wollte|wurde|hatte|wunsche|bitte|fande|brauche|bevorzuge)(?: (?:gern\w*|lieber|dich|sie|mir|es|besser|schon|darum
|gut))*(?: nicht)?(?: mehr)?|
(?:mir|es) (?:ware|ist|wars)(?: es| mir)?(?: (?:lieber|lieb|recht|schon|toll|nett|super|wichtig|besser|prima|moglich))*|(?:dass|wenn
|ob) (?:du|sie|ihr)\b(?! gesagt)|
tu(?:e|n sie)?(?: bitte)? so,? als (?:hatte ich|ob ich)|(?:bitte|mal|doch|einfach|wieder|jetzt|sofort|ruhig|gleich|auch|kurz|schnell
|endlich|gerne?|komplett|
vollstandig|dann|nun|umgehend|endgultig|fur immer|nie|niemals|nicht|nichts|mehr|langer|weiter|weiterhin|erwahnt|erzahlt|gesagt
|gesprochen|berichtet|hatte|habe|sie|wurdest|
wurden|werden|gehort|kann|darf|soll|sollte|muss|musst|konnte|hore? auf|so nett|so lieb|so gut|so freundlich|sein und|sei|seien|und|los
|zu|danke|dankbar|dir|sich|dich|von|uber|
aus dem kopf|gefallen|{_DE_OUT}|(?:ab|auf)?(?:zu)?{_DE_KEEP}\w*|gespeichert|gemerkt|hast|halten|aus|rein))\b"""
    ),
    behind=compiled(
        r"""\s*(?:[,;!?\u2013-]|\.(?=\s))\s*(?:und )?(?:das (?!passwort|mit)|es |er |sie |die (?:ist|sind|gilt|stimmt|brauch|hat|war)
|der (?:ist|gilt|stimmt|war|hat)|weil|denn|da |ich brauch|ich will|
ich mocht|brauch|gilt|stimmt|ist |war |danke|inzwischen|geht |nicht mehr|wir |war(?:en)? |hat sich|dankeschon|merci|ja\b|ok|gell
|vielen).*$"""
    ),
    memory=compiled(
        r"""\b(?:aus|von|in|auf|an|bei) (?:dein|ihr|eur|unser|de)\w* (?:\w+ )?(?:gedachtnis|speicher|notizen|daten|datenbank|unterlagen
|kopf|profil|aufzeichnungen|
akten?|erinnerung(?:en)?|liste|system|archiv|verlauf|notizbuch|notizzettel|merkliste)\b"""
    ),
    personal=compiled(
        r"""\b(?:mein|unser)\w*\b|\b(?:was|wo|wer|wie|wann|dass|wieviel|woher|welche\w*) (?:\w+ )?(?:ich|wir|mein\w*)\b|\b(?:ich|wir)\b
|\b(?:eintrag|notiz|info|information|sache|angabe|geschichte|
erinnerung|daten|details|alles|das (?:mit|uber|von|zu))\b"""
    ),
    everything=frozenset(
        "alles alle samtliche samtlichen samtliches daten gedachtnis speicher infos informationen erinnerungen notizen".split()
    ),
    lately=compiled(r"\b(?:eben|gerade|vorhin|letzte\w*|zuletzt)\b"),
    elsewhere=compiled(
        r"""\b(?:datei(?:en)?|ordner|text|code|app|apps|e-?mails?(?![- ]?adresse)|nachricht(?:en)?|zeilen?|satz|satze|absatz|spalten?
|worter|wort|komma|kommas|browser|verlauf|fotos?|bild(?:er)?|fleck(?:en)?|
kalender|termin|bestellung|abo|tabelle|leerzeichen|duplikate|account|konto|absatze?|stelle im|seite)\b"""
    ),
)

_ES_DELETE = r"(?:borr|elimin|suprim|quit|sac|tach|descart|desech|limpi|vaci|anul|retir|arranc|destru)"
_ES_CLITIC = r"(?:me|te|se|nos)?(?:lo|la|los|las)?"
_ES_KEEP = (
    r"(?:recuerd|record|guard|sepa|sab|teng|ten(?:er|gas)|memori[zc]|almacen|conserv|registr|anot|apunt|acuerd|acord|reten"
    r"|mantien|manten|conozc)"
)
_ES_FORM = r"(?:a|e|as|es|ar|er|ir|aras|eras|ases|ieras|ases|ais|eis|ad|ed|an|en|ando|iendo|ue|ues|uen|aste|i|o|ye|yas)"
ES = Erasing(
    lead=compiled(
        r"""[\W]*(?:(?:hola|oye|oiga|por favor|porfa|porfis|porfavor|bueno|vale|ok|okay|si|no(?=[,.!])|y|pues|ademas|por cierto
|importante|echo|dale|che|mira|a ver|ahora|entonces|perdon|
perdona|disculpa|gracias|venga|anda|te lo ruego|a partir de ahora|de ahora en adelante|desde ahora|si puedes|si es posible
|si no te importa|una cosa|otra cosa|ah|eh|mejor|en realidad|
la verdad|por mi|hazme (?:el|un) favor(?: y| de)?|haz(?:me)? el favor de|haga el favor de)(?:[,:!.;\s]+|$))*"""
    ),
    misleading=compiled(
        r"""(?:yo |nosotros|el (?!dato|numero|nombre|codigo|pin|hecho|tema|asunto|correo|telefono|sueldo|salario)|ella |me olvid
|olvide (?!que|mi|el|la|lo|todo|de|usted|por|cuant|quien|don)|se me |recuerdo|
recuerdas|te acuerdas|como (?!me)|que (?:recuerdas|sabes)|cuando (?!naci|cumpl)|por que|siempre |nunca olvid|te olvidaste|has olvidado
|no puedo|no recuerdo|no me acuerdo|no quiero olvid|quiero (?!que)|
necesito (?!que)|no olvid|nunca (?!recuerd|guard)|no te olvid|jamas olvid|escribe|intento|mi (?!\w+[^.]*\b(?:olvid|borr|elimin|quit
|suprim|bor))|esta |esa cancion)"""
    ),
    forget=compiled(rf"\bolvid{_ES_FORM}{_ES_CLITIC}\b"),
    denial=compiled(r"\b(?:no|nunca|jamas)(?: te| se| lo| me)* olvid"),
    idle=compiled(r"olvid(?:al[oa]s?|ate|a|e)[,.!]|olvid\w+ (?:\w+(?:ar|er|ir)\b|a (?:ella|el)\b)|olvid(?:ar|o)(?:la|lo)\b"),
    delete=compiled(
        rf"\b(?:{_ES_DELETE}{_ES_FORM}{_ES_CLITIC}|borrado|borrada|eliminad[oa]s?|(?:deshaz|deshag|deshac)\w*|saque\w*|elimine\w*|fuera)\b"
    ),
    first=compiled(
        rf"(?:olvid|{_ES_DELETE}|desha)(?:a|e|ate|ese|es|te|z|ue|en|ad|emos|ga|z|i|alo|ala|alos|alas|elo|ela|lo|la|los|las)?\w{{0,4}}\b"
    ),
    framed=compiled(
        r"""\b(?:puedes|podrias|podes|puede|podria|pueden|podrian|quieres|querrias|querria|te importa|te importaria|le importaria
|serias|seria|tendrias|podriais|necesito que|quiero que|
quisiera que|querria que|gustaria que|prefer\w+|pido|ruego|agradec\w+|falta que|conviene|mejor (?:que)?|debes|deberias|debe|hay que
|tienes que|es (?:hora|importante|necesario|mejor)|favor|
cuanto antes|se (?:puede|debe))\b"""
    ),
    unkept=compiled(
        rf"""\b(?:(?:no|ya no|nunca|nunca mas|jamas)(?: (?:quiero|quisiera|necesito|hace falta|necesitas|tienes|tenes|hay|es necesario
|te|lo|la|me|se|le|debes|deberias|que|por|por favor|gustaria|hace|sigas|sea))*
 {_ES_KEEP}\w*|(?:deja|deje|dejes|dejar|dejaras|para|pare|evita|evite)(?: ya| por favor)* de {_ES_KEEP}\w*
|prefer\w+ que (?:ya )?no {_ES_KEEP}\w*)"""
    ),
    pretended=compiled(
        r"""\b(?:ha(?:z|ce|ga|gas|cer|gamos)|actu\w+|fing\w+|imagin\w+|simul\w+)(?: de cuenta| cuenta)?(?: (?:como si|que
|de que))?(?: yo)?(?: (?:nunca|no|jamas))?(?: te| le)? (?:hubiera|hubiese|hubieramos|he|habia)
(?: (?:nunca|jamas))? (?:dicho|contado|hablado|mencionado|comentado)(?: (?:nada|nunca))?(?: (?:de|sobre|acerca de))?|como si (?:no
|nunca)\b"""
    ),
    without=compiled(
        rf"""\b(?:puedes|podrias|podes|puede|podria|pueden|quieres|querrias|te importa(?:ria)?|le importaria|serias? tan amable de
|(?:ya )?no (?:quiero|necesito|hace falta|necesitas|tienes|hay|es necesario)(?: que| por que)?|
(?:necesito|quiero|quisiera|querria) que|me gustaria(?: que)?|prefer\w+(?: que)?|(?:te|le|os) (?:pido|ruego|agradec\w+)(?: que)?
|agradeceria que|me haria falta que|hace falta que|mejor(?: que)?|
debes|deberias|hay que|tienes que|es (?:hora de|importante|necesario|mejor)(?: que)?|por favor|porfa|porfis|porfavor|usted|ustedes|ya
|ahora|mismo|para siempre|por completo|completamente|del todo|de inmediato|gracias|
inmediatamente|cuanto antes|dale|vale|no|nunca|jamas|mas|eh|{_ES_KEEP}(?:{_ES_FORM}|r|rte|arte|me|te|lo|la|se|er|erlo)?(?:lo|la|te)?
|guardado|deja de|deje de|dejes de|para de|lo siento|
(?:hubiera|hubiese|habia|he) (?:dicho|contado|hablado|mencionado)|nada|como si|haz|haga|hace|y (?=$))\b"""
    ),
    behind=compiled(
        r"""\s*(?:[,;!?\u2013-]|\.(?=\s))\s*(?:y )?(?:ya no|no (?:es|vale|sirve|esta|quiero|lo|la|hace|me)|es que|porque|que ya|esta
 |estaba |era |es (?:viej|antigu|mentir|fals|incorrect)|son |gracias|cambi|se |me |lo necesit|ha |he |fue |era|
pues|vale|dale|eh|muchas|ahora |te |le ).*$"""
    ),
    memory=compiled(
        r"\b(?:de|en|desde) (?:tu|su|la|tus|sus|los|las|vuestra) (?:\w+ )?(?:memoria|notas|datos|registros?|base de datos"
        r"|archivos?|recuerdos|cabeza|perfil|sistema|apuntes|lista|mente|historial)\b"
    ),
    personal=compiled(
        r"""\b(?:mis?|nuestr[oa]s?|mi[oa]s?)\b|\b(?:lo (?:de|del|que)|que (?:yo )?(?:te )?(?:dije|conte|tengo|soy|estoy|vivo|trabajo
|gano)|donde \w+o|cuanto \w+o|el dato|los datos|la (?:informacion|nota|entrada)|el (?:hecho|tema|asunto)|
todo|toda|eso de|esa historia|historia|info)\b"""
    ),
    everything=frozenset("todo todos toda todas datos memoria informacion recuerdos".split()),
    lately=compiled(r"\b(?:acabo|ultimo|ultima|anterior|recien|hace un momento|antes)\b"),
    elsewhere=compiled(
        r"""\b(?:archivos?|ficheros?|carpetas?|codigo (?:de|fuente|que)|apps?|aplicacion(?:es)?|correos?(?= (?:de|que))|mensajes?
|lineas?|frases?|parrafos?|columnas?|palabras?|comas?|navegador|historial|fotos?|imagen(?:es)?|manchas?|
calendario|citas?|pedido|suscripcion|tabla|espacios|duplicados|cuenta(?! (?:de )?banc)|pagina|basura|polvo)\b"""
    ),
)

_FR_DELETE = r"(?:efface|supprim|enleve|retir|ray|elimin|ote|vir|detrui|jett|jete|purg|gomm|vid|sor[st]|degag|nettoi)"
_FR_KEEP = r"(?:gard|retien|reten|memoris|enregistr|not|souvien|souven|rappel|conserv|sauvegard|stock|sach|sav|connai|aies|ai)"
FR = Erasing(
    lead=compiled(
        r"""\W*(?:(?:bonjour|bonsoir|salut|hey|coucou|s'il (?:te|vous) plait|stp|svp|s'te plait|bon|ok|okay|oui|non|et|alors|au fait
|important|merci(?! de| d')|echo|maintenant|encore une chose|autre chose|d'accord|dis|dis donc|
dorenavant|desormais|a partir de maintenant|a l'avenir|pardon|desole\w?|excuse[- ]moi|si possible|si tu (?:peux|veux)(?: bien)?
|sois (?:gentil|sympa|gentille)(?: et)?|ah|euh|enfin|finalement|en fait|
fais[- ]moi plaisir(?: et)?|allez|tiens|voila|bref)(?:[,:!.;\s]+|$))*"""
    ),
    misleading=compiled(
        r"""(?:je (?!(?:ne )?(?:veux|voudrais|souhait\w+|prefer\w+|te|vous|desire|tiens|demande|prie|n'ai plus besoin))|nous|il (?!faut
|faudrait|vaut|vaudrait|est (?:important|temps|inutile|possible)|serait)|elle|on |
j'(?!aimerais|ai besoin|apprecierais|exige|avais dit)|te souviens|tu te (?:souviens|rappelles)|as[- ]tu|comment|qu'est|quand (?!je)
|pourquoi|est-ce que tu te|tu as oubli|laisse tomber|mon (?!\S+[^.]*\b(?:efface|oublie|supprim|retir|enlev))|
cette |ne (?:l'|m')?oublie|n'oublie|ecris|a ne pas|que (?:sais|retiens))"""
    ),
    forget=compiled(r"\boublie(?:s|r|z|ras|rais|rez)?\b"),
    denial=compiled(r"\b(?:ne |n'|n )(?:\w+'|me |le |la )?oubli\w+ (?:pas|jamais|surtout)|\b(?:ne pas|pas|jamais) (?:l'|les |me )?oublier"),
    idle=compiled(r"oublie\w*(?:\s*[,.!;]|$)|oublie\w*[- ](?:le|la|les)[,.!;]|oublie\w* (?:de |d')\w+(?:er|ir|re)\b"),
    delete=compiled(
        rf"\b(?:{_FR_DELETE}(?:e|es|er|ez|s|t|re|ir|is|iez|ise|ises|isez|isse|isses|ie|ies|yer|te|tes|tez|ter|erais)?"
        rf"|effac(?:er|ez|ant|es)|enlev(?:er|ez)|ot(?:er|ez)|debarrass\w+|disparaitre|effacee?s?|supprimee?s?|retiree?s?"
        rf"|enlevee?s?)\b"
        ""
    ),
    first=compiled(rf"(?:oublie|{_FR_DELETE}|effac|enlev|ot(?=e)|debarrasse)\w{{0,4}}\b"),
    framed=compiled(
        r"""\b(?:peux[- ]tu|pourrais[- ]tu|veux[- ]tu|voudrais[- ]tu|pouvez[- ]vous|pourriez[- ]vous|voulez[- ]vous|voudriez[- ]vous
|tu (?:peux|pourrais|dois|devrais|veux|pourras)|vous (?:pouvez|pourriez|devez|devriez)|
(?:que|qu')\s?(?:tu|vous|on)\b|merci d|priere d|veuillez|te (?:demande|prie) d|vous (?:demande|prie) d|derange\w* d|ennui\w* d
|embete\w* d|gentillesse d|amabilite d|besoin d|possible d|faut |faudrait |vaut |vaudrait |mieux |temps d|
peut |peuvent |doit |doivent |a (?:effacer|supprimer|oublier|retirer)|s'il te plait|stp|svp|s'il vous plait|fais |sympa d|gentil d
|aimable d|bien)"""
    ),
    unkept=compiled(
        rf"""\b(?:(?:ne|n')\s?(?:te |t'|vous |me |le |la |les |l'|rien |plus |pas |jamais |surtout )*{_FR_KEEP}\w*(?:[- ](?:toi
|vous))?(?: surtout| s'il te plait| stp)* (?:plus|pas|jamais|rien)|
(?:ne|n')\s?(?:plus|pas|jamais|rien) (?:te |vous |t')?{_FR_KEEP}\w*|(?:arret|cess|evit)\w* (?:de |d')(?:te |vous |t')?{_FR_KEEP}\w*|
(?:plus|pas) (?:besoin|la peine|la peine) (?:de |d'|que tu )(?:te |t')?{_FR_KEEP}\w*|inutile (?:de |d'|que tu )(?:te
 |t')?{_FR_KEEP}\w*)"""
    ),
    pretended=compiled(
        r"""\b(?:fais|faites|faire|fasse|fasses|comporte[- ]toi|agis) comme si (?:(?:je|on|nous) )?(?:ne )?(?:n')?(?:te |t'
|vous )?(?:n')?(?:avais|avait|ai|avions)?(?: te| t')?(?: (?:jamais|rien|pas))?(?: (?:dit|parle|mentionne|raconte|evoque|confie))?
(?: (?:de|sur|a propos de|au sujet de))?"""
    ),
    without=compiled(
        rf"""(?:\b(?:peux[- ]tu|pourrais[- ]tu|veux[- ]tu|voudrais[- ]tu|pouvez[- ]vous|pourriez[- ]vous|voulez[- ]vous
|voudriez[- ]vous|tu (?:peux|pourrais|dois|devrais|veux|pourras)|vous (?:pouvez|pourriez|devez)|
est-ce que (?:tu|vous) (?:peux|pourrais|pouvez|pourriez)|(?:je|j')\s?(?:ne )?(?:veux|voudrais|aimerais|souhait\w+|prefer\w+
|apprecierais|desire)(?: (?:plus|pas|bien))?|(?:que|qu')\s?(?:tu|vous|on)(?: (?:ne|n'))?|merci d[e']|priere d[e']|veuillez|
je (?:te|vous) (?:demande|prie) d[e']|(?:ca|cela) (?:te|vous) \w+ d[e']|aur(?:ais|iez)[- ](?:tu|vous) la \w+ d[e']
|serait-il possible d[e']|il (?:faut|faudrait|vaut mieux|vaudrait mieux|est temps|serait bien)(?: d[e'])?|s'il (?:te|vous) plait|stp|svp|
maintenant|aussi|donc|tout de suite|pour toujours|completement|definitivement|immediatement|merci|jamais|plus|pas|ne|arrete\w* d[e']
|cess\w* d[e']|surtout|te |t'|(?:de )?(?:{_FR_KEEP}(?:e|es|er|ez|r|s|t|ir|isse|ises|ise|iennes|ienne|
ches|che|hes|he|ns|nir|voir|ses|is)?|retiennes|souviennes|souvenir|rappelles|rappeler|saches|savoir|connaisses|connaitre)
(?= (?:de|que|mon|ma|mes|ce|combien|ou) | d'| qu')|fais comme si je|disparaitre|n'avais|parle|toi d[e']))(?!\w)|[- ](?:le|la|les|moi|ca
|toi|vous|nous)\b(?! \w)"""
    ),
    behind=compiled(
        r"\s*(?:[,;!?\u2013-]|\.(?=\s))\s*(?:et )?(?:il n|elle n|ils |elles |il est|elle est|il a|c'est|ce n'est|car |parce"
        r"|puisqu|je n|j'ai change|j'en|ca |cela |n'est|plus |merci|on (?:n'|a)|d'accord|il |elle |je m|je l).*$"
    ),
    memory=compiled(
        r"\b(?:de|dans|en|a) (?:ta|votre|la|tes|vos|les|ton) (?:\w+ )?(?:memoire|notes?|donnees|base(?: de donnees)?|fichiers?"
        r"|souvenirs?|tete|profil|systeme|registres?|liste|carnet|historique|esprit)\b"
    ),
    personal=compiled(
        r"""\b(?:mon|ma|mes|notre|nos)\b|\b(?:ce que|ce qu|que j[e' ]|ou j[e' ]|combien j[e' ]|qui est m|quand j[e' ]|l'info\w*
|les infos?|la note|le souvenir|le fait|l'entree|les donnees|l'histoire|cette histoire|tout|toutes|cette info\w*|
ce truc|le truc|l'affaire de)"""
    ),
    everything=frozenset("tout tous toute toutes donnees memoire informations infos souvenirs".split()),
    lately=compiled(r"\b(?:viens de|dernier|derniere|a l'instant|tout a l'heure|precedent\w*)\b"),
    elsewhere=compiled(
        r"""\b(?:fichiers?|dossiers?|texte|code source|applis?|applications?|(?<!adresse )e-?mails?(?! est)|(?<!adresse )(?<!e-)mails?
|messages?|lignes?|phrases?|paragraphes?|colonnes?|mots?(?! de passe)|virgules?|navigateur|historique|photos?|images?|taches?|calendrier|
rendez-vous|commande|abonnement|tableau|espaces|doublons|comptes?(?! (?:en )?banc)|page)\b"""
    ),
)
ERASING = {"de": DE, "es": ES, "fr": FR}
