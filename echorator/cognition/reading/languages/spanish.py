"""The words by which Spanish sentences are read."""

from __future__ import annotations

import re

from echorator.cognition.reading.languages.table import Table, forms, pairs, words

_JOBS = words(
    """médico médica abogado abogada estudiante arquitecto arquitecta piloto policía psicólogo psicóloga biólogo bióloga químico físico
        física maestro maestra chef jefe jefa gerente comerciante auxiliar asistente cocinero jubilado jubilada desempleado desempleada
        autónomo autónoma mecánico mecánica músico música técnico técnica funcionario funcionaria secretario secretaria ama_de_casa juez
        jueza modelo actor actriz fotógrafo fotógrafa veterinario veterinaria científico científica informático informática farmacéutico
        matemático bibliotecario bibliotecaria becario becaria investigador intérprete agente analista electricista carnicero sastre
        granjero agricultor soldado bombero bombera fontanero panadero profesor profesora doctor doctora enfermero enfermera"""
)
_JOB_ENDS = ("ero", "era", "dor", "dora", "sor", "sora", "tor", "tora", "ista", "ólogo", "óloga", "iatra", "grafo", "grafa")
_NO_JOBS = words(
    """soltero soltera optimista pesimista fumador fumadora soñador soñadora madrugador madrugadora lector lectora primero primera
        extranjero extranjera caballero compañero compañera socialista feminista hincha mayor menor mejor peor seguidor seguidora amador
        verdadero vegetariano vista lista bista derecho heredero entero sincero aventurero bandera manera era sendero seguro amor color
        jugador jugadora fiestero casero hogareño deportista perfeccionista motor sector"""
)


def _is_job(word: str) -> bool:
    return word in _JOBS or (word.endswith(_JOB_ENDS) and word not in _NO_JOBS)


_VERBS = forms(
    """
be | soy somos estoy estamos | es está son están | 1:fui era 3:fue 1:éramos 3:eran estaba 1:estuve |
have | tengo tenemos | tiene tienen | tenía 1:teníamos 1:tuve 1:tuvimos 3:tenían | tenido
aux | he hemos | ha han | había |
will | voy vamos quiero queremos quisiera querría podría me_gustaría | va van quiere podría |  |
called | llamo llamamos | llama llaman | llamaba llamaban |
live | vivo vivimos resido | vive viven reside | vivía 1:vivíamos 1:viví 3:vivió | vivido g:viviendo
move | mudo traslado | muda | 1:mudé 3:mudó 1:trasladé 1:mudamos | mudado trasladado
work | trabajo trabajamos curro | trabaja trabajan | trabajaba 1:trabajé 1:trabajábamos | trabajado g:trabajando
please | | gusta gustan encanta encantan apasiona fascina | gustaba gustaban encantaba |
hate | odio detesto odiamos no_soporto | odia detesta | odiaba |
like | amo adoro prefiero preferimos | ama adora prefiere | amaba |
eat | como comemos | come comen | comía | comido
drink | bebo tomo bebemos tomamos | bebe toma | bebía | bebido
smoke | fumo | fuma | fumaba fumé | fumado
play | toco juego jugamos tocamos practico | toca juega practica | tocaba jugaba | jugado tocado
speak | hablo hablamos | habla hablan | hablaba | hablado
learn | aprendo | aprende | | g:aprendiendo
study | estudio estudiamos | estudia | estudié estudiaba | estudiado g:estudiando
drive | conduzco manejo | conduce maneja | conducía manejaba |
come | vengo venimos provengo | viene vienen | |
grow | | | 1:crecí 3:creció | crecido
become | | | 1:convertí 1:hice 1:volví 3:convirtió | convertido
marry | caso | casa_ | 1:casé 1:casamos 3:casaron 3:casó |
divorce | | | 1:divorcié 1:divorciamos 3:divorció |
quit | renuncio | | 1:renuncié 1:dimití | renunciado dimitido
die | | muere | 3:murió 3:falleció | muerto fallecido
sell | vendo | | 1:vendí 1:vendimos | vendido
get | | | 1:adopté 1:adoptamos 1:conseguí | adoptado conseguido
buy | | | 1:compré 1:compramos | comprado
tolerate | tolero | tolera | |
go | hago hacemos | hace | |
own | poseo | posee | |
born | | | 1:nací 3:nació 1:nacimos | nacido
say | digo creo pienso | dice dicen cree piensa | dijo dijeron | dicho
"""
)

