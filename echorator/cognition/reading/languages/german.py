"""The words by which German sentences are read."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.table import Table, forms, pairs, words

_JOB_ENDS = tuple(
    stem + ending
    for stem in """lehrer ingenieur pfleger entwickler berater verkäufer techniker mechaniker mechatroniker bäcker schreiner maler gärtner
    designer manager programmierer informatiker wissenschaftler therapeut polizist journalist fahrer händler künstler assistent leiter
    redakteur frisör friseur anwält physiker chemiker biologe biologin psychologe psychologin betreuer erzieher rentner student schüler
    dolmetscher übersetzer schauspieler musiker autor professor dozent pilot kellner metzger tischler elektriker installateur dachdecker
    sekretär buchhalter banker steuerberater makler forscher mathematiker politiker pfarrer trainer analyst architekt apotheker optiker
    zahntechniker fotograf grafiker bibliothekar richter arbeiter unternehmer gründer praktikant azubi meister landwirt soldat kaufmännin
    hausmeister reporter sozialarbeiter streamer moderator metallbauer spengler winzer imker förster notar chirurg""".split()
    for ending in ("", "in", "e")
)
_JOBS = words(
    """arzt ärztin zahnarzt zahnärztin tierarzt tierärztin kinderarzt anwalt anwältin rechtsanwalt rechtsanwältin koch köchin
        krankenschwester hebamme kaufmann kauffrau bauer bäuerin hausfrau hausmann feuerwehrmann feuerwehrfrau selbständig selbstständig
        arbeitslos freiberufler freiberuflerin rentnerin pensionär pensionärin ingenieurin azubi schneiderin schneider friseurin model
        chef chefin beamter beamtin geschäftsführer geschäftsführerin verkäuferin erzieherin mfa data-scientist data-analyst
        auszubildender auszubildende doktorand doktorandin"""
)


def _is_job(word: str) -> bool:
    return (
        word in _JOBS
        or (word.endswith(_JOB_ENDS) and word not in ("meister", "leiter", "bauer", "autor"))
        or word.endswith(("analyst", "engineer", "developer"))
    )


_VERBS = forms(
    """
