"""Twenty-five sentences as people say them, the questions that ask for them, and small talk. Ours; `prompted` measures with them."""

from __future__ import annotations

SAID = (
    "I'm Mia by the way, I live in a small flat in Hamburg with my two cats, Miso and Tofu.",
    "My sister's name is Klara and she works as a nurse in Kiel.",
    "I used to play the cello, but I gave it up when I moved out.",
    "I haven't eaten meat since I was fifteen, and fish neither.",
    "Ich bin gegen Penicillin allergisch.",
    "My boss Peter can't have peanuts, he carries an EpiPen everywhere.",
    "We are flying to Lisbon on the 3rd of May for a long weekend.",
    "I can't stand coriander, it tastes like soap to me.",
    "Work has been mad lately, I do the accounts for a furniture shop.",
    "My car broke down again yesterday, the garage says it's the gearbox.",
    "Dad turned seventy last month, we threw him a surprise party at the lake house.",
    "My phone number is 0151 2345 678, just so you have it.",
    "I've been learning Portuguese with an app for about half a year.",
    "Tofu had to go to the vet last week, he had swallowed a hair tie.",
    "My favourite film is Paddington 2, and I'm not even ashamed.",
    "On Thursdays I go bouldering with Jonas from next door.",
    "I broke my wrist as a kid when I fell off a pony.",
    "Could you keep in mind that I prefer short answers?",
    "My grandmother left me her old sewing machine, a Singer from 1952.",
    "I'm saving up for a cargo bike, the kind with a wooden box in front.",
    "Jonas and his wife are expecting twins in autumn.",
    "I get migraines when I drink red wine.",
    "I studied history in Leipzig before I ended up in bookkeeping.",
    "Can't wait for the Björk concert in Berlin, I've had the ticket since Christmas!",
    "My landlord wants to raise the rent to 980 euros from July.",
)
"""What a user said, one turn each."""

ASKED: tuple[tuple[str, int], ...] = (
    ("What is my sister called?", 1),
    ("What does my sister do for a living?", 1),
    ("What are my cats called?", 0),
    ("Which instrument did I play?", 2),
    ("Can I eat a steak?", 3),
    ("What am I allergic to?", 4),
    ("Is there anything my boss must not eat?", 5),
    ("When does our trip to Portugal begin?", 6),
    ("Which herb do I dislike?", 7),
    ("What's my job?", 8),
    ("What is wrong with my vehicle?", 9),
    ("How old is my father?", 10),
    ("What's my number?", 11),
    ("Which language am I trying to pick up?", 12),
    ("Why was one of my pets at the animal doctor?", 13),
    ("Which movie do I like best?", 14),
    ("What do I do on Thursdays?", 15),
    ("Have I ever had a broken bone?", 16),
    ("How long should your answers be?", 17),
    ("What did I inherit?", 18),
    ("What am I putting money aside for?", 19),
    ("Who is going to have babies?", 20),
    ("Should I have a glass of Merlot tonight?", 21),
    ("What subject did I take at university?", 22),
    ("Which singer am I going to see live?", 23),
    ("How much will I have to pay for my apartment?", 24),
)
"""Questions, each with the place in `SAID` of what answers it."""

SMALL_TALK = (
    *("hello", "Hi there!", "thanks!", "Thank you so much, that helps.", "ok", "Good morning!", "bye", "lol", "Great, see you later!"),
    *(
        "Yes please",
        "No, that's all for now.",
        "How are you?",
        "cool",
        "haha nice",
        "Good night",
        "Danke dir!",
        "Hola, \u00bfqu\u00e9 tal?",
    ),
)
"""Turns that need no memory at all."""
