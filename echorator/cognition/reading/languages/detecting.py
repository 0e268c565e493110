"""Tells English, German, Spanish and French apart by their commonest words."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages import french, german, spanish
from echorator.cognition.reading.languages.english.lexicon import nouns, verbs
from echorator.cognition.reading.languages.table import Table
from echorator.cognition.reading.words import Words


def _common(table: Table, more: str) -> frozenset[str]:
    """Return the closed classes of a language and its verbs, and more words."""
    return frozenset(
        {
            *table.me,
            *table.others,
            *table.possessives,
            *table.articles,
            *table.negations,
            *table.none,
            *table.verbs,
            *table.prepositions,
            *table.once,
        }
        | {*table.relations, *table.pets, *table.attributes, *table.separators, *more.split()}
    )


# Letters that only one of the languages writes, and how much a word with one counts.
_LETTERS = {"de": re.compile("[äöüß]"), "es": re.compile("[ñ¿¡áíóú]"), "fr": re.compile("[èêëçœàùîïôû]|\\b(?:j|qu|n|m|t|l|d|c)'[a-zéèê]")}

_WORD = re.compile(r"[\w']+")
_WORDS = {
    "en": nouns.KIN
    | nouns.PETS
    | nouns.LANGUAGES
    | nouns.COLOURS
    | frozenset(verbs.FORMS["third"])
    | frozenset(verbs.FORMS["past"])
    | frozenset(
        """job hobby name chef team band film phone number password code i my the is are was were am 'm 's n't not you we our have has
            had do does did and with for of to in on at it that this he they her his what where when who which how can could would will
            please forget remember delete everything about me your a an be been being no yes from as but or so if by like love live work
            just now any more all there their them she him us its than then too very because since also note tell erase don't i'm what's
            here into out up down over after before know think want need get got go going name call called favourite favorite mine
            married moved vegan years old i'm im i've ive i'd i'll it's that's he's she's we're we've they're isn't doesn't didn't can't
            won't dont cant couldn't wouldn't haven't aren't wasn't you're let's his hers ours""".split()
    ),
    "de": _common(
        german.TABLE,
        """dein deine deinem deinen gedächtnis dir dich mir mich bitte vergiss merk merke was wo wer wie wann weißt lösche lösch alles
            denk denke notier notiere falsch hast kannst kann sich jetzt nein hallo alle allem daran woran welche welcher welches wem
            wen vergessen über speichere speicher mehr sehr oder""",
    ),
    "es": _common(
        spanish.TABLE,
        """me te se qué dónde quién cómo cuándo cuál cuáles cuántos cuántas recuerda olvida olvídate apunta borra todo sobre puedes
            favor por perdón anota elimina muy ya ahora que tus tu olvides guarda acuérdate llámame hola nunca nada esto eso porfa
            usted suprime quita dale""",
    ),
    "fr": _common(
        french.TABLE,
        """non oui me te se s' m' t' n' d' l' j' c' qu' ne que qui quel quelle quels quelles où quand comment souviens oublie efface
            tout toi moi retiens note rappelle peux veux peut bonjour salut pardon maintenant combien supprime n'oublie enregistre
            mémorise sais toutes ton ta tes de cette ces ce cet histoire arrête pas plus rien jamais dans sur avec chez retire
            enlève stp svp""",
    ),
}


def language_of(words: Words) -> str:
    """Return "en", "de", "es" or "fr", whichever has most of the words, or "" where none has any; English is preferred at a tie."""
    text = words.source.lower().replace("\u2019", "'")
    written = set(_WORD.findall(text))
    low = written | {word[: word.index("'") + 1] for word in written if "'" in word[1:]}
    best, most = "", 0
    for name, common in _WORDS.items():
        count = len(common & low) + (name in _LETTERS and _LETTERS[name].search(text) is not None)
        if count > most:
            best, most = name, count
    return best
