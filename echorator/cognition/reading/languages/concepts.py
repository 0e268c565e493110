"""Words of several languages that name the same thing in a request and in what was told: "my salary" and "I earn". Feeds `meant`.

All words are folded: lower case, without accents. A row of `SAME` is read both ways. In `KINDS` the words before the colon name what those
behind it are kinds of, so "my pets" means a cat, but "my cat" means no dog.
"""

from __future__ import annotations

_SAME = """
live living reside address home hometown city town residence based wohne wohnen wohnort adresse anschrift zuhause heimatstadt stadt lebe
    wohnhaft wohnsitz vivo vivir domicilio direccion ciudad residencia resido hogar habite habiter vis adresse domicile ville reside
    住 住址 住在 地址 住所 住んで 城市 家
earn earning earnings salary income pay wage wages paycheck verdiene verdienen verdienst gehalt lohn einkommen gano ganar cobro cobrar
    salario sueldo ingresos gagne gagner salaire paie revenu revenus remuneration touche 工资 薪水 收入 挣 月薪 給料 年収 収入 給与 稼
work working job employer employment company workplace profession occupation career arbeite arbeiten arbeit arbeitgeber beruf firma stelle
    arbeitsplatz arbeitsstelle trabajo trabajar empleo empleador empresa puesto profesion oficio travaille travailler travail employeur
    boulot metier emploi entreprise 工作 上班 职业 单位 公司 雇主 仕事 働 職場 勤 会社 勤務先 職業
phone telephone mobile cell cellphone number telefon telefonnummer handynummer handy rufnummer nummer mobilnummer telefono movil celular
    numero telephone portable 电话 电话号码 手机 手机号 手机号码 号码 電話 電話番号 番号 携帯
email mail e-mail mailadresse emailadresse correo courriel 邮箱 邮件 メール メールアドレス
birthday birthdate born geburtstag geburtsdatum geboren cumpleanos naci nacimiento anniversaire nee naissance 生日 出生 誕生日 生まれ
age old alter jahre edad anos ans 年龄 岁 年齢 歳
doctor gp physician arzt arztin doktor hausarzt hausarztin medico medica doctora medecin docteur generaliste toubib 医生 大夫 医者 主治医
dentist zahnarzt zahnarztin dentista dentiste 牙医 歯医者
password passcode passwort kennwort passphrase contrasena clave mdp passe 密码 パスワード
pin code geheimnummer geheimzahl codigo 暗証番号
name heisse llamo nombre nom prenom 名字 名前
weight weigh gewicht wiege peso poids pese 体重
height tall grosse gross altura estatura mido taille mesure 身高 身長
debt debts owe loan schulden schulde kredit deuda deudas debo prestamo dette dettes dois emprunt 债 欠 借金
plate licence license registration kennzeichen nummernschild matricula placa patente plaque immatriculation 车牌 ナンバー
bank iban account konto bankverbindung cuenta compte 银行账户 口座
vote voted voting party politics partei wahle gewahlt politik voto vote votar partido politica parti politique
religion believe faith religious christian muslim jewish buddhist glaube religios religion religiosa foi croyant
pregnant pregnancy expecting schwanger schwangerschaft embarazada embarazo enceinte grossesse 怀孕 妊娠
baby child kid kinderwunsch kind bebe nino hijo enfant 宝宝 孩子 赤ちゃん 子供
diet eat vegan vegetarian ernahrung dieta alimentacion regime 素食 饮食 食事
therapy therapist psychologist counselling therapie therapeut therapeutin terapia terapeuta psicologo therapeute psychologue psy
divorce divorced divorcing separation separated scheidung geschieden trennung getrennt divorcio divorciado divorciada separacion
    separado separada divorcee separe separee 离婚 離婚
study studies studying degree university college studiere studium uni universitat estudio estudios carrera universidad etudie etudes
    universite fac 大学 专业 学
car vehicle auto wagen coche carro voiture bagnole 车 車
wife spouse frau ehefrau esposa mujer femme epouse 妻子 老婆 太太 妻 奥さん
husband mann ehemann esposo marido mari epoux 丈夫 老公 夫 旦那
mother mum mom mama mutter mutti madre mere maman 妈妈 母亲 母
father dad papa daddy vater papi padre pere 爸爸 父亲 父
sister schwester hermana soeur 妹妹 姐姐 妹 姉
brother bruder hermano frere 弟弟 哥哥 弟 兄
boss manager supervisor chef chefin vorgesetzter vorgesetzte jefa patron patronne 老板 上司
allergy allergic allergie allergisch alergia alergico alergica allergique 过敏 アレルギー
epilepsy epileptic epilepsie epileptiker epileptikerin epileptisch epilepsia epileptico epileptica epileptique
diabetes diabetic diabetiker diabetikerin zucker diabetico diabetica diabete diabetique 糖尿病
asthma asthmatic asthmatiker asthmatikerin asma asmatico asmatica asthme asthmatique 哮喘 喘息
depression depressed depressiv depresion deprimido deprimida depressif depressive 抑郁 うつ
migraine migraines migrane migranas migrana 偏头痛 偏頭痛
"""
_KINDS = """
pet pets haustier haustiere tier mascota mascotas animal: cat dog kitten puppy rabbit hamster parrot horse bird fish katze kater hund hase
    kaninchen vogel pferd gato gata perro perra conejo caballo loro chat chatte chien chienne lapin cheval 猫 狗 犬
宠物 ペット: 猫 狗 犬 鸟 兔
illness disease condition health medical sickness krankheit erkrankung gesundheit enfermedad salud maladie sante diagnose diagnosis
    diagnostico diagnostic 病 病气 健康: asthma asthmatic diabetes diabetic epilepsy epileptic cancer migraine depression anxiety arthritis
    coeliac celiac hiv adhd autism asma asmatico epilepsia epileptico cancer diabetico asthme epilepsie epileptique diabete diabetique
    krebs migrane depression zoliakie rheuma
instrument musikinstrument instrumento: play spiele toco joue
hobby hobbies pasatiempo aficion loisir loisirs hobbys: play spiele toco juego joue collect sammle
partner spouse pareja conjoint conjointe partnerin: wife husband girlfriend boyfriend fiance frau mann freund freundin novio novia marido
    esposa mari femme copain copine
money finances finanzen geld dinero finanzas argent finances: earn salary debt owe verdiene gehalt schulden gano sueldo deudas gagne
    salaire dettes
family familie familia famille: mother father sister brother son daughter mum dad mutter vater schwester bruder sohn tochter madre padre
    hermana hermano hijo hija mere pere soeur frere fils fille
"""
OWNERS = frozenset(
    """mother mum mom father dad sister brother son daughter wife husband uncle aunt cousin grandma grandpa grandmother grandfather
    nephew niece
    friend boss neighbour neighbor colleague mutter vater schwester bruder sohn tochter frau mann onkel tante oma opa neffe nichte
    freund freundin chef chefin nachbar nachbarin kollege kollegin madre padre hermana hermano hijo hija mujer marido esposa esposo tio tia
    primo prima abuela abuelo amigo amiga jefe jefa vecino vecina mere pere soeur frere fils fille femme mari oncle tante cousin cousine
    mamie papi ami amie patron voisin voisine ex landlord landlady
    vermieter vermieterin casero casera proprietaire cat dog pet katze kater hund gato gata perro perra chat chatte chien chienne
    team""".split()
)
"""Who may own what is told of: a thing of theirs is not the user's own, so "my home city" does not mean "My sister lives in Gera."."""