TABLE = Table(
    me=words("yo nosotros nosotras"),
    others=words("él ella ellos ellas usted tú eso esto lo"),
    possessives=dict.fromkeys(words("mi mis nuestro nuestra nuestros nuestras"), "me") | dict.fromkeys(words("su sus"), "he"),
    articles=words("el la los las un una unos unas"),
    verbs=_VERBS,
    negations=words("no nunca jamás tampoco"),
    none=words("ningún ninguna ninguno"),
    ended=re.compile(r"\bya no\b|\bno\b.*\bmás\b(?! que| de)"),
    once=words("antes antiguamente anteriormente"),
    adverbs=words(
        """ahora también actualmente todavía aún ya muy realmente siempre mucho bastante desde_hace solo sólo hola buenas pues bueno me
            nos se le les te hoy normalmente recientemente alérgica_ por_cierto además lamentablemente afortunadamente un_poco
            de_momento momento más acabo recién recién finalmente tanto casi totalmente sí claro que oye mira sinceramente"""
    ),
    separators=words("y e pero porque pues aunque sino mientras que o ni"),
    ands=words("y e o ni & también"),
    stops=words("y pero porque con desde en por para que cuando donde aunque sino como si ya más ahora mucho tanto hace , ;"),
    prepositions=pairs("en=in; a al=to; de del=from; como=as; para=for; con=with; contra=against; desde=since; por=for"),
    relations=pairs(
        """madre mamá=mother; padre papá=father; padres=parents; hermana hermanas=sister; hermano hermanos=brother; hijo hijos=son;
            hija hijas=daughter; niños niño niña=child; esposa mujer=wife; esposo marido=husband; novia=girlfriend; novio=boyfriend;
            pareja=partner; abuela=grandmother; abuelo=grandfather; tía=aunt; tío=uncle; primo prima primos=cousin; sobrina=niece;
            sobrino=nephew; jefe jefa=boss; amigo amiga amigos=friend; vecino vecina=neighbour; compañero compañera=colleague; nieto
            nieta nietos=grandchild; suegra=mother-in-law; suegro=father-in-law; prometido prometida=fiancé; gemelos mellizos=twin;
            médico doctora=doctor"""
    ),
    pets=pairs(
        """perro perra perros perrito perrita cachorro=dog; gato gata gatos gatito gatita=cat; hámster=hamster; conejo conejos=rabbit;
            loro loros=parrot; periquito periquitos=budgie; pez peces=fish; caballo yegua caballos=horse; tortuga tortugas=tortoise;
            cobaya cobayas=guinea pig; gallina gallinas=chicken; cabra cabras=goat; oveja ovejas=sheep; serpiente=snake; pájaro pájaros
            canario=bird; mascota mascotas=pet"""
    ),
    attributes=pairs(
        """nombre=name; apellido=last name; apodo=nickname; teléfono número_de_teléfono número móvil celular número_de_móvil=phone
            number; dirección=address; correo email correo_electrónico=email; cumpleaños fecha_de_nacimiento=birthday; edad=age; trabajo
            profesión empleo=job; ciudad=home city; idioma_materno lengua_materna=native language; altura estatura=height; peso=weight;
            talla_de_zapato número_de_zapato=shoe size; grupo_sanguíneo tipo_de_sangre=blood type; signo signo_del_zodiaco=star sign;
            religión=religion; hobby hobbies afición aficiones pasatiempo pasatiempos=hobby; estado_civil=marital status;
            color_de_ojos=eye colour; nacionalidad=nationality; número_de_la_suerte=lucky number; código_postal=postcode;
            matrícula=licence plate; aniversario=anniversary; contraseña_del_wifi clave_del_wifi contraseña_de_wifi
            contraseña_del_wi-fi=wifi password; contraseña clave=password; pin=pin; código_de_la_puerta=door code; alergia
            alergias=allergy; universidad=university; empresa=employer"""
    ),
    favourites=re.compile(r"(?P<n>[\wñ]+(?: de [\wñ]+)?) (?:favorit[oa]s?|preferid[oa]s?)|(?P<m>(?!))"),
    nouns=pairs(
        """color=colour; comida plato=food; bebida=drink; película=film; libro=book; banda grupo=band; canción=song; animal=animal;
            deporte=sport; equipo=team; ciudad=city; música=music; serie=series; juego=game; estación=season; asignatura
            materia=subject; autor autora escritor=author; helado=ice cream; fruta=fruit; verdura=vegetable; flor=flower; lugar=place;
            cantante artista=singer; país=country; número=number; idioma=language; mayor=older; menor=younger; restaurante=restaurant;
            vino=wine; cerveza=beer; postre=dessert; actor actriz=actor"""
    ),
    is_job=_is_job,
    diets=words("vegano vegana vegetariano vegetariana pescetariano pescetariana flexitariano flexitariana kosher"),
    marital=words("casado casada soltero soltera divorciado divorciada viudo viuda comprometido comprometida separado separada"),
    nationalities=words(
        """español española mexicano mexicana argentino argentina chileno chilena colombiano colombiana peruano peruana venezolano
            venezolana cubano cubana alemán alemana francés francesa italiano italiana inglés inglesa portugués portuguesa brasileño
            brasileña americano americana estadounidense japonés japonesa chino china ecuatoriano ecuatoriana boliviano boliviana
            uruguayo uruguaya paraguayo catalán catalana gallego gallega vasco vasca andaluz andaluza"""
    ),
    religions=words(
        "católico católica musulmán musulmana judío judía budista ateo atea cristiano cristiana protestante agnóstico agnóstica"
    ),
    conditions=words(
        """diabetes diabético diabética asma asmático asmática migraña migrañas epilepsia tdah artritis hipertensión celíaco celíaca
            celiaco celiaca depresión ansiedad dislexia epiléptico epiléptica autista daltónico daltónica"""
    ),
    colours=words(
        """rojo roja azul verde amarillo amarilla negro negra blanco blanca gris marrón naranja morado morada rosa violeta plateado
        plateada dorado turquesa beige"""
    ),
    languages=words(
        """español castellano inglés francés alemán italiano portugués ruso chino japonés árabe catalán gallego euskera vasco polaco
            turco griego holandés sueco coreano hebreo latín rumano quechua guaraní"""
    ),
    instruments=words(
        "piano guitarra violín violonchelo flauta batería trompeta saxofón clarinete arpa bajo órgano acordeón ukelele teclado trombón"
    ),
    games=words(
        """fútbol tenis baloncesto básquet voleibol balonmano ajedrez golf pádel hockey rugby béisbol videojuegos yoga karate kárate
        judo senderismo natación ciclismo boxeo escalada pilates"""
    ),
    things=words("casa piso apartamento bicicleta bici moto barco jardín ordenador computadora portátil guitarra piano caravana"),
    cars=words("coche carro auto coches"),
    days=words("lunes martes miércoles jueves viernes sábado domingo"),
    months=words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    numbers=words("uno dos tres cuatro cinco seis siete ocho nueve diez once doce treinta cuarenta cincuenta"),
    years=words("años año"),
    countries=words(
        """españa méxico argentina chile colombia perú venezuela cuba ecuador bolivia uruguay paraguay alemania francia italia portugal
            inglaterra irlanda estados brasil japón china canadá suiza austria bélgica grecia turquía polonia rusia australia india
            panamá guatemala honduras nicaragua"""
    ),
    allergic=words("alérgico alérgica alergia"),
    intolerant=re.compile(r"intolerantes? (?:a|al) (?P<v>\w+)"),
    allergy=re.compile(r"alergia|alergias"),
    fears=words("miedo pánico fobia"),
    states=words(
        """cansado cansada enfermo enferma triste feliz contento contenta ocupado ocupada enojado enojada nervioso nerviosa embarazada
        aburrido aburrida estresado estresada roto rota muerto estresante listo lista agotado agotada"""
    ),
    supposing=re.compile(r"(?:si\b|imagina|supongamos|supón|imagínate|ojalá|espero que|soñé que|desearía|finge|digamos|cuando sea)\b"),
    reporting=re.compile(r"(?!yo\b).*\b(?:dice|dicen|dijo|dijeron|cree|piensa|pregunta|preguntó|cuenta que|contó|escribe)\b"),
    correcting=re.compile(
        r"(?:no(?= [,.!])|perdón|perdona|disculpa|lo siento|corrección|espera|en realidad|mejor dicho|quise decir|"
        r"quería decir|me refería a|digo|rectifico|eso está mal|eso no es correcto|"
        r"me equivoqué|es decir|ahora es|ahora|es|ups|de hecho|,|:|\.|!|\u00a1)"
        r"(?: (?:no(?= [,.!])|perdón|espera|en realidad|quise decir|quería decir|me refería a|digo|es|ahora|eso está mal|"
        r"me equivoqué|era|son|de hecho|,|:|\.|!))*(?= )"
    ),
    doubting=re.compile(r"(?:quizás?|tal vez|creo que|probablemente|a lo mejor|posiblemente|puede que)\b"),
    over=re.compile(r"(?:eso )?ya no(?: es (?:así|cierto|verdad|correcto))?|eso ha cambiado|eso cambió|eso se acabó"),
    drops_subject=True,
    greeting=re.compile(r"(?:hola|buenas|buenos días|hey)\b"),
    called_me=re.compile(
        r"(?:por favor,? )?(?:llámame|puedes llamarme|me llaman|mis amigos me llaman|todos me llaman|me dicen|"
        r"dime)\s+(?P<v>[A-ZÁÉÍÓÚÑ][\w-]+)\s*[.!]?$",
        re.IGNORECASE,
    ),
    but=words("sino"),
)
