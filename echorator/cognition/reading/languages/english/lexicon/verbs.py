"""The forms of English verbs. Regular ones follow from the lemma; the closed class of irregular ones is listed."""

from __future__ import annotations

_REGULAR = """
live move relocate work study like love hate enjoy adore dislike detest loathe prefer play own use collect call name weigh belong switch
change stop start join marry divorce adopt own rent retire resign graduate practise practice listen watch cook bake travel visit walk jog
cycle hike climb paint dance train want need hope plan wish intend decide try look seem appear stay remain settle attend enrol enroll hail
originate suffer support follow volunteer coach tutor manage lead serve help care depend commute park stand die pass report thank believe
suppose imagine assume guess doubt wonder pretend promise expect remember ask answer talk explain mention note hire fire employ promote
smoke avoid skip order cost finish end happen arrive return open close turn test fix repair replace break upgrade measure rename dye
identify consider regard treat miss add save store hobby garden knit sew fish camp surf ski skate box crochet code program develop
design photograph sail row juggle kayak meditate blog stream game swap trade transfer convert celebrate share worry struggle cry laugh
joke believe behave reach drop pick fail cancel book reserve schedule postpone land board pack rely fear dread abhor despise crave savour
appreciate fancy bother annoy disturb stutter snore
sound smell taste matter depend include exist
contain require involve allow cause
believe agree disagree reply respond wash clean carry cover kick pull push roll curl jump climb watch wait chase bark purr lick
nap lounge dance""".split()

_IRREGULAR = {
    "be": ("is", "was", "been", "being"),
    "have": ("has", "had", "had", "having"),
    "do": ("does", "did", "done", "doing"),
    "go": ("goes", "went", "gone", "going"),
    "get": ("gets", "got", "gotten got", "getting"),
    "eat": ("eats", "ate", "eaten", "eating"),
    "drink": ("drinks", "drank", "drunk", "drinking"),
    "drive": ("drives", "drove", "driven", "driving"),
    "speak": ("speaks", "spoke", "spoken", "speaking"),
    "quit": ("quits", "quit", "quit", "quitting"),
    "become": ("becomes", "became", "become", "becoming"),
    "leave": ("leaves", "left", "left", "leaving"),
    "sell": ("sells", "sold", "sold", "selling"),
    "buy": ("buys", "bought", "bought", "buying"),
    "lose": ("loses", "lost", "lost", "losing"),
    "grow": ("grows", "grew", "grown", "growing"),
    "teach": ("teaches", "taught", "taught", "teaching"),
    "run": ("runs", "ran", "run", "running"),
    "swim": ("swims", "swam", "swum", "swimming"),
    "write": ("writes", "wrote", "written", "writing"),
    "read": ("reads", "read", "read", "reading"),
    "take": ("takes", "took", "taken", "taking"),
    "wear": ("wears", "wore", "worn", "wearing"),
    "know": ("knows", "knew", "known", "knowing"),
    "think": ("thinks", "thought", "thought", "thinking"),
    "say": ("says", "said", "said", "saying"),
    "tell": ("tells", "told", "told", "telling"),
    "mean": ("means", "meant", "meant", "meaning"),
    "keep": ("keeps", "kept", "kept", "keeping"),
    "give": ("gives", "gave", "given", "giving"),
    "come": ("comes", "came", "come", "coming"),
    "see": ("sees", "saw", "seen", "seeing"),
    "meet": ("meets", "met", "met", "meeting"),
    "feel": ("feels", "felt", "felt", "feeling"),
    "find": ("finds", "found", "found", "finding"),
    "make": ("makes", "made", "made", "making"),
    "break": ("breaks", "broke", "broken", "breaking"),
    "fall": ("falls", "fell", "fallen", "falling"),
    "begin": ("begins", "began", "begun", "beginning"),
    "build": ("builds", "built", "built", "building"),
    "choose": ("chooses", "chose", "chosen", "choosing"),
    "cut": ("cuts", "cut", "cut", "cutting"),
    "dream": ("dreams", "dreamt dreamed", "dreamt dreamed", "dreaming"),
    "fly": ("flies", "flew", "flown", "flying"),
    "forget": ("forgets", "forgot", "forgotten", "forgetting"),
    "hear": ("hears", "heard", "heard", "hearing"),
    "hold": ("holds", "held", "held", "holding"),
    "learn": ("learns", "learned learnt", "learned learnt", "learning"),
    "let": ("lets", "let", "let", "letting"),
    "pay": ("pays", "paid", "paid", "paying"),
    "put": ("puts", "put", "put", "putting"),
    "ride": ("rides", "rode", "ridden", "riding"),
    "send": ("sends", "sent", "sent", "sending"),
    "sing": ("sings", "sang", "sung", "singing"),
    "sit": ("sits", "sat", "sat", "sitting"),
    "sleep": ("sleeps", "slept", "slept", "sleeping"),
    "spend": ("spends", "spent", "spent", "spending"),
    "stand": ("stands", "stood", "stood", "standing"),
    "wake": ("wakes", "woke", "woken", "waking"),
    "win": ("wins", "won", "won", "winning"),
    "bring": ("brings", "brought", "brought", "bringing"),
    "pick": ("picks", "picked", "picked", "picking"),
    "bear": ("bears", "bore", "born borne", "bearing"),
    "hurt": ("hurts", "hurt", "hurt", "hurting"),
    "fit": ("fits", "fitted fit", "fitted", "fitting"),
    "lie": ("lies", "lay lied", "lain", "lying"),
    "die": ("dies", "died", "died", "dying"),
    "breed": ("breeds", "bred", "bred", "breeding"),
    "show": ("shows", "showed", "shown", "showing"),
    "set": ("sets", "set", "set", "setting"),
    "shut": ("shuts", "shut", "shut", "shutting"),
    "understand": ("understands", "understood", "understood", "understanding"),
}
_DOUBLED = frozenset("stop plan jog drop rebut chat swap program transfer knit skip row hit fan pet prefer enrol travel".split()) - {"row"}


