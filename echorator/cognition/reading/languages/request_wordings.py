"""How German, Spanish and French word requests to remember and to forget."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FLAGS = re.IGNORECASE | re.DOTALL


@dataclass(frozen=True)
class Wording:
    """How a language words the requests. All patterns are matched without regard to case, to a sentence without its leads."""

    leads: re.Pattern[str]  # greetings and politeness
    remember: re.Pattern[str]  # the verb; the group `what` is the content
    remember_behind: re.Pattern[str]  # a statement with a request behind it; the group `what` is the statement
    no_content: re.Pattern[str]  # what begins so behind "remember" is no content: a question, something to do
    forget: re.Pattern[str]  # verbs that always mean the memory; the group `what` is what is meant
    delete: re.Pattern[str]  # verbs that mean the memory where the object does: "delete my phone number"
    own: re.Pattern[str]  # an object of `delete` that does
    everything: re.Pattern[str]
    topic: re.Pattern[str]  # "what I said about X"; the group `what` is X
    last: re.Pattern[str]  # "what I said"
    idle: re.Pattern[str]  # an object of `forget` that makes it no request: "it", "names"
    tail: re.Pattern[str]  # what may stand behind: "please", "from your memory"


def compiled(text: str) -> re.Pattern[str]:
    """Return a pattern that regards neither case nor lines."""
    return re.compile(text, _FLAGS)


DE = Wording(
    leads=compiled(
        r"(?:(?:hallo|hi|hey|bitte|also|und|ok|okay|ja|nein|ach|so|danke|übrigens|noch etwas|wichtig|echo|gut|super|jetzt|nun)[,:!. ]+)*"
        r"(?:(?:kannst|könntest|würdest|magst|willst) du(?: dir)?(?: bitte| mal| auch| kurz)* |(?:können|könnten|"
        r"würden) sie(?: sich)?(?: bitte)? |ich (?:möchte|will|würde gerne|bitte dich),? ?(?:dass du(?: dir)? )?|du (?:sollst|"
        r"solltest|kannst|darfst|musst)(?: dir)?(?: bitte| ruhig| jetzt| gerne| auch| unbedingt)* |"
        r"es ist wichtig,? dass du(?: dir)? |wäre (?:es )?(?:toll|schön|nett),? wenn du(?: dir)? |bitte )*(?:bitte )?"
    ),
    remember=compiled(
        r"(?:(?:merke?|notier(?:e|en)?|(?:präge?|trage?)(?: dir| das| bitte| gut)* ein|vermerk(?:e|en)?|leg(?:e)?|nimm|"
        r"hinterleg(?:e)?|verinnerliche?|schreib(?:e)?|speicher(?:e|n)?|behalte?|merken|denke?|erinner(?:e|n)?)(?: (?:sie|dir|"
        r"du dir|sich|mich|dich|es|das|dies|folgendes|mir))*(?: bitte| mal| gut| auch| doch| immer| einfach|"
        r" unbedingt)*(?: (?:fest|dran|auf|ab|im (?:hinterkopf|kopf|gedächtnis)|daran|dafür|für später|in (?:deinem|dein) gedächtnis|"
        r"vor))*|"
        r"(?:vergiss|vergesse|vergessen sie)(?: bitte| ja| bloß| auf keinen fall| mir| jetzt)* (?:nicht|nie|niemals)|"
        r"denke? (?:bitte |immer )?(?:dran|daran)|mach(?:e)? dir (?:bitte )?(?:eine|ne) notiz|nimm (?:bitte )?auf|pass auf|"
        r"damit du es (?:weißt|hast)|nur damit du es weißt|nicht vergessen|"
        r"nie vergessen|(?:zur|als) (?:erinnerung|notiz|info)|für (?:deine|die) (?:unterlagen|akten|notizen)|"
        r"fürs (?:protokoll|nächste mal|gedächtnis)|zum merken|für die zukunft|halte? (?:bitte )?fest|"
        r"nimm (?:bitte )?zur kenntnis|behalte? im (?:kopf|hinterkopf)|(?:dir )?merken|beachte?(?: bitte)?|wisse|"
        r"du solltest wissen|(?P<verb_last>))"
        r"(?:\s*[,:\-\u2013]\s*|\s+)(?:dass |daß |folgendes[:,]? |das[:,] |dies[:,] )?(?P<what>\S.*)$"
    ),
    remember_behind=compiled(
        r"(?P<what>\S.{3,}?)\s*[,;:.!\u2013\u2014-]+\s*(?:und |also |bitte |das |so )*(?:(?:merke?|notiere?|speichere?|"
        r"behalte?)(?: dir)?(?: bitte)?(?: (?:das|es|dies))?(?: (?:bitte|gut|im kopf|im hinterkopf|auf|ab|mal))*|"
        r"vergiss (?:das|es)?(?: bitte)? ?(?:nicht|nie)|(?:nicht|bitte nicht) vergessen|(?:bitte )?(?:merken|notieren|"
        r"nicht vergessen|speichern)|schreib(?:e)? (?:dir )?(?:das|es)(?: bitte)? auf|denk(?:e)? (?:bitte )?dran|"
        r"denk(?:e)? (?:bitte )?daran|(?:kannst|könntest) du dir (?:das|es)(?: bitte)? (?:merken|notieren|"
        r"aufschreiben))(?: bitte| ja| gut| für (?:später|die zukunft|das nächste mal|nächstes mal)|, bitte)*\s*[.!?]*$"
    ),
    no_content=compiled(
        r"(?:wie|wann|wo|wer|was|warum|als|ob|wenn|mich\b|an (?:den|die|das|unseren?|mich|früher|damals|gestern)|zu\b|"
        r".* zu \w+en[.!]?$|.*\w+zu\w+en[.!]?$|die milch|dich (?:noch|daran)|noch\b|dran\b|ein gedicht|einen? (?:brief|text|"
        r"aufsatz|mail|e-mail|geschichte))"
    ),
    forget=compiled(
        r"(?:vergiss|vergesse|vergessen sie|höre? auf,? dir zu merken|merke? dir (?=.*nicht mehr)|vergäßest)(?: bitte|"
        r" einfach| sofort| mal| doch| jetzt| wieder)*[,:]? ?(?P<what>(?!\s*nicht\b|\s*nie\b|\s*niemals\b|\s*(?:ja|bloß|bitte|"
        r"mir|jetzt|auf keinen fall) (?:nicht|nie)\b).*)$"
    ),
    delete=compiled(
        r"(?:lösche?|löschen sie|entferne?|streiche?|tilge?|radiere?|lass)(?: bitte| einfach| sofort| mal| doch| jetzt)*,? (?P<what>.*)$"
    ),
    own=compiled(
        r"(?:meinen?|meine[nmrs]?|unsere?[nmrs]?|das, was|was|alles?|sämtliche|den eintrag|die (?:erinnerung|notiz|"
        r"information|info)|die tatsache|dass ich)\b(?! (?:datei|text|code|app|konto|e-?mail(?!-?adresse)|nachricht|zeile|"
        r"satz|ordner))"
    ),
    everything=compiled(
        r"(?:(?:einfach )?alles|(?:alle |sämtliche |all )?(?:deine |meine |die |unsere )?(?:daten|erinnerungen|informationen|"
        r"infos|notizen|einträge)(?: über mich| von mir)?|dein (?:ganzes )?gedächtnis|mich)"
        r"(?:,? (?:was )?(?:du )?(?:(?:über|von) mich? ?|von mir )?(?:du )?(?:weißt|gespeichert hast|gemerkt hast|"
        r"dir gemerkt hast|hast|kennst|gelernt hast))?(?:,? was ich (?:dir |je )*(?:gesagt|erzählt) habe)?(?: (?:über|"
        r"von) (?:mich|mir))?(?:,? (?:was )?(?:du )?(?:weißt|gespeichert hast|hast))?"
    ),
    topic=compiled(
        r"(?:(?:alles|das),? )?(?:was (?:ich|du)(?: dir)?(?: eben| gerade| vorhin)? )?(?:über|zu|von|"
        r"bezüglich) (?P<what>.+?)(?: (?:gesagt|erzählt|erwähnt|weißt|gespeichert|gemerkt)(?: habe| hast)?)?$|"
        r"(?:alles|was|das,? was) (?:ich|du)(?: dir)?(?: eben| gerade| vorhin)? (?:über|zu|von|"
        r"bezüglich) (?P<w2>.+?) (?:gesagt|erzählt|erwähnt|weißt|gespeichert|gemerkt)(?: habe| hast)?$|"
        r"(?:die |den |alle |das )?(?:information(?:en)?|infos?|notiz(?:en)?|eintrag|erinnerung(?:en)?|daten|sache) (?:über|"
        r"zu|von|mit|an) (?P<w3>.+)$"
    ),
    last=compiled(
        r"(?:das|dies|es|das wieder|das bitte|(?:das,? )?was ich (?:dir )?(?:eben |gerade |vorhin |zuletzt |da )*(?:gesagt|"
        r"geschrieben|erzählt) habe|das letzte|meine letzte (?:nachricht|aussage)|den letzten satz|das von (?:eben|"
        r"vorhin))(?: eben| gerade| wieder)?"
    ),
    idle=compiled(
        r"(?:es(?:,.*)?|namen|(?:ihn|sie)(?:,.*)?|dich|mich nicht|den (?:regen|ärger|stress)|die zeit|nicht.*|zu .*|oft.*"
        r"|immer.*|schnell.*)"
    ),
    tail=compiled(
        r"(?:[, ]+(?:bitte|wieder|sofort|komplett|vollständig|ganz|für immer|endgültig|jetzt|aus (?:deinem|dem) (?:gedächtnis|"
        r"speicher)|aus deinen (?:daten|notizen|unterlagen)|nicht mehr|danke|einfach))+$"
    ),
)
ES = Wording(
    leads=compiled(
        r"[\u00a1\u00bf\s]*(?:(?:hola|oye|por favor|bueno|vale|ok|sí|no(?=[,.!])|y|pues|además|por cierto|importante|echo|"
        r"ahora|gracias|mira|otra cosa)[,:!. ]+)*[\u00a1\u00bf]?"
        r"(?:(?:me )?(?:puedes|podrías|puede|podría|podés)(?: por favor)? |(?:quiero|necesito|quisiera|me gustaría|"
        r"te pido) que |(?:debes|deberías|tienes que|hay que|ya puedes) |es importante que |por favor,? |sería bueno que |"
        r"haz el favor de )*(?:por favor,? )?"
    ),
    remember=compiled(
        r"(?:recuerd(?:a|e|ame|es)|recordar(?:me)?|recuérdame|acuérda(?:te|me)(?: de)?|acordarte(?: de)?|te acuerdes(?: de)?|"
        r"apunta(?:r|te|me|lo)?|apúnta(?:te|lo|me)|anota(?:r|te|me)?|anóta(?:te|me)?|apuntes|anotes|memoriza(?:r)?|memorices|"
        r"guarda(?:r)?(?: en (?:tu )?memoria)?|guardes(?: en (?:tu )?memoria)?|"
        r"graba(?:te)?|grábate|registra|guárda(?:te|me)(?: (?:este|esta|esto|el) ?(?:dato|información|nota)?)?|quédate con|"
        r"toma(?:r)? apuntes?(?: de)?|hazte una nota(?: de)?|házte una nota|ponte una nota|no pierdas de vista|"
        r"ten(?:er)? en (?:mente|la cabeza)|retiene|métete en la cabeza|ten(?:ga|gas)? en cuenta|tener en cuenta|ten presente|"
        r"toma(?:r)? nota(?: de)?|tomes nota(?: de)?|"
        r"no (?:te )?(?:olvides|olvide|olvidés|vayas a olvidar)(?: de)?|nunca (?:te )?olvides|que no se te olvide|"
        r"no se te olvide|para que (?:lo sepas|conste)|que conste|para la próxima(?: vez)?|para el futuro|nota|recordatorio|"
        r"para tus (?:notas|registros)|sábete|deberías saber|retener|retén|conserva)"
        r"(?: bien| por favor| siempre| esto| para mí| para siempre| ahí| en (?:tu )?memoria| también)*(?:\s*[,:\-\u2013]\s*|"
        r"\s+)(?:de )?(?:que |esto[:,] |lo siguiente[:,] )?(?P<what>\S.*)$"
    ),
    remember_behind=compiled(
        r"(?P<what>\S.{3,}?)\s*[,;:.!\u2013\u2014-]+\s*[\u00a1\u00bf]?(?:y |así que |por favor,? |pues )*(?:recuérdalo|"
        r"recuerda (?:eso|esto)|recuerda|apúntalo|apúntatelo|anótalo|anótatelo|guárdalo|memorízalo|no lo olvides|"
        r"no se te olvide|no te olvides(?: de (?:eso|ello|esto))?|no olvides (?:eso|esto)|tenlo en cuenta|tenlo presente|"
        r"toma nota|acuérdate(?: de (?:eso|ello|esto))?|ten eso en cuenta|(?:puedes|podrías) (?:recordarlo|apuntarlo|anotarlo|"
        r"guardarlo))(?:,? (?:por favor|bien|para (?:siempre|después|luego|el futuro|la próxima(?: vez)?)|gracias|"
        r"vale))*\s*[.!?]*$"
    ),
    no_content=compiled(
        r"(?:cuándo|cuando (?:fuimos|éramos|estábamos|nos)|cómo|dónde|quién|qué|por qué|aquel|aquella|si\b|(?:el|la) (?:leche|"
        r"día que|vez que|noche)|me\b$|\w+(?:ar|er|ir)(?:me|te|lo|la|se)?\b|un (?:poema|texto|cuento))"
    ),
    forget=compiled(
        r"(?:olvida(?:te|r|rte|lo)?|olvída(?:te|lo)|olvídese|olvides|te olvides|olvide|deja de recordar|no recuerdes(?: más)?|"
        r"ya no (?:recuerdes|guardes|necesitas (?:recordar|saber|guardar)|hace falta que (?:recuerdes|sepas|guardes))|"
        r"no guardes(?: más)?|no quiero que (?:recuerdes|guardes|sepas|tengas)|olvidaras|olvidarás|me gustaría que olvidaras|"
        r"descarta|deshazte|deshágase|(?:haz|actúa) como si (?:no|nunca) te hubiera (?:dicho|contado)(?: nada)?)(?: por favor|"
        r" ya| también)*(?: de)?(?: (?!y\b)|[,:]\s*|"
        r"$)(?P<what>.*)$"
    ),
    delete=compiled(
        r"(?:borra(?:r)?|bórralo|borres|borre|elimina(?:r)?|elimines|elimine|suprime|suprimir|quita(?:r)?|quites|saca(?:r)?|"
        r"tacha(?:r)?|vacía|vaciar|limpia|"
        r"limpiar)(?: por favor| ya)*(?: (?P<what>.*))?$"
    ),
    own=compiled(
        r"(?:mis?|nuestr[oa]s?|todo|todos|todas|lo que|lo último|lo de|eso|esto|la información|los datos|tu memoria|el dato|"
        r"el hecho|la nota|que yo|"
        r"cualquier)\b(?! (?:archivo|texto|código|cuenta|correo de|mensaje|línea|frase|carpeta))"
    ),
    everything=compiled(
        r"(?:absolutamente )?(?:todo|todos? (?:mis|los|tus) (?:datos|recuerdos|información)|toda (?:mi|la|tu) (?:información|"
        r"memoria)|mis datos|mi información|tu memoria|tus recuerdos|los datos)(?: lo)?(?: que (?:sabes|recuerdas|"
        r"has (?:guardado|aprendido)|tienes(?: guardado)?|te (?:he )?(?:dicho|dije|conté|contado)|guardaste))?(?: (?:de|sobre|"
        r"acerca de) mí)?(?: que (?:tienes|sabes|has guardado))?|de mí|a mí"
    ),
    topic=compiled(
        r"(?:todo )?lo que (?:te )?(?:he |acabo de )?(?:dije|dicho|decir|conté|contado|sabes|mencioné|comentado|"
        r"recuerdas)(?: antes| ayer)? (?:sobre|de|acerca de|respecto a) (?P<what>.+)$|todo (?:lo (?:relacionado con|"
        r"referente a|relativo a|de) |sobre |acerca de |lo de )(?P<w2>.+)$|(?:lo de|(?:toda )?(?:la|esa) (?:información|"
        r"nota) (?:sobre|de|acerca de)|el dato (?:de|sobre)|los (?:datos|recuerdos) (?:de|sobre)|cualquier (?:dato|"
        r"información) (?:de|sobre)) (?P<w3>.+)$"
    ),
    last=compiled(
        r"(?:eso|esto|lo|lo anterior|lo último|lo que (?:te )?(?:acabo de (?:decir(?:te)?|contar(?:te)?)|dije|he dicho|"
        r"conté)(?: antes| ahora| hace un momento)?|mi último mensaje|la última frase|lo que dije recién)"
    ),
    idle=compiled(
        r"(?:la? (?:lluvia|tiempo)|\w+(?:ar|er|ir)\b.*|a (?:ella|él)|las (?:llaves|cosas)|el paraguas|nombres.*|(?:yo|ya lo"
        r"|lo hago|no pasa)\b.*)"
    ),
    tail=compiled(
        r"(?:[, ]+(?:por favor|ya|ahora|para siempre|por completo|completamente|de (?:tu|la) memoria|de tus (?:datos|"
        r"registros|notas)|gracias|inmediatamente|de inmediato|del todo))+$"
    ),
)
FR = Wording(
    leads=compiled(
        r"(?:(?:bonjour|salut|hey|s'il te plaît|s'il vous plaît|stp|svp|bon|ok|oui|non|et|alors|au fait|important|merci|echo|"
        r"maintenant|encore une chose|d'accord)[,:!. ]+)*"
        r"(?:(?:peux|pourrais|veux|voudrais)[- ]tu(?: bien| s'il te plaît)?,? |tu (?:peux|pourrais|dois|"
        r"devrais)(?: maintenant| aussi)? |(?:pouvez|pourriez)[- ]vous |(?:je veux|je voudrais|j'aimerais|je souhaite|il faut|"
        r"il faudrait|ce serait bien|je te demande|j'ai besoin) (?:que tu |de |qu'on )?|est-ce que tu (?:peux|pourrais) |"
        r"merci de |n'hésite pas à |s'il te plaît,? |il est important que tu |veuillez )*(?:bien |s'il te plaît,? )?"
    ),
    remember=compiled(
        r"(?:(?:(?:souviens|rappelle)[- ]toi(?: bien)?|souvenez[- ]vous|rappelle[- ]moi|rappelle|te (?:souvenir|rappeler|"
        r"souviennes|rappelles)|retiens|retenir|retiennes|retenez|note(?:r|s|z)?|notes|notez|mémorise(?:r|s|z)?|"
        r"enregistre(?:r|s|z)?|garde(?:r|s|z)?|écris|inscris|sache|sauvegarde(?:r|s)?|prends? (?:bien )?(?:en )?note|"
        r"fais[- ]toi (?:bien )?une note|mets[- ]toi (?:bien )?en tête|(?:garde|gardez|garder) (?:bien )?à l'esprit|"
        r"pense à (?:retenir|noter|te souvenir)|ne perds pas de vue|consigne|grave dans ta mémoire|prendre note|"
        r"prenez note|garde (?:bien )?en (?:tête|mémoire)|(?:garder|gardes) en (?:tête|mémoire)|tiens compte|tenir compte|"
        r"n['\u2019] ?oublie(?:s|z|r)?(?: (?:pas|jamais|surtout pas))|ne pas oublier|n'oublies pas|pour (?:info|mémoire|"
        r"rappel|la prochaine fois|ta gouverne|ton information|plus tard|l'avenir)|rappel|à (?:retenir|noter|savoir)|"
        r"note pour (?:plus tard|moi|toi)|sache bien)"
        r"(?: bien| s'il te plaît| quelque part| ceci| cela| ça| en (?:tête|mémoire)| dans (?:ta|tes) (?:mémoire|notes)|"
        r" pour moi| toujours| du fait| aussi| pour plus tard)*)(?:\s*[,:\-\u2013]\s*|\s+)(?:(?:de (?:ceci|cela)|ceci|"
        r"ça)[:,]? )?(?:que |qu['\u2019] ?|du fait que |de )?(?P<what>\S.*)$"
    ),
    remember_behind=compiled(
        r"(?P<what>\S.{3,}?)\s*[,;:.!\u2013\u2014-]+\s*(?:et |alors |donc |s'il te plaît,? |stp |surtout )*(?:(?:souviens|"
        r"rappelle)[- ]toi[- ]?(?:s?'?en|s-en|de ça|de cela|le)?|souviens[- ]t['\u2019]en|rappelle[- ]le[- ]toi|"
        r"rappelle[- ]t['\u2019]en|retiens[- ](?:le|la|bien ça|ça)|retiens (?:ça|bien|cela|le)|note[- ](?:le|la|ça)|"
        r"note (?:ça|bien|cela)|mémorise[- ](?:le|la|ça)|mémorise ça|enregistre[- ](?:le|ça)|garde[- ](?:le|ça) en (?:tête|"
        r"mémoire)|garde ça en (?:tête|mémoire)|ne l['\u2019]oublie (?:pas|jamais)|n['\u2019]oublie (?:pas|jamais)(?: ça|"
        r" cela)?|à retenir|prends[- ]en note|(?:peux|pourrais)[- ]tu (?:le|t'en|l') ?(?:retenir|noter|souvenir|mémoriser|"
        r"enregistrer))(?:,? (?:s'il te plaît|stp|bien|pour (?:plus tard|la prochaine fois|l'avenir|moi)|merci))*\s*[.!?]*$"
    ),
    no_content=compiled(
        r"(?:t(?:on|a|es)\b|votre\b|vos\b|frais\b|quand|comment|où|qui\b|quoi|pourquoi|ce que|si\b|du (?:jour|temps)|de (?:la"
        r" fois|cette|nos|notre|moi|nous)|moi\b|"
        r"cette (?:fois|époque|chanson)|le (?:lait|pain|jour)|(?:d['\u2019]|de )?(?!notre|votre|[pm]ère|frère|quatre|hier"
        r"|cher|papier)\w+(?:er|ir|re)\b|la (?:monnaie|différence|"
        r"date)|un (?:poème|texte)|une (?:lettre|histoire))"
    ),
    forget=compiled(
        r"(?:oublie(?:r|s|z)?|arrête de (?:te souvenir|retenir|mémoriser|garder)|cesse de (?:te souvenir|retenir)|"
        r"ne (?:te souviens|retiens|garde) (?:plus|pas)|ne garde plus|tu n'as plus besoin de (?:retenir|savoir|garder|"
        r"te souvenir)|je ne veux (?:plus|pas) que tu (?:te souviennes|retiennes|gardes|saches|connaisses)|débarrasse[- ]toi|"
        r"fais comme si je (?:n'avais|ne t'avais) (?:rien|jamais)(?: rien)? (?:dit|raconté)|oublie(?:ras|"
        r"s)?)(?: s'il te plaît| maintenant| aussi| donc)*(?:[,:]\s*|"
        r" |$)(?P<what>.*)$"
    ),
    delete=compiled(
        r"(?:efface(?:r|s|z)?|supprime(?:r|s|z)?|enlève(?:r)?|enlever|retire(?:r)?|vide(?:r)?|raye(?:r)?|sors|sortir|détruis|"
        r"purge)(?: s'il te plaît|"
        r" maintenant| aussi)* (?P<what>.*)$"
    ),
    own=compiled(
        r"(?:mon|ma|mes|notre|nos|tout|toutes|tous|ce que|ce qu'|cela|ça|l['\u2019]information|les informations|les données|"
        r"ta mémoire|la note|le souvenir|le fait|que je|que j')(?! ?(?:fichier|texte|code\b|compte|message|ligne|phrase|"
        r"dossier))"
    ),
    everything=compiled(
        r"(?:absolument )?(?:tout|toutes? (?:mes|les|tes) (?:données|informations|infos)|tous (?:mes|les|tes) (?:souvenirs|"
        r"données)|mes (?:données|informations)|ta mémoire|les données)(?: (?:personnelles))?(?: ce)?(?: (?:que|"
        r"dont) tu (?:sais|as (?:retenu|enregistré|appris|mémorisé)|te souviens|connais|as)| que je t'ai (?:dit|raconté|"
        r"confié))?(?: (?:de|sur|à propos de|me concernant) ?(?:moi)?)?(?: que tu (?:as|sais))?|moi"
    ),
    topic=compiled(
        r"(?:tout )?ce que (?:je (?:t'ai|viens de te|t'avais) (?:dit|raconté|dire|raconter|confié)|j'ai (?:dit|raconté|"
        r"mentionné)|tu sais|tu as retenu)(?: tout à l'heure| avant| hier)? (?:sur|de|à propos de|au sujet de|à propos d'|"
        r"concernant) ?(?P<what>.+)$|tout (?:sur|ce qui concerne|à propos de|au sujet de|concernant) (?P<w2>.+)$|"
        r"(?:l['\u2019]information|les informations|les infos|la note|le souvenir|les données|l['\u2019]histoire) (?:sur|de|"
        r"à propos de|au sujet de|concernant) (?P<w3>.+)$"
    ),
    last=compiled(
        r"(?:ça|cela|ceci|ce que (?:je viens de (?:te )?dire|j'ai dit|je t'ai dit)(?: tout à l'heure| avant)?|"
        r"mon dernier message|la dernière phrase|ce dernier point)"
    ),
    idle=compiled(
        r"(?:(?:les|des) (?:noms|clés).*|pas\b.*|jamais\b.*|le temps|souvent.*|(?:de|d') ?\w+(?:er|ir|re)\b.*|"
        r"l['\u2019]affaire|la pluie|-moi|(?:je|on|il|elle|c'est|ce n'est|laisse|ça ne)\b.*)"
    ),
    tail=compiled(
        r"(?:[, ]+(?:s'il te plaît|s'il vous plaît|stp|svp|maintenant|pour toujours|complètement|définitivement|de ta mémoire|"
        r"de tes (?:notes|données)|merci|tout de suite|immédiatement))+$"
    ),
)
WORDINGS = {"de": DE, "es": ES, "fr": FR}
MISLEADING = {
    "de": compiled(
        r"(?:ich|wir|er|sie|man|hast du|denkst du|glaubst du|merkst du|habe ich|was|wie|wann|wer|warum|weißt du|erinnerst du"
        r"|kannst du dich (?:noch )?(?:an|"
        r"daran) |wirst du)\b(?! (?:möchte|will|bitte dich|würde gerne))"
    ),
    "es": compiled(
        r"[\u00bf\u00a1]*(?:yo|nosotros|él|ella|me olvidé|olvidé|se me|recuerdo|recuerdas|te acuerdas|cómo|qué|cuándo|dónde|"
        r"quién|por qué|siempre (?:olvido|se)|nunca olvidaré|te olvidaste|has olvidado|no puedo|no recuerdo|no me acuerdo|"
        r"no quiero olvidar)\b"
    ),
    "fr": compiled(
        r"(?:je (?!veux que|ne veux (?:plus|pas) que|voudrais que|souhaite que|te demande)|nous|il (?!faut|faudrait|"
        r"est important)|elle|on\b|"
        r"j'(?!aimerais que|ai besoin que)|te souviens|tu te (?:souviens|rappelles)|as-tu|comment|qu'est|quand|où|qui|"
        r"pourquoi|est-ce que tu te|tu as oublié)"
    ),
}
