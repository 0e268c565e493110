"""What people tell an assistant, by topic: how it is said, and how it is asked for. Wordings of the tests in `unseen.py` are not among them.

A line is `statement / statement ... ? question / question ...`. `[a|b]` is a choice, `{kind}` a word of `words.draw`, the same in a statement and
its questions; `{kind}` with a number behind it is another word of the same kind. A statement without one of a question's words is not asked so.
"""

from __future__ import annotations

LINES = """
My {rel} {name} works as {job} / My {rel} {name} is {job} / {name}, my {rel}, works as {job} / {name} is my {rel} and works as {job} ? What does my {rel} do / What does my {rel} do for [work|a living] / What is my {rel}'s [job|profession] / What does {name} [do|work as] / What kind of work does {name} do
My {rel} works as {job} [in {city}|at {firm}|] / My {rel} became {job} [last year|] / My {rel} has just started working as {job} ? What does my {rel} do / What does my {rel} do for [work|a living] / What is my {rel}'s [job|profession] / What job does my {rel} have / Who works as {job}
I work as {job} / I'm working as {job} now / I have a job as {job} / I earn my living as {job} / I got a job as {job} [last month|] ? What do I do for a living / What is my [job|profession|occupation] / What do I do [for work|] / What kind of work do I do / How do I earn my [money|living]
I work at {firm} / I work for {firm} / I started at {firm} in {month} / My employer is {firm} / I've been with {firm} for {amount} years ? Where do I work / [Which|What] company do I work for / Who is my employer / Who do I work for
My {rel} works [at|for] {firm} / My {rel} has a job at {firm} / My {rel} got hired by {firm} ? Where does my {rel} work / Which company does my {rel} work for / Who works [at|for] {firm}
My {rel} lives in {city} / My {rel} {name} lives in {city} / My {rel} moved to {city} [last year|in {year}|] / My {rel} has a [flat|house] in {city} ? Where does my {rel} live / [Which|What] city does my {rel} live in / Where is my {rel}'s home / Who lives in {city}
I live in {city} / I've lived in {city} for {amount} years / My home is in {city} / I moved to {city} [in {year}|last year|with my {rel}|] / We live in {city} / I have a flat in {city} ? Where do I live / [Which|What] [city|town] do I live in / Where is my home / Where did I move / Where am I living
I grew up in {city} / I was born in {city} / I come from {city} / I'm [originally|] from {city} / I spent my childhood in {city} ? Where did I grow up / Where was I born / Where am I from / Where do I come from / Where did I spend my childhood
My {rel} was born in {year} / My {rel} was born on {date} / My {rel}'s birthday is on {date} / My {rel} {name} has [a|her|his] birthday on {date} ? When was my {rel} born / When is my {rel}'s birthday / What is my {rel}'s birthday
I was born in {year} / I was born on {date} / My birthday is on {date} / I turn {n} on {date} ? When was I born / When is my birthday / On [what|which] day is my birthday
I'm {n} years old / I am {n} / I just turned {n} / I turned {n} last week ? How old am I / What is my age
My {rel} is {n} years old / My {rel} just turned {n} / My {rel} {name} is {n} ? How old is my {rel} / What is my {rel}'s age
I'm allergic to {material} / I am allergic to {food} / I have an allergy to {food} / I can't [eat|have] {food} because I'm allergic / I get a rash from {material} / {food} makes me sick ? What am I allergic to / What allergies do I have / Do I have any allergies / What can't I [eat|have] / What should I avoid / Is there anything I'm allergic to
My {rel} is allergic to {food} / My {rel} {name} is allergic to {food} / My {rel} has an allergy to {material} / My {rel} can't eat {food} ? What is my {rel} allergic to / What allergy does my {rel} have / What can't my {rel} eat / Who is allergic to {food}
I'm {diet} / I've been {diet} for {amount} years / I am {diet} / I became {diet} [last year|in {year}] ? What is my diet / Do I eat meat / Am I {diet} / Am I a vegetarian
I don't eat {food} / I never eat {food} / I stopped eating {food} [last year|] ? What don't I eat / What do I [not|never] eat / What did I stop eating / Do I eat {food}
I have {illness} / I suffer from {illness} / I was diagnosed with {illness} [in {year}|] / I've had {illness} since I was {n} ? What [illness|condition] do I have / What do I suffer from / What was I diagnosed with / What is wrong with my health
I love {food} / I really like {food} / {food} is my favourite [food|dish|thing to eat] / I could eat {food} every day / Nothing beats {food} for me / The food I like [best|most] is {food} ? What is my favourite [food|dish] / What do I love [eating|to eat] / What food do I like [best|most|] / What do I like to eat / What could I eat every day
I hate {food} / I can't stand {food} / I really don't like {food} / I dislike {food} ? What food do I [hate|dislike] / What do I not like / What can't I stand / What don't I like to eat / Which food do I dislike
I always drink {drink} [in the morning|at breakfast|] / My favourite drink is {drink} / I like {drink} [best|] / I never drink anything but {drink} ? What do I [like to|] drink / What is my favourite drink / What do I drink [in the morning|at breakfast]
My {rel} [loves|likes|adores] {food} / My {rel}'s favourite [food|dish] is {food} ? What does my {rel} [love|like] [to eat|] / What is my {rel}'s favourite [food|dish] / Who loves {food}
My {rel} [hates|can't stand|doesn't like] {food} ? What does my {rel} [hate|dislike|not like] / Which food does my {rel} hate / Who hates {food}
I'm afraid of {fear} / I'm scared of {fear} / {fear} terrify me / I have a fear of {fear} ? What am I [afraid|scared] of / What do I fear / What frightens me / What scares me
My {rel} is [afraid|scared] of {fear} ? What is my {rel} [afraid|scared] of / What frightens my {rel} / Who is afraid of {fear}
My {pet} {name} is {n} years old / We have a {pet} called {name} / We got a {pet} and named it {name} / I adopted a {pet} named {name} / {name} is my {pet} / I have a {colour} {pet} called {name} ? What is my {pet}'s name / What is the name of my {pet} / What did I [name|call] my {pet} / Who is {name} / What pet do I have / Do I have [a pet|any pets]
My {rel} has a {pet} called {name} / My {rel}'s {pet} is named {name} ? What is my {rel}'s {pet}'s name / What pet does my {rel} have / What is the name of my {rel}'s {pet} / Who has a {pet}
My {pet} is {colour} / My {pet} has {colour} [eyes|fur|spots] ? What colour is my {pet} / What does my {pet} look like
I drive a {colour} {brand} / I have a {brand} / I bought a {colour} {brand} / My car is a {brand} / We drive an old {brand} ? What car do I [drive|have] / What kind of car do I have / Which car is mine / What do I drive / What brand is my car
My {rel} drives a {colour} {brand} / My {rel} bought a {brand} ? What [car |]does my {rel} drive / Which car does my {rel} have / Who drives a {brand}
My {item} is {colour} / My [new|old] {item} is {colour} / I have a {colour} {item} / I painted my {item} {colour} ? What colour is my {item} / Which colour does my {item} have
My {item} is broken / My {item} broke [yesterday|last week|on {day}] / The {item} stopped working [yesterday|last week] ? What is broken / What is wrong with my {item} / What happened to my {item} / What stopped working
I keep my {item} in the {place} / My {item} is in the {place} / I put the {item} in the {place} / I left my {item} at the {place} / The {item} is kept in the {place} ? Where is my {item} / Where did I put my {item} / Where do I keep the {item} / Where did I leave my {item} / Where can I find my {item}
I lost my {item} [at the {place}|in {city}] / I left my {item} on the [bus|train|plane] to {city} ? What did I lose / Where did I lose my {item} / What happened to my {item}
My {rel} gave me a {item} for [my birthday|Christmas] / I got a {item} from my {rel} / The {item} was a present from my {rel} / {name} gave me a {item} ? Who gave me the {item} / What did my {rel} give me / What did I get from my {rel} / Who is the {item} from / Where is my {item} from
I lent my {item} to {name} / I lent {name} my {item} / {name} borrowed my {item} / {name} still has my {item} ? Who has my {item} / Who did I lend my {item} to / Who borrowed my {item} / What did I lend {name} / What did {name} borrow
I paid {big} [euros|dollars|pounds] for my {item} / My {item} cost {big} [euros|dollars|pounds] / The {item} was {big} [euros|dollars|pounds] ? How much did my {item} cost / What did I pay for my {item} / How much was the {item} / What was the price of my {item}
I owe {name} {big} [euros|dollars|pounds] / {name} lent me {big} [euros|dollars|pounds] ? How much do I owe {name} / Who do I owe money / How much money did {name} lend me / Who lent me money
My {item} weighs {n} [kilos|pounds] / My {item} is {n} [centimetres|inches] [long|wide|high] ? How [heavy|long|wide|big] is my {item} / What is the size of my {item} / How much does my {item} weigh
I'm {big} centimetres tall / I am {n} inches tall / My height is {big} centimetres ? How tall am I / What is my height
I wear size {n} [shoes|] / My shoe size is {n} / I need shoes in size {n} ? What is my shoe size / What size [shoes |]do I wear / What size are my [feet|shoes]
My [phone|mobile] number is {big} {big2} / You can reach me at {big} {big2} / Call me on {big} {big2} ? What is my [phone|mobile|telephone] number / How can I be reached / What number is mine
My {rel}'s phone number is {big} {big2} / You can reach my {rel} at {big} {big2} ? What is my {rel}'s [phone|] number / How can I [reach|call] my {rel}
My email [address|] is {made}@{made2}.com / I use {made}@{made2}.org for mail ? What is my email [address|] / Where can one email me
My [wifi|] password is {code} / The wifi password is {code} / The code for the wifi is {code} ? What is [my|the] [wifi|] password / What's the code of the wifi / How do I get into the wifi
The {gate} code is {code} / The code for the {gate} is {code} / The {gate} opens with {code} ? What is the [code of the {gate}|{gate} code] / Which code opens the {gate} / How do I open the {gate}
The PIN of my {card} is {code} / My {card}'s PIN is {code} ? What is the PIN of my {card} / What's my {card}'s PIN
My flight [number|] is {code} / I'm flying to {city} with {code} / My flight to {city} is {code} ? What is my flight number / Which flight do I take / What's the number of my flight
My {ride} to {city} leaves at {time} / My {ride} goes on {day} at {time} / The {ride} to {city} leaves at {time} ? When does my {ride} leave / What time is my {ride} / At what time does the {ride} leave / (city) Where does my {ride} go
I live at {street} / My address is {street} / My new address is {street} ? What is my address / [Which|What] street do I live [in|on] / Where exactly do I live / What is my house number
The {event} is on {day} [at {time}|] / My {event} is on {date} / I have a {event} on {day} / The {event} was moved to {day} / My {event} is {when} / I've got a {event} {when} ? When is [my|the] {event} / On [what|which] day is the {event} / What date is the {event} / When do I have my {event}
I have a {event} at {time} / My {event} is at {time} [on {day}|] ? When is [my|the] {event} / [At what|What] time is [my|the] {event}
The {event} is in room {n} / The {event} [is|takes place] at the {place} / The {event} will be in {city} ? Where is the {event} / Where does the {event} take place / Which room is the {event} in
The {event} starts at {time} / The {event} begins at {time} on {day} ? When does the {event} [start|begin] / [At what|What] time does the {event} [start|begin] / When is the {event}
My {rel} is getting married [in {month}|on {date}|{when}] / My {rel}'s wedding is [in {month}|on {date}] ? When is my {rel} getting married / When is my {rel}'s wedding / Who is getting married
My {rel} got married in {year} / My {rel} had a wedding in {year} ? When did my {rel} get married / Who got married in {year}
My {rel} married {name} / My {rel} is married to {name} ? Who did my {rel} marry / Who is my {rel} married to / Who married {name}
My {rel} is called {name} / My {rel}'s name is {name} / {name} is my {rel} / I have a {rel} called {name} ? Who is {name} / What is my {rel} called / What is my {rel}'s name / What is the name of my {rel} / How do I know {name}
I have {amount} {sib} / I've got {amount} {sib} ? How many {sib} do I have / Do I have any {sib}
There are {amount} people in my family / We are a family of {amount} ? How big is my family / How many people are in my family
I'm married to {name} / My {spouse} is called {name} / My {spouse} is {name} / I married {name} in {year} ? Who am I married to / Who is my [husband or wife|spouse] / Who did I marry / Am I married
I've been with {name} for {amount} years ? Who am I with / How long have I been with {name}
I play the {instrument} / I've played the {instrument} for {amount} years / I play the {instrument} in a band / I'm learning the {instrument} ? What instrument do I play / Do I play [an instrument|any instruments] / What do I play / Which instrument am I learning
My {rel} plays the {instrument} [in {city}|{often}|] ? What does my {rel} play / Which instrument does my {rel} play / Who plays the {instrument}
I'm learning {language} / I speak {language} / I speak {language} and {language2} / I've started learning {language} / I'm taking a {language} course / My mother tongue is {language} ? [What|Which] language[s|] [do I speak|am I learning] / What am I learning / What is my mother tongue / Which course am I taking
My {rel} speaks {language} / My {rel} is learning {language} ? [What|Which] language does my {rel} speak / What is my {rel} learning / Who speaks {language}
I'm studying {subject} / I study {subject} [in {city}|at the university|] / I have a degree in {subject} / I did a PhD in {subject} ? What do I study / What am I studying / What is my degree in / What subject did I study / Which subject is mine
My {rel} studies {subject} [in {city}|] / My {rel} is studying {subject} ? What does my {rel} study / What is my {rel} studying / What subject does my {rel} take / Who studies {subject}
I [go|do] {hobby} {often} / My hobby is {hobby} / I enjoy {hobby} / I started {hobby} [in {year}|last year|] / In my free time I do {hobby} / I'm really into {hobby} / I've taken up {hobby} ? What is my hobby / What do I do in my [free|spare] time / What hobbies do I have / What am I into / What do I do for fun / What have I taken up / What sport do I do / (often) How often do I [go|do] {hobby} / (often) When do I [go|do] {hobby}
My {rel} is into {hobby} / My {rel} does {hobby} {often} / My {rel} loves {hobby} ? What is my {rel}'s hobby / What does my {rel} do in [her|his] free time / Who does {hobby} / What is my {rel} into
I listen to {music} / I mostly listen to {music} / My favourite band is {band} / I'm a fan of {band} / I saw {band} live in {city} ? What music do I [like|listen to] / What is my favourite [band|music] / Which band do I like / Which band did I see / What do I listen to
I'm reading {title} / I'm reading a book called {title} / The book I'm reading is {title} / I just finished {title} by {name} ? What am I reading / Which book am I reading / What book did I finish / What is the title of my book
My favourite {fav} is {title} / The {fav} I like best is {title} / I love the {fav} {title} ? What is my favourite {fav} / Which {fav} do I [love|like best]
My favourite colour is {colour} / I like {colour} best of all colours / I love the colour {colour} ? What is my favourite colour / Which colour do I like [best|most]
I go to the {place} {often} / I visit the {place} {often} ? How often do I go to the {place} / When do I go to the {place} / Where do I go {often}
I get up at {time} / I usually wake up at {time} / My alarm rings at {time} ? When do I [get|wake] up / What time do I [get|wake] up / When does my alarm ring
I go to bed at {time} / I usually sleep from {time} / I never go to bed before {time} ? When do I go to [bed|sleep] / What time do I go to bed
My {pro} is [called|named|] {name} / My {pro}'s name is {name} / I go to {name}, my {pro} / {name} is my {pro} ? Who is my {pro} / What is the name of my {pro} / What is my {pro} called
I take {amount} {med} {often} / I have to take {amount} {med} {often} ? How many {med} do I take / How often do I take my {med} / When do I take my {med}
I take {made} for my {illness} / My doctor prescribed {made} for my {illness} ? What do I take for my {illness} / What did my doctor prescribe / What [medicine|medication] do I take
I'm saving [up|] for a {item} / I put money aside for a {item} ? What am I saving [up|] for / What do I put money aside for / What do I want to buy
I want to buy a {item} / I'm planning to buy a {item} / I'd like to get a new {item} ? What do I want to [buy|get] / What am I planning to buy
I've ordered a {item} [from {city}|] / I ordered a new {item} [last week|] ? What did I order / What have I ordered
I need a new {item} / I need a {item} for my {place} ? What do I need
I want to [travel|go] to {city} {when} / I'm going to {city} {when} / We're flying to {city} {when} / We booked a trip to {city} / I'm planning a trip to {city} with {name} ? Where am I going / Where do I want to [go|travel] / Where are we flying / Where is my [next|] trip going / (when) When am I going to {city} / (name) Who am I going to {city} with
I'd like to become {job} / My dream is to become {job} / I dream of being {job} ? What would I like to become / What is my dream [job|] / What do I dream of / What do I want to be
I want to learn {hobby} / I'd like to try {hobby} [one day|] ? What do I want to learn / What would I like to try
My goal is to run {n} kilometres / My goal is to save {big} euros / I'm trying to lose {n} kilos ? What is my goal / What am I trying to do
My project is called {Made} / I'm working on a project called {Made} / The code name of our project is {Made} ? What is my project called / What is the name of my project / What am I working on / Which project am I working on
My team has {n} people / There are {n} people in my team ? How [big|large] is my team / How many people are in my team
My [boss|manager|team lead] is {name} / {name} is my new [boss|manager] / I report to {name} ? Who is my [boss|manager] / Who do I report to / What is the name of my [boss|manager]
I share an office with {name} / I share my flat with {name} / I live with {name} / {name} is my flatmate ? Who do I live with / Who do I share [my flat|an office] with / Who is my flatmate
The deadline for the {made} report is {date} / The {made} report is due on {day} / I have to finish the {made} report by {day} ? When is the {made} report due / What is the deadline for the {made} report / When do I have to finish the {made} report / What is due on {day}
The {made} server runs on port {big} / The {made} server uses port {big} ? [Which|What] port does the {made} server [use|run on]
The {made} database is on {made2}-{n} ? Where is the {made} database / Which machine has the {made} database
Our {made} service uses version {n} ? [What|Which] version does the {made} service use
My {rel} is in hospital [in {city}|] / My {rel} had an operation [on {day}|] ? What happened to my {rel} / Who is in hospital / How is my {rel}
My {rel} broke {limb} [at the {place}|] ? What happened to my {rel} / Who broke {limb} / What did my {rel} break
My {rel} had a baby called {name} / My {rel}'s baby is called {name} ? What is my {rel}'s baby called / Who had a baby / Who is {name}
My {rel} is having a baby in {month} / My {rel} is pregnant and due in {month} ? When is my {rel}'s baby due / Who is having a baby / Who is pregnant
My {rel}'s favourite colour is {colour} ? What is my {rel}'s favourite colour / Which colour does my {rel} like
I support {Made} [United|City|] / My football team is {Made} ? Which team do I support / What is my football team
My {doc} number is {code} ? What is my {doc} number / What number does my {doc} have
My licence plate is {code} ? What is my licence plate
My {doc} expires in {year} / My {doc} expires on {date} / My {doc} runs out in {month} ? When does my {doc} [expire|end|run out] / Until when is my {doc} valid
The {appl} was repaired on {day} / The {appl} was fixed {ago} ? When was the {appl} [repaired|fixed] / What was repaired
The {pro} is coming on {day} at {time} / The {pro} comes {when} ? When is the {pro} coming / When does the {pro} come / Who is coming
My garden has {amount} [apple|cherry|plum|pear] trees ? How many trees are in my garden / What trees do I have
I grow {food} in my garden / I planted {food} [last spring|in {month}] ? What do I grow in my garden / What did I plant / What grows in my garden
I won {big} euros in the lottery ? How much did I win / What did I win
I won a {item} in a raffle ? What did I win
I'm left-handed ? Am I left-handed / Which hand do I write with
I wear glasses / I've worn glasses since I was {n} ? Do I wear glasses / What do I wear
I have {colour} eyes / My eyes are {colour} ? What colour are my eyes / What are my eyes like
I have {hair} hair / My hair is {hair} ? What is my hair like / What kind of hair do I have
I have a twin brother / I have a twin sister / I'm an only child ? Do I have siblings / Do I have brothers or sisters
{name} is from {city} / {name} comes from {city} / {name} was born in {city} ? Where is {name} from / Where does {name} come from
{name} and I met in {city} [{ago}|] / I know {name} from {city} / I got to know {name} at the {place} ? Where did I meet {name} / How do I know {name} / Where do I know {name} from / Who do I know from {city}
The {place} opens at {time} / The {place} is open from {time} ? When does the {place} open / What opens at {time}
The {place} closes at {time} / The {place} is closed on {day}s ? When does the {place} close / When is the {place} closed
My {rel} is {big} centimetres tall / My {rel} measures {big} centimetres ? How tall is my {rel}
I collect {item}s / I've collected {item}s since I was {n} / I have a collection of {amount} {item}s ? What do I collect / What kind of collection do I have
My {rel} collects {item}s ? What does my {rel} collect / Who collects {item}s
My {rel} has {illness} / My {rel} suffers from {illness} ? What does my {rel} suffer from / Who has {illness} / What [illness|condition] does my {rel} have
{name} owes me {big} [euros|dollars] / I lent {name} {big} [euros|dollars] ? Who owes me money / How much does {name} owe me / How much did I lend {name}
I have a meeting with {name} {when} / I'm meeting {name} {when} / I'm having lunch with {name} {when} ? Who am I meeting / When am I meeting {name} / Who do I have [lunch|a meeting] with / When do I see {name}
I promised {name} a {item} / I promised to give {name} a {item} ? What did I promise {name} / Who did I promise a {item}
I'm moving to {city} {when} / We're moving to {city} {when} ? Where am I moving / When am I moving / When do we move / Which city am I moving to
The {event} was cancelled because of [the|] {made} / The {event} is cancelled because {name} is ill ? Why was the {event} cancelled / What was cancelled / What happened to the {event}
I had {food} for {meal} / I ate {food} for {meal} [today|{ago}] ? What did I [have|eat] for {meal} / What was my {meal}
My {rel} retired in {year} / My {rel} has been retired since {year} ? When did my {rel} retire / Who retired in {year}
I gave up {hobby} in {year} / I stopped {hobby} because of my {illness} ? What did I [give up|stop] / (year) When did I give up {hobby} / (illness) Why did I stop {hobby}
{name} recommended {title} to me / {name} told me to read {title} ? What did {name} recommend / Who recommended {title}
My {item} is made of {stuff} / The {item} is made of {stuff} ? What is my {item} made of / What is the {item} made of
My {item} is [from|by] {firm} / I have a {item} [from|by] {firm} ? Who makes my {item} / What brand is my {item} / Which company is my {item} from
The neighbours are called {Made} / Our neighbours' name is {Made} ? What are the neighbours called / What is the name of [my|the|our] neighbours
My salary is {big} euros / I earn {big} euros [a month|a year] ? What is my salary / How much do I earn / What do I earn
The {made} project has a budget of {big} euros / The budget of the {made} project is {big} euros ? What is the budget of the {made} project / How much money does the {made} project have
{name} is responsible for the {made} / {name} takes care of the {made} / {name} looks after the {made} ? Who is responsible for the {made} / Who [takes care of|looks after] the {made} / What is {name} responsible for
We use {Made} for the {made} / For the {made} we use {Made} ? What do we use for the {made} / Which tool do we use for the {made}
My {rel} wants to become {job} / My {rel} dreams of becoming {job} ? What does my {rel} want to [become|be] / Who wants to become {job} / What does my {rel} dream of
{name} sits next to {name2} / {name} shares an office with {name2} ? Who sits next to {name2} / Who does {name} sit next to / Who shares an office with {name2}
There is a {item} in the {place} / The {colour} {item} is in the {place} ? What is in the {place} / Where is the {item}
I call my {item} {name} / My {item} has a name, it is {name} ? What do I call my {item} / What is my {item}'s name
My {item} needs a new {item2} / I need a {item2} for my {item} ? What does my {item} need / What do I need for my {item}
My {rel} and I go to the {place} {often} / My {rel} and I are going to {city} {when} ? Where do I go with my {rel} / Where are my {rel} and I going / (often) How often do I go to the {place} with my {rel}
My {rel} taught me {hobby} / I learned {hobby} from my {rel} ? Who taught me {hobby} / What did my {rel} teach me / What did I learn from my {rel}
I'm {amount} {unit} into my {subject} course / I'm in my {ordinal} year of {subject} ? What [course|subject] am I taking / (ordinal) What year am I in / What am I studying
My {rel} died in {year} / My {rel} passed on {amount} years ago ? When did my {rel} die / Who died / How long ago did my {rel} die
The {made} weighs {big} grams / The {made} is {n} centimetres long / The {made} costs {n} euros ? How [much|long|heavy] is the {made} / What does the {made} [cost|weigh]
My {rel} runs a [small|] {place} [in {city}|] / My {rel} owns a {place} [in {city}|] ? What does my {rel} [run|own] / Who [runs|owns] a {place} / (city) Where is my {rel}'s {place}
I grew up with {amount} {sib} / I was raised by my {rel} ? Who raised me / Who did I grow up with
My {ordinal} [language|car|boyfriend|girlfriend|job] was {Made} / The {ordinal} {made} was {colour} ? What was my {ordinal} [language|car|boyfriend|girlfriend|job] / What colour was the {ordinal} {made}
My favourite {made} is {Made} / My favourite {made} is the {colour} {item} ? What is my favourite {made} / Which {made} do I like [best|most]
My {made} is {Made} / My {made} is called {Made} ? What is my {made} / What is my {made} called
My {rel}'s {made} is {code} / {name}'s {made} is {Made} ? (rel) What is my {rel}'s {made} / (name) What is {name}'s {made}
The {made} {event} is about {made2} / The {event} is about {made2} ? What is the {event} about
The {item} from {city} cost {big} [euros|dollars] / The {made} {item} was {big} [euros|dollars] ? How much did the {item} cost / What did the {item} cost / How expensive was the {item}
The {pro} charged {big} euros / The {pro} cost [us|me] {big} euros / We paid the {pro} {big} euros ? How much did the {pro} [charge|cost] / What did we pay the {pro}
{name} turned {n} {ago} / {name} will be {n} {when} / {name} is almost {n} ? How old is {name} / What is {name}'s age / How old will {name} be
My {rel} starts as {job} {when} / My {rel} has found work as {job} / From {month} my {rel} works as {job} ? What will my {rel} do / What is my {rel}'s new job / As what does my {rel} start
My {rel} starts at the {place} {when} / My {rel} found a job at the {place} / My {rel} is on duty at the {place} {when} ? Where does my {rel} work / Where is my {rel} going to work / When does my {rel} start / Where did my {rel} find a job
I do shifts at the {place} / I help out at the {place} {often} / I'm employed at the {place} ? Where do I work / (often) How often do I help out at the {place} / Where do I help out
I work {amount} days a week / I'm working part time, {amount} hours a day ? How much do I work / How many [days|hours] do I work
We found a flat in {city} / We signed the lease for a house in {city} / We've settled in {city} / I ended up in {city} ? Where [do I live|do we live] now / Where did we find a flat / Where is our house / Which town did we settle in / Where is my home
{name} can't sleep without {made} / {name} never leaves the house without a {item} ? What does {name} need to sleep / What can't {name} do without / What does {name} always take along
{name} is crazy about {music} / {name} is obsessed with {hobby} / {name} can't get enough of {food} / My {rel} is nuts about {hobby} ? What is {name} crazy about / What does {name} love / What is my {rel} nuts about / What is {name} obsessed with
{name} gets a new {part} on {date} / {name} is having surgery on {date} / {name} will be operated on in {month} ? When is {name}'s operation / When does {name} have surgery
The {pro} says I should {made} {often} / The {pro} told me to {made} more ? What did the {pro} say / What should I do / What did the {pro} tell me
The {made} should stay at {n} degrees / The {made} must not go over {n} bar / Set the {made} to {n} ? What should the {made} be at / Where should the {made} stay / How high may the {made} go / What do I set the {made} to
The rubbish is collected on {day}s / They empty the {colour} bin {often} / The {made} collection is on {day} ? When is the rubbish collected / On what day is the [rubbish|{made}] collected / When do they empty the {colour} bin / When is the {made} collection
The {made} class has moved to {day} / {name}'s lesson is on {day} at {time} / {name} has {hobby} on {day} at {time} ? When is {name}'s lesson / When does {name} have {hobby} / When is the {made} class / What time is {name}'s lesson
I'm teaching myself {hobby} / I'm teaching myself the {instrument} / I've been trying to learn {language} from {made} ? What am I teaching myself / Which instrument am I teaching myself / Which language am I trying to learn / What am I trying to learn
{name} asked me to marry {him} in {city} / We got engaged in {city} / We got engaged at the {place} ? Where did we get engaged / Where did {name} ask me to marry {him}
The {item} didn't start because of the {made} / The {brand} failed the test because of the {made} / The {item} fell apart because of the {made} ? Why did the {item} not start / Why did the {brand} fail / Why did the {item} fall apart / What was wrong with the {item}
{name} prefers {drink} to {drink2} / {name} would rather have {food} than {food2} / My {rel} prefers {drink} ? What does {name} prefer / What does my {rel} prefer / What would {name} rather have
I used to be {job} / I was {job} before I retired / For {amount} years I was {job} ? What did I use to be / What was my job before / What was I before
{name} used to be {job} / Before that {name} was {job} ? What did {name} use to be / What was {name} before
People call me {name} / My nickname is {name} / At work they call me {name} / My real name is {name} ? What is my nickname / What do people call me / What is my real name / What am I called at work
My firm is called {Made} / I founded a company called {Made} / Our company {Made} has {n} employees ? What is the name of my company / What is my firm called / What company did I found / (n) How many people work at {Made}
I met my {rel} on a trip to {city} / My {rel} and I met in {year} at the {place} ? How did I meet my {rel} / Where did I meet my {rel} / When did I meet my {rel}
{name} operated on my {part} / Dr {name} treats my {part} ? Who operated on my {part} / Who treats my {part} / Who is my surgeon
I switched from {drink} to {drink2} / Instead of {drink} I now have {drink2} / I've replaced {food} with {food2} ? What do I have instead of {drink} / What did I replace {food} with / What did I switch to
I store the {item}s at {name}'s place / The {item}s are at my {rel}'s / My {item} is still with {name} ? Where are the {item}s / Where do I store the {item}s / Where is my {item}
Nobody cooks {food} like my {rel} / My {rel} makes the best {food} / My {rel} is famous for {food} ? What does my {rel} cook / Who makes the best {food} / What is my {rel} famous for
We're eating at {Made} {when} / I reserved a table at {Made} / I'm taking my {rel} to {Made} {when} ? Where are we eating / Which restaurant did I reserve / Where am I taking my {rel} / Where do we have dinner
The {made} has to be handed in by {date} / The application for the {made} must be there by {date} ? When is the {made} due / By when does the {made} have to be handed in / When must the application for the {made} be there
My {item} went to {name} for {big} euros / {name} paid me {big} euros for my {item} ? Who has my {item} now / Who bought my {item} / How much did I get for my {item}
I never learned {hobby} / I can't do {hobby} / I'm hopeless at {hobby} ? What can't I do / What did I never learn / What am I bad at
My {pet} is a {made} called {name} / Our {pet} {name} is a {made} / {name}, our {pet}, eats only {food} ? What is my {pet} called / What is our {pet}'s name / What breed is my {pet} / (food) What does our {pet} eat
The {gate} is switched off with {code} / Type {code} to open the {gate} / {code} opens the {gate} ? How do I open the {gate} / How do I switch off the {gate} / What is the code of the {gate} / What opens the {gate}
{name} emigrated to {city} / {name} has gone to live in {city} / {name} is now in {city} ? Where does {name} live now / Where did {name} go / Where is {name} now
I'm sharing a house with {name} and {name2} / {name} and {name2} are my flatmates / I live with {name} and {name2} ? Who do I live with / Who are my flatmates / Who shares the house with me
I'm in my {ordinal} semester / I've reached my {ordinal} year ? What semester am I in / Which year am I in
My parents run a {place} in {city} / My parents have a {place} / My parents live in {city} ? What do my parents do / Where do my parents live / (place) What do my parents [run|have]
I tutor {name} in {subject} / I give {name} lessons in {subject} / I teach {subject} to a boy called {name} ? Who do I tutor / Who do I give lessons to / Which subject do I teach / What do I teach {name}
I get {n} euros an hour for it / They pay me {n} euros an hour ? What do I get an hour / What is my hourly [rate|pay] / How much do they pay me
My {item} was stolen at the {place} {ago} / Somebody stole my {item} in {city} ? What was stolen from me / Where was my {item} stolen / What did somebody steal / Where did they steal my {item}
My thesis is about {made} / I'm writing my thesis on {made} / {name} supervises my thesis ? What is my thesis about / Who supervises my thesis / What am I writing on
My {rel} left me a {colour} {item} / I inherited a {item} from my {rel} ? What did I inherit / What did my {rel} leave me / Who left me the {item}
I dream of living in {city} / One day I want to live in {city} / I'd love to see {city} [again|one day|] ? Where do I want to live / Where would I love to go / Which place would I love to see
I broke up with {name} {ago} / {name} and I separated {ago} ? Who did I break up with / When did I break up with {name} / When did {name} and I separate
We rehearse on {day}s / The choir rehearses {often} / The band meets {often} at the {place} ? When do we rehearse / When does the choir rehearse / How often does the band meet
{name} hands out the {item}s / Ask {name} for the {item}s / You get the {item}s from {name} ? Who hands out the {item}s / Who has the {item}s / Who do I ask for the {item}s
"""

# What the user wants done from now on; it is said back as it was said.
STANDING = """
Don't call me before {time} / Please never call me before {time} ? When should you not call me / Before what time should you not call me
Always answer in {language} / From now on speak {language} with me ? Which language should you [answer in|speak]
Call me {name} / Just call me {name} ? What should you call me / How should you address me
Don't suggest anything with {food} / Never put {food} into my {meal} ? What should you not suggest / What should never be in my {meal}
Keep your answers [short|brief] / Use simple words, please ? How should you answer / What should your answers be like
Remind me to call {name} {when} / Remind me of the {event} {when} ? What should you remind me of / When should you remind me
"""