def _third(lemma: str) -> str:
    if lemma.endswith(("s", "sh", "ch", "x", "z", "o")):
        return lemma + "es"
    if lemma.endswith("y") and lemma[-2] not in "aeiou":
        return lemma[:-1] + "ies"
    return lemma + "s"


def _stem(lemma: str, ending: str) -> str:
    if lemma in _DOUBLED:
        return lemma + lemma[-1] + ending
    if lemma.endswith("e"):
        return (lemma if ending == "ing" and lemma.endswith(("ee", "ye")) else lemma[:-1]) + ending
    if ending == "ed" and lemma.endswith("y") and lemma[-2] not in "aeiou":
        return lemma[:-1] + "ied"
    return lemma + ending


def _forms() -> dict[str, dict[str, str]]:
    """Return for each kind of form the words that have it, with their lemmas."""
    base: dict[str, str] = {}
    third: dict[str, str] = {}
    past: dict[str, str] = {}
    participle: dict[str, str] = {}
    gerund: dict[str, str] = {}
    for lemma in _REGULAR:
        if lemma.isalpha() and lemma not in _IRREGULAR:
            base[lemma] = lemma
            third[_third(lemma)] = lemma
            past[_stem(lemma, "ed")] = participle[_stem(lemma, "ed")] = lemma
            gerund[_stem(lemma, "ing")] = lemma
    for lemma, (s, pasts, participles, ing) in _IRREGULAR.items():
        base[lemma] = third[s] = gerund[ing] = lemma
        past |= dict.fromkeys(pasts.split(), lemma)
        participle |= dict.fromkeys(participles.split(), lemma)
    past |= {"were": "be"}
    return {"base": base, "third": third, "past": past, "participle": participle, "gerund": gerund}


FORMS = _forms()
BASE, THIRD, PAST, PARTICIPLE, GERUND = (FORMS[kind] for kind in ("base", "third", "past", "participle", "gerund"))

BE = {"am": "", "'m": "", "is": "", "'s": "", "are": "", "'re": "", "was": "past", "were": "past", "ain't": ""}
HAVE = {"have": "", "'ve": "", "has": "", "'s": "", "had": "past"}
DO = {"do": "", "does": "", "did": "past"}
MODALS = frozenset("can could would should may might must will shall 'll 'd".split())
NEGATIONS = frozenset("not n't never".split())
# Adverbs that stand between subject and verb, and after "be".
ADVERBS = frozenset(
    """also always usually often sometimes normally generally currently presently now just still already recently lately finally
    actually really truly honestly definitely certainly absolutely totally completely simply basically mostly mainly primarily
    originally both all even only once rarely seldom hardly occasionally regularly frequently typically mostly personally kinda sorta
    obviously apparently fortunately unfortunately sadly luckily officially legally proudly happily freshly newly temporarily
    exclusively strictly secretly literally especially particularly today then too nowadays quite rather pretty very so fully severely
    highly deathly terribly mildly slightly extremely super strongly seriously incredibly deeply partly half formerly previously
    anyway ever""".split()
)
HEDGES = frozenset("maybe perhaps probably possibly presumably supposedly allegedly".split())
GONE = frozenset("formerly previously once originally".split())
