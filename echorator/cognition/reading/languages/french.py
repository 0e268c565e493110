"""The words by which French sentences are read."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.table import Table, forms, pairs, words

_JOBS = words(
    """médecin avocat avocate étudiant étudiante architecte pilote prof professeur professeure chef cheffe comptable dentiste
        vétérinaire secrétaire retraité retraitée chômeur chômeuse journaliste libraire biologiste chimiste plombier bébé-sitter serveur
        serveuse assistant assistante fonctionnaire soldat juge pompier pompière agent cadre graphiste notaire kiné kinésithérapeute psy
        psychologue photographe maire gendarme artisan artisane commerçant commerçante consultant consultante enseignant enseignante
        gérant gérante fleuriste interprète orthophoniste peintre mannequin sage-femme apprenti apprentie doctorant doctorante stagiaire
        freelance indépendant indépendante informaticien informaticienne"""
)
_JOB_ENDS = ("eur", "euse", "ier", "ière", "trice", "iste", "logue", "icien", "icienne", "macien", "macienne", "anger", "angère")
_NO_JOBS = words(
    """fumeur fumeuse optimiste pessimiste premier première dernier dernière chanteuse_ rêveur rêveuse féministe artiste_ meilleur
        meilleure majeur mineur célibataire supérieur heureux heureuse sérieuse peur coeur cœur sœur soeur fleur couleur valeur erreur
        perfectionniste lecteur lectrice joueur joueuse entier hier fier fière amoureuse buveur buveuse"""
)


def _is_job(word: str) -> bool:
    return word in _JOBS or (word.endswith(_JOB_ENDS) and word not in _NO_JOBS)


_VERBS = forms(
    """
