"""Words whose full stop ends no sentence, in several languages, in lower case and without the last full stop. Feeds `sentences`."""

from __future__ import annotations

TITLES = frozenset(
    """dr mr mrs ms mx prof st hr frl dipl ing sr sra srta sres dra donª dña mme mmes mlle mgr dott dott.ssa sig sig.ra rev hon gen
    col capt lt sgt maj cmdr gov sen rep vs tél tel fig abs kap bzgl inkl zzgl ggf evtl bzw vgl ca approx ул г-н г-жа им стр cf""".split()
)
"""Abbreviations that something follows."""

NUMBERING = frozenset("no nr nº n° num art p pp s ch ver v".split())
"""Abbreviations that a number follows; before anything else the word is a word."""

ABBREVIATIONS = frozenset(
    """etc usw usf inc ltd co corp jr bros dept est vol eds avg temp apt ave blvd rd str pl geb gest jh mio mrd tsd fr jan feb apr jun
    jul aug sep sept oct okt nov dec dez ej pág pag av avda c/ ud uds vd depto tfno arch bd boul env av. j.-c apr. ecc pag. p.es т.д т.п
    др гг руб тыс млн""".split()
)
"""Abbreviations that may end a sentence too: it ends where one of `OPENERS` follows in upper case."""

OPENERS = frozenset(
    """a after also an and are as at because before but by can could did do does for from had has have he her here his how i if in is it
    its just last let maybe my next no not now of on once one or our please she since so sometimes still that the their then there
    these they this those to today tomorrow was we were what when where which while who why will with would yes yesterday you your
    aber am auch auf bei da dann danach das dein deine dem den der deshalb die dies doch du ein eine er es für gestern heute ich ihr ihre
    im in ist ja jetzt man mein meine mit morgen nach nein nun oder sein seine sie und unser unsere von was wann wenn wer wie wir wo zu
    al aquí ayer como cuando de después donde el ella ellas ellos en es esa ese está este esta fue hay hoy la las lo los luego mañana me mi
    mis nos nuestra nuestro para pero por porque pues que qué se si sí su sus también te tengo tu un una y ya yo
    alors après au aussi avec c ce ces cette comme dans depuis demain des donc du elle elles est et hier il ils j je l le les ma mais
    mes mon ne notre nous où on ou puis quand qui sa ses son ton une vous
    anche ci con da domani dopo e gli ha ho i ieri ma mia mio noi non oggi per poi quando quindi sono
    agora depois e ela ele eles em eu foi hoje mas meu minha não nós o ontem os ou seu sua também uma você
    а в все где да его её и как когда мои мой моя мы на не но он она они потом с ты у что это я""".split()
)
"""Words that often begin a sentence, and in upper case seldom stand within one."""

COUNTED = frozenset(
    """januar jänner februar märz april mai juni juli august september oktober november dezember jahrhundert stock etage og klasse
    geburtstag platz semester hochzeitstag jahrestag advent jan feb mär apr jun jul aug sep sept okt nov dez""".split()
)
"""Words after an ordinal number such as "3." in German."""