be | bin sind | ist sind | war waren | gewesen
have | habe hab haben | hat haben | hatte hatten | gehabt
will | werde werden würde möchte will soll sollte könnte hätte wäre wollte wollen wollten wären hätten könnten | wird würde 3:möchte | |
can | kann können | kann | konnte |
called | heiße heisse heißen heissen nenne | heißt heisst nennt lautet | hieß | geheißen
live | wohne wohnen lebe leben | wohnt lebt wohnen leben | wohnte wohnten lebte lebten | gewohnt gelebt
move | ziehe ziehen | zieht | zog zogen | gezogen umgezogen hingezogen
work | arbeite arbeiten jobbe | arbeitet jobbt | arbeitete arbeiteten | gearbeitet
like | mag mögen liebe lieben | mag liebt | mochte liebte mochten liebten | gemocht geliebt
hate | hasse hassen verabscheue | hasst verabscheut | hasste | gehasst
eat | esse essen | isst | aß aßen | gegessen
drink | trinke trinken | trinkt | trank | getrunken
smoke | rauche rauchen | raucht | rauchte | geraucht
play | spiele spielen | spielt | spielte spielten | gespielt
speak | spreche sprechen | spricht | sprach | gesprochen
learn | lerne lernen | lernt | lernte | gelernt
study | studiere studieren | studiert | studierte | studiert
drive | fahre fahren | fährt | fuhr fuhren | gefahren
come | komme kommen stamme stammen | kommt stammt | kam | gekommen
grow | | | wuchs | aufgewachsen
become | | | wurde wurden | geworden
marry | heirate heiraten | heiratet | heiratete heirateten | geheiratet
divorce | | | | geschieden
quit | kündige | kündigt | kündigte | gekündigt
die | | stirbt | starb | gestorben verstorben
sell | verkaufe | verkauft | verkaufte | verkauft
get | bekomme bekommen | bekommt | bekam bekamen | bekommen adoptiert
buy | kaufe kaufen | kauft | kaufte kauften | gekauft
tolerate | vertrage | verträgt | | vertragen
go | gehe gehen | geht | ging gingen | gegangen
own | besitze besitzen | besitzt | besaß |
born | | | | geboren
collect | sammle sammeln | sammelt | |
say | sage sagen denke glaube finde | sagt meint behauptet erzählt denkt glaubt | sagte meinte erzählte | gesagt gemeint erzählt
"""
)

TABLE = Table(
    me=words("ich wir"),
    others=words("er sie es man du ihr jemand das dies"),
    possessives=dict.fromkeys(words("mein meine meinen meinem meiner meines unser unsere unseren unserem unserer unseres"), "me")
    | dict.fromkeys(words("sein seine seinen seinem seiner ihr ihre ihren ihrem ihrer"), "he"),
    articles=words("der die das den dem des ein eine einen einem einer eines"),
    verbs=_VERBS,
    negations=words("nicht nie niemals"),
    none=words("kein keine keinen keinem keiner"),
    ended=re.compile(r"\bnicht (?:mehr|länger)\b|\bkeine?[nmr]?\b.*\bmehr\b|\bnie mehr\b"),
    once=words("früher damals ehemals"),
    adverbs=words(
        """jetzt nun auch aktuell derzeit zurzeit gerade eigentlich noch schon inzwischen mittlerweile sehr wirklich total leider
            übrigens heute neuerdings immer total absolut ja doch also wohl mal halt eben einfach nur meistens oft manchmal seitdem
            immernoch ab_und_zu überhaupt gar letztes letzten letzte jahr monat woche mehr länger hallo hi hey na moin servus guten tag
            bitte am_liebsten liebsten beruflich hauptberuflich momentan außerdem zudem besonders ganz daher deshalb wieder endlich erst
            heutzutage von_beruf offen gesagt ehrlich gestanden tatsächlich wahrscheinlich vielleicht unheimlich furchtbar richtig"""
    ),
    separators=words("und aber sondern denn weil da dass obwohl oder während der_die"),
    ands=words("und oder sowie & auch"),
    stops=words(
        """und aber weil denn mit seit bei in im am an auf für von aus als wo der_die dass wenn obwohl sondern zusammen gegen nach bis
            zu vor durch mehr jetzt nun gern gerne nicht auch über zum zur ohne hier schon , ;"""
    )
    - {"der_die"},
    prepositions=pairs(
        """bei beim=at; für=for; in im=in; nach=to; aus=from; als=as; gegen=against; auf=against; mit=with; von vom=of; vor=before; am
        an=on; seit=since; ins=in; zu zum=to"""
    ),
    relations=pairs(
        """mutter mama mutti=mother; vater papa vati=father; eltern=parents; schwester schwestern=sister; bruder brüder=brother;
            geschwister=sibling; sohn söhne=son; tochter töchter=daughter; kind kinder=child; frau ehefrau=wife; mann ehemann=husband;
            freundin=girlfriend; freund=boyfriend; partner partnerin=partner; oma großmutter=grandmother; opa großvater=grandfather;
            tante=aunt; onkel=uncle; cousin vetter=cousin; cousine=cousin; nichte=niece; neffe=nephew; chef chefin boss=boss; kollege
            kollegin=colleague; nachbar nachbarin=neighbour; mitbewohner mitbewohnerin=roommate; enkel enkelkind enkelin
            enkelkinder=grandchild; verlobter verlobte=fiancé; zwillinge=twin; schwiegermutter=mother-in-law;
            schwiegervater=father-in-law; hausarzt zahnarzt arzt=doctor; vermieter vermieterin=landlord; lehrer lehrerin=teacher"""
    ),
    pets=pairs(
        """hund hunde hündin welpe hunden hundes=dog; katze katzen kater kätzchen katers=cat; hamster=hamster; kaninchen hase
            hasen=rabbit; papagei papageien=parrot; wellensittich wellensittiche=budgie; fisch fische=fish; goldfisch
            goldfische=goldfish; pferd pferde pferdes=horse; pony=pony; schildkröte schildkröten=tortoise; meerschweinchen=guinea pig;
            huhn hühner=chicken; ziege ziegen=goat; schaf schafe=sheep; schlange schlangen=snake; maus mäuse=mouse; ratte ratten=rat;
            vogel vögel=bird; ente enten=duck; haustier haustiere=pet"""
    ),
    attributes=pairs(
        """name=name; vorname=first name; nachname familienname=last name; spitzname=nickname; telefonnummer handynummer nummer
            mobilnummer rufnummer handy telefon=phone number; adresse anschrift=address; e-mail email mail e-mail-adresse emailadresse
            mailadresse e-mailadresse=email; geburtstag geburtsdatum=birthday; alter=age; beruf job=job; arbeitgeber=employer; wohnort
            stadt=home city; heimatstadt=home town; muttersprache=native language; größe körpergröße=height; gewicht=weight;
            schuhgröße=shoe size; blutgruppe=blood type; sternzeichen=star sign; religion=religion; hobby hobbys hobbies=hobby;
            familienstand=marital status; augenfarbe=eye colour; haarfarbe=hair colour; nationalität staatsangehörigkeit=nationality;
            glückszahl=lucky number; postleitzahl plz=postcode; kennzeichen nummernschild=licence plate; hochzeitstag=anniversary;
            wlan-passwort wlan-kennwort wlan-schlüssel=wifi password; türcode=door code; passwort kennwort=password; pin=pin;
            staging-server=staging server; allergie allergien=allergy; universität uni=university; schule=school; gehalt=salary"""
    ),
    favourites=re.compile(r"(?:lieblings-?(?P<n>\w+)|(?P<m>(?!)))"),
    nouns=pairs(
        """farbe=colour; essen gericht speise=food; getränk=drink; film filme=film; buch bücher=book; band=band; lied song=song;
            tier=animal; sport sportart=sport; verein mannschaft team=team; stadt=city; musik=music; serie=series; spiel=game;
            jahreszeit=season; fach schulfach=subject; autor autorin=author; eis=ice cream; obst frucht=fruit; gemüse=vegetable;
            blume=flower; ort=place; künstler sänger sängerin=singer; land=country; zahl=number; sprache=language; ältere große=older;
            älterer großer=older; jüngere kleine=younger; jüngerer kleiner=younger; beste bester=best; restaurant=restaurant; wein=wine;
            bier=beer; käse=cheese; feiertag=holiday"""
    ),
    is_job=_is_job,
    diets=words("vegan veganer veganerin vegetarier vegetarierin vegetarisch pescetarier pescetarierin flexitarier koscher halal"),
    marital=words("verheiratet ledig geschieden verlobt verwitwet single getrennt witwe witwer"),
    nationalities=words(
        """deutscher deutsche deutsch österreicher österreicherin schweizer schweizerin italiener italienerin franzose französin
            spanier spanierin türke türkin pole polin russe russin amerikaner amerikanerin engländer engländerin brite britin portugiese
            portugiesin grieche griechin kroate kroatin ukrainer ukrainerin"""
    ),
    religions=words(
        """katholisch evangelisch muslim muslimin christ christin buddhist buddhistin jüdin jude atheist atheistin hindu protestant
        katholik katholikin orthodox"""
    ),
    conditions=words(
        """diabetes diabetiker diabetikerin asthma asthmatiker asthmatikerin migräne epilepsie adhs rheuma bluthochdruck neurodermitis
            heuschnupfen zöliakie depressionen arthrose legasthenie legasthenikerin autismus autist autistin tinnitus farbenblind
            schuppenflechte epileptiker epileptikerin"""
    ),
    colours=words(
        """rot blau grün gelb schwarz weiß weiss grau braun orange lila violett pink rosa türkis silber gold silbern golden beige
        dunkelblau hellblau dunkelgrün"""
    ),
    languages=words(
        """deutsch englisch französisch spanisch italienisch portugiesisch polnisch russisch türkisch arabisch chinesisch japanisch
            niederländisch schwedisch norwegisch dänisch finnisch tschechisch ungarisch griechisch kroatisch serbisch ukrainisch
            persisch hebräisch koreanisch vietnamesisch latein"""
    ),
    instruments=words(
        """klavier gitarre geige violine cello flöte blockflöte querflöte schlagzeug trompete posaune saxophon saxofon klarinette harfe
        bass orgel akkordeon ukulele keyboard bratsche kontrabass mundharmonika"""
    ),
    games=words(
        """fußball fussball tennis handball basketball volleyball schach golf badminton tischtennis hockey eishockey rugby squash poker
        skat minecraft computerspiele videospiele brettspiele yoga karate judo"""
    ),
    things=words("haus wohnung fahrrad motorrad boot garten laptop computer klavier gitarre wohnmobil ferienhaus schrebergarten kamera"),
    cars=words("auto wagen pkw autos"),
    days=words("montag dienstag mittwoch donnerstag freitag samstag sonntag"),
    months=words("januar februar märz april mai juni juli august september oktober november dezember"),
    numbers=words("eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreißig vierzig fünfzig"),
    years=words("jahre jahren jahr jährig"),
    countries=words(
        """deutschland österreich schweiz italien frankreich spanien portugal polen türkei england schottland irland usa kanada japan
            china indien brasilien dänemark schweden norwegen finnland niederlande belgien griechenland kroatien ungarn tschechien
            russland ukraine australien mexiko argentinien luxemburg bayern"""
    ),
    allergic=words("allergisch allergie"),
    intolerant=re.compile(r"(?P<v>laktose|gluten|fruktose|fructose|histamin|lactose)-?intoleran(?:t|z).*"),
    allergy=re.compile(r"(?P<v>[a-zäöüß]{3,20}?)(?:-?allergie)|allergie"),
    fears=words("angst"),
    states=words(
        """müde krank hungrig traurig glücklich gestresst beschäftigt genervt wütend nervös aufgeregt erschöpft schwanger kaputt tot
        leer anstrengend stressig langweilig sauer froh bereit fertig"""
    ),
    supposing=re.compile(
        r"(?:wenn|falls|angenommen|stell dir vor|stellen wir uns vor|nehmen wir an|mal angenommen|ich wünschte|ich hoffe|"
        r"hoffentlich|ich wollte|ich träumte|in meinem traum|tu so)\b"
    ),
    reporting=re.compile(
        r"(?!ich\b|wir\b).*\b(?:sagt|sagte|meint|meinte|behauptet|erzählt|erzählte|denkt|glaubt|fragt|fragte|schreibt|"
        r"hat gesagt|hat erzählt)\b"
    ),
    correcting=re.compile(
        r"(?:nein|nee|nö|quatsch|sorry|entschuldigung|entschuldige|verzeihung|korrektur|moment|stopp|ach|halt|oh|ups|"
        r"tut mir leid|eigentlich|doch|"
        r"das stimmt nicht|das ist falsch|ich meine|ich meinte|ich meinte eigentlich|ich wollte sagen|besser gesagt|vielmehr|"
        r"es ist|es war|sie ist|er ist|sie lautet|er lautet|es lautet|sondern|genauer|nicht ganz|jetzt ist es|es ist jetzt|"
        r"richtig ist|,|:|-|\.|!)"
        r"(?: (?:nein|nee|sorry|entschuldigung|korrektur|moment|ach|oh|eigentlich|doch|das stimmt nicht|das ist falsch|"
        r"ich meine|ich meinte|ich wollte sagen|es ist|sie ist|er ist|es sind|sie lautet|er lautet|es lautet|jetzt|nicht|,|:|"
        r"-|\.|!))*(?= )"
    ),
    doubting=re.compile(r"(?:vielleicht|wahrscheinlich|ich glaube|ich denke|vermutlich|eventuell|möglicherweise)\b"),
    over=re.compile(
        r"(?:das |es )?(?:ist |gilt |stimmt |bin ich |habe ich |mache ich )?(?:jetzt |leider |inzwischen )?nicht mehr(?: so|"
        r" der fall| wahr)?|jetzt nicht mehr|das hat sich geändert|das ist vorbei"
    ),
    gladly=words("gern gerne lieber liebend"),
    capital_nouns=True,
    greeting=re.compile(r"(?:hallo|hi|hey|moin|servus|guten (?:tag|morgen|abend)|grüß (?:dich|gott))\b"),
    called_me=re.compile(
        r"(?:bitte )?(?:nenn(?:e|t)? mich(?: einfach| doch)?|du kannst mich(?: gerne?| einfach)?|alle nennen mich|"
        r"meine freunde nennen mich|man nennt mich|sag einfach)\s+(?P<v>[A-ZÄÖÜ][\w-]+)(?:\s+nennen)?\s*[.!]?$",
        re.IGNORECASE,
    ),
    but=words("sondern"),
)