be | suis sommes | est sont | étais était étions étaient | été
have | ai avons | a ont | avais avait avions | eu
will | vais allons voudrais veux voulons aimerais aimerions pourrais | va vont veut voudrait aimerait pourrait | |
can | peux pouvons | peut | pouvais |
called | appelle appelons | 3:appelle appellent | appelait |
live | habite habitons vis vivons réside | 3:habite habitent vit vivent réside | habitais vivais habitait habitions | habité vécu
move | déménage | | | déménagé emménagé
work | travaille travaillons bosse | 3:travaille travaillent bosse | travaillais travaillait | travaillé bossé
like | aime aimons adore adorons préfère préférons kiffe | 3:aime aiment adore préfère | aimais adorais aimait | aimé adoré
hate | déteste détestons hais | 3:déteste détestent hait | détestais | détesté
eat | mange mangeons | 3:mange mangent | mangeais | mangé
drink | bois buvons | boit | buvais | bu
smoke | fume fumons | 3:fume | fumais | fumé
play | joue jouons pratique | 3:joue jouent pratique | jouais jouait | joué
speak | parle parlons | 3:parle parlent | parlais | parlé
learn | apprends apprenons | apprend | | appris
study | étudie étudions | 3:étudie | étudiais | étudié
drive | conduis roule | conduit 3:roule | conduisais | conduit
come | viens venons | vient viennent | | venu
grow | | | | grandi
become | deviens | devient | | devenu devenue
marry | | | | marié_
divorce | | | | divorcé_
quit | démissionne | | | démissionné
die | | meurt | | mort morte décédé décédée
sell | vends | vend | | vendu
get | | | | adopté obtenu reçu
buy | | | | acheté
tolerate | tolère supporte digère | 3:tolère supporte | |
go | fais faisons | fait | faisais |
own | possède | 3:possède | |
born | | | | né née nés
say | dis crois pense trouve | dit disent croit 3:pense | disait | dit_
"""
)

TABLE = Table(
    me=words("je j' nous moi"),
    others=words("il elle ils elles on tu vous ce c' ça cela"),
    possessives=dict.fromkeys(words("mon ma mes notre nos"), "me") | dict.fromkeys(words("son sa ses leur leurs"), "he"),
    articles=words("le la l' les un une des du de_la d'"),
    verbs=_VERBS,
    negations=words("pas plus jamais"),
    none=words("aucun aucune"),
    ended=re.compile(
        r"\b(?:ne|n') .*\bplus\b(?! de \w+ que)|\bplus (?:maintenant|désormais)\b|\b(?:ai|suis|aime|habite|travaille|mange) plus\b"
    ),
    once=words("avant autrefois auparavant jadis"),
    adverbs=words(
        """maintenant aussi actuellement encore toujours déjà très vraiment beaucoup bien ne n' me m' se s' nous_ te t' y en_ bonjour
            salut coucou alors donc bon désormais aujourd'hui seulement surtout récemment un_peu peu normalement souvent parfois
            d'ailleurs ailleurs en_fait ouais oui ah tellement français_ malheureusement heureusement depuis_peu plutôt particulièrement
            tout_le_temps tout enfin sincèrement franchement trop juste presque"""
    ),
    separators=words("et mais car parce puisque quoique ou que qui"),
    ands=words("et ou ni & aussi"),
    stops=words(
        "et mais car parce avec depuis en dans chez pour que quand où comme si plus maintenant beaucoup pas qui ni à au aux sur , ;"
    ),
    prepositions=pairs(
        "à au aux=to; en dans=in; chez=at; de du d' des=from; comme=as; pour=for; avec=with; contre=against; depuis=since; le=on"
    ),
    relations=pairs(
        """mère maman=mother; père papa=father; parents=parents; sœur soeur sœurs soeurs=sister; frère frères=brother; fils=son; fille
            filles=daughter; enfant enfants=child; garçon garçons=son; femme épouse=wife; mari époux=husband; copine=girlfriend;
            copain=boyfriend; compagnon compagne conjoint conjointe=partner; grand-mère mamie=grandmother; grand-père papi=grandfather;
            tante=aunt; oncle=uncle; cousin cousine cousins=cousin; nièce=niece; neveu=nephew; patron patronne chef=boss; collègue
            collègues=colleague; voisin voisine=neighbour; ami amie amis=friend; belle-mère=mother-in-law; beau-père=father-in-law;
            jumeaux jumelles=twin; fiancé fiancée=fiancé; médecin=doctor; colocataire=roommate; petit-fils petite-fille=grandchild"""
    ),
    pets=pairs(
        """chien chienne chiens chiot=dog; chat chatte chats chaton=cat; hamster=hamster; lapin lapins=rabbit; perroquet=parrot;
            perruche perruches=budgie; poisson poissons=fish; poisson_rouge=goldfish; cheval chevaux jument=horse; tortue
            tortues=tortoise; cochon_d'inde=guinea pig; poule poules=chicken; chèvre chèvres=goat; mouton moutons=sheep; serpent=snake;
            oiseau oiseaux=bird; poney=pony; animal animaux=pet"""
    ),
    attributes=pairs(
        """nom=name; prénom=name; nom_de_famille=last name; surnom=nickname; numéro_de_téléphone numéro téléphone portable
            numéro_de_portable=phone number; adresse=address; email mail adresse_mail e-mail adresse_e-mail=email; anniversaire
            date_de_naissance=birthday; âge=age; métier travail profession boulot=job; employeur=employer; ville=home city;
            langue_maternelle=native language; taille=height; poids=weight; pointure=shoe size; groupe_sanguin=blood type; signe
            signe_astrologique=star sign; religion=religion; hobby hobbies loisir loisirs passe-temps=hobby; situation_familiale=marital
            status; couleur_des_yeux=eye colour; nationalité=nationality; chiffre_porte-bonheur=lucky number; code_postal=postcode;
            plaque_d'immatriculation=licence plate; mot_de_passe_wifi mot_de_passe_du_wifi code_wifi mot_de_passe_du_wi-fi
            code_du_wifi=wifi password; mot_de_passe=password; code_pin=pin; code_de_la_porte code_de_l'immeuble digicode=door code;
            allergie allergies=allergy; université=university"""
    ),
    favourites=re.compile(r"(?P<n>[\wà-ÿ-]+) (?:préférée?s?|favorite?s?)|(?P<m>(?!))"),
    nouns=pairs(
        """couleur=colour; plat repas nourriture=food; boisson=drink; film=film; livre=book; groupe=band; chanson=song; animal=animal;
            sport=sport; équipe=team; ville=city; musique=music; série=series; jeu=game; saison=season; matière=subject; auteur autrice
            écrivain=author; glace=ice cream; fruit=fruit; légume=vegetable; fleur=flower; endroit lieu=place; chanteur chanteuse
            artiste=singer; pays=country; chiffre nombre=number; langue=language; grande grand=older; petite petit=younger; meilleur
            meilleure=best; restaurant=restaurant; vin=wine; bière=beer; dessert=dessert; acteur actrice=actor; fromage=cheese"""
    ),
    is_job=_is_job,
    diets=words(
        """végane vegan végan végane végétarien végétarienne végétalien végétalienne pescétarien pescétarienne flexitarien
        flexitarienne casher halal"""
    ),
    marital=words("marié mariée célibataire divorcé divorcée veuf veuve fiancé fiancée séparé séparée pacsé pacsée"),
    nationalities=words(
        """français française belge suisse canadien canadienne québécois québécoise allemand allemande italien italienne espagnol
            espagnole portugais portugaise anglais anglaise américain américaine marocain marocaine algérien algérienne tunisien
            tunisienne sénégalais sénégalaise breton bretonne japonais japonaise chinois chinoise polonais polonaise"""
    ),
    religions=words("catholique musulman musulmane juif juive bouddhiste athée chrétien chrétienne protestant protestante agnostique"),
    conditions=words(
        """diabète diabétique asthme asthmatique migraine migraines épilepsie tdah arthrite hypertension cœliaque coeliaque dépression
            anxiété dyslexie dyslexique épileptique autiste daltonien daltonienne arthrose"""
    ),
    colours=words(
        """rouge bleu bleue vert verte jaune noir noire blanc blanche gris grise marron orange violet violette rose turquoise beige
        doré argenté"""
    ),
    languages=words(
        """français anglais allemand espagnol italien portugais russe chinois japonais arabe breton basque polonais turc grec
            néerlandais suédois coréen hébreu latin roumain catalan créole wolof kabyle"""
    ),
    instruments=words(
        "piano guitare violon violoncelle flûte batterie trompette saxophone clarinette harpe basse orgue accordéon ukulélé synthé trombone"
    ),
    games=words(
        """foot football tennis basket handball volley échecs golf badminton rugby hockey pétanque ping-pong yoga judo karaté natation
        vélo randonnée escalade boxe danse course poker pilates"""
    ),
    things=words("maison appartement vélo moto bateau jardin ordinateur guitare piano caravane camping-car"),
    cars=words("voiture voitures auto bagnole"),
    days=words("lundi mardi mercredi jeudi vendredi samedi dimanche"),
    months=words("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
    numbers=words("un deux trois quatre cinq six sept huit neuf dix onze douze vingt trente quarante cinquante"),
    years=words("ans an"),
    countries=words(
        """france belgique suisse canada québec allemagne italie espagne portugal angleterre irlande états-unis brésil japon chine
            maroc algérie tunisie sénégal grèce turquie pologne russie australie inde luxembourg bretagne normandie provence"""
    ),
    allergic=words("allergique allergie allergiques"),
    intolerant=re.compile(r"intolérante?s? (?:aux?|à) (?P<v>\w+)"),
    allergy=re.compile(r"allergies?"),
    fears=words("peur phobie"),
    states=words(
        """fatigué fatiguée malade triste heureux heureuse occupé occupée stressé stressée énervé énervée enceinte cassé cassée mort
        morte pressé content contente désolé désolée prêt prête perdu perdue épuisé épuisée stressant fatigant en_panne"""
    ),
    supposing=re.compile(r"(?:si\b|s'|imagine|supposons|suppose|j' espère|j' aimerais|admettons|j' ai rêvé|fais comme si|disons|mettons)"),
    reporting=re.compile(r"(?!je\b|j').*\b(?:dit|disent|disait|croit|pense|demande|raconte|affirme|prétend|écrit)\b(?! (?:un|une|le|la))"),
    correcting=re.compile(
        r"(?:non|pardon|désolé|désolée|excuse-moi|excusez-moi|correction|attends|en fait|je voulais dire|je veux dire|plutôt|"
        r"c' est faux|ce n' est pas ça|oups|ah|en réalité|finalement|"
        r"je me suis trompé|je me suis trompée|c' est|maintenant c' est|,|:|\.|!)"
        r"(?: (?:non|pardon|désolé|en fait|je voulais dire|je veux dire|plutôt|c' est faux|c' est|maintenant|correction|"
        r"attends|finalement|c' était|,|:|\.|!))*(?= )"
    ),
    doubting=re.compile(r"(?:peut-être|je crois|je pense|probablement|sans doute|il me semble)\b"),
    over=re.compile(
        r"(?:c' est |ce n' est |ça n' est )?plus (?:maintenant|le cas|vrai|d' actualité)|ce n' est plus (?:le cas|vrai)|"
        r"ça a changé|c' est fini"
    ),
    greeting=re.compile(r"(?:bonjour|salut|coucou|hello|bonsoir)\b"),
    called_me=re.compile(
        r"(?:s'il te plaît,? )?(?:appelle[- ]moi|appelez[- ]moi|tu peux m['\u2019]appeler|on m['\u2019]appelle|"
        r"mes amis m['\u2019]appellent|tout le monde m['\u2019]appelle)\s+(?P<v>[A-ZÀ-Ü][\w-]+)\s*[.!]?$",
        re.IGNORECASE,
    ),
    but=words("mais"),
)