def _rows(text: str) -> list[str]:
    joined: list[str] = []
    for line in text.strip("\n").splitlines():
        if line.startswith(" "):
            joined[-1] += line
        else:
            joined.append(line)
    return joined


def _table() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in _rows(_SAME):
        same = set(row.split())
        for word in same:
            found.setdefault(word, set()).update(same)
    for row in _rows(_KINDS):
        whole, kinds = row.split(":")
        for word in whole.split():
            found.setdefault(word, {word}).update(kinds.split())
    return {word: frozenset(words) for word, words in found.items()}


OTHER_WORDS = _table()
"""For a folded word of a request, the words that may stand for it in what was told, itself too."""
EMPTY = frozenset(
    """thing things stuff info infos information detail details data part parts bit bits story stories entry entries note notes fact facts
    everything anything all about plan plans idea business topic subject whole old former previous current new please any ever again said
    told mentioned know known memory memories record records i me my mine myself we us our you your it its this that these those he she
    they him her them his their a an the and or but not no of in on at to for from with by as is are was were be been am do does did have
    has had will would can could s m re ve ll d t how what who whom whose when where why which that so there more much many
    sache sachen geschichte geschichten eintrag eintrage daten angabe angaben alles thema uber von vom zu zum zur im am an auf aus bei mit
    nach fur und oder ich mich mir mein meine meinen meinem meiner meines wir uns unser unsere unseren unserem unserer du dich dir dein
    deine er sie es ihn ihm ihr ihre ihren sein seine der die das den dem des ein eine einen einem einer dass was wer wen wem wo wie wann
    warum ist sind war waren bin bist hat habe haben hast wird alt alte alten alter nicht mehr kein keine viel noch je gesagt erzahlt
    bitte wieder raus heraus ja
    cosa cosas dato datos historia historias entrada entradas informacion todo toda sobre lo la el los las de del al a en con por para y o
    que quien quienes cual donde cuando como cuanto cuanta yo me mi mis nosotros nos nuestro nuestra nuestros nuestras tu te ti su sus un
    una unos unas es son soy era esta estoy estamos ser he ha hemos tengo tenemos se le les ya no mas dicho dije tema asunto
    chose choses histoire histoires donnee donnees entree entrees souvenir tout toute tous sur du des le les un une au aux et ou je j me m
    mon ma mes moi nous notre nos tu te toi ton ta on il elle ils elles qu qui quoi quel quelle ce cet cette ces c est sont suis etait
    ai as a avons ont etre avoir dans avec pour par chez ne pas plus n d l s y en combien comment ou quand dit parle sujet fait ancien
    ancienne propos usted ustedes votre vos memoire memoria gedachtnis speicher notizen notas efface oublie borra olvida jetzt now
    saches sais savez sabes sepas weisst weißt merkst speicherst gardes guardes recuerdes permanently forever completely immediately
    thanks pls plz""".split()
)
"""Words that say only that something is meant, and those that every sentence has."""
