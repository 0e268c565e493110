"""The small skills beside the memory: small talk, saying something after the user, and calls of a tool that the system turn names."""

from __future__ import annotations

import json
import random
from typing import Any

from bench.echo_nano import corpus
from bench.echo_nano.words import draw, made_up

Turn = tuple[str, str]
SMALL = (
    ("ok", "All right."), ("okay", "All right."), ("Sure.", "All right."), ("Great!", "I am glad."), ("nice", "I am glad."), ("Cool.", "I am glad."), ("lol", "I am glad that you laugh."),
    ("haha", "I am glad that you laugh."), ("Sounds good to me", "All right."), ("I think so", "All right."), ("hmm", "Take your time."), ("hmm let me think", "Take your time."),
    ("Wait a moment.", "Take your time."), ("Yes.", "All right."), ("No.", "All right."), ("yes please", "All right."), ("no thanks", "All right."), ("maybe", "All right."),
    ("Thanks, that helps.", "You are welcome!"), ("Perfect, thank you!", "You are welcome!"), ("Thank you so much", "You are welcome!"), ("It works now, thank you.", "You are welcome!"),
    ("Good evening!", "Hello! I am Echo. How can I help you?"), ("Hey Echo", "Hello! I am Echo. How can I help you?"), ("Good morning, Echo!", "Hello! I am Echo. How can I help you?"),
    ("See you tomorrow!", "Goodbye! I will remember our talk."), ("Bye for now.", "Goodbye! I will remember our talk."), ("Talk to you later", "Goodbye! I will remember our talk."),
    ("I'm a bit tired.", "I am sorry to hear that. I am here if you want to talk."), ("I am so stressed.", "I am sorry to hear that. I am here if you want to talk."),
    ("What a lovely day!", "That is great to hear!"), ("I feel great!", "That is great to hear!"), ("You are funny.", "Thank you."), ("I like you.", "Thank you."), ("Well done.", "Thank you."),
)  # fmt: skip


def small_reply(rng: random.Random) -> list[Turn]:
    """Return a turn of small talk with its answer."""
    if rng.random() < 0.35:
        return corpus.small_talk(rng) if rng.random() < 0.3 else [(role, text) for asks, answers in [rng.choice(corpus._SMALL)] for role, text in (("user", rng.choice(asks)), ("assistant", answers[0]))]
    said, answer = rng.choice(SMALL)
    return [("user", rng.choice((said, said, said.lower(), said.rstrip(".!")))), ("assistant", answer)]


def copying(rng: random.Random, tests: bool) -> list[Turn]:
    """Return a request to say something after the user."""
    text = " ".join(made_up(rng, tests) if rng.random() < 0.6 else draw(rng, rng.choice(("item", "colour", "food", "city", "n")), tests) for _ in range(rng.randint(1, 5)))
    return [("user", rng.choice(("Say {t}.", "Repeat after me: {t}", "Repeat: {t}", "Please say {t}.", "Say exactly: {t}")).format(t=text)), ("assistant", text)]


# name, what it is for, its arguments (name, kind of word), requests with the arguments in them
_TOOLS: tuple[tuple[str, str, tuple[tuple[str, str], ...], tuple[str, ...]], ...] = (
    ("get_weather", "Get the weather of a city", (("city", "city"),), ("What is the weather in {city}?", "How is the weather in {city} today?", "Will it rain in {city}?", "weather in {city}")),
    ("get_time", "Get the time in a city", (("city", "city"),), ("What time is it in {city}?", "Tell me the time in {city}.", "How late is it in {city}?")),
    ("search_web", "Search the web", (("query", "made"),), ("Search the web for {query}.", "Look up {query} online.", "Google {query}", "Find something about {query} on the web.")),
    ("set_timer", "Set a timer", (("minutes", "n"),), ("Set a timer for {minutes} minutes.", "Wake me in {minutes} minutes.", "Start a timer of {minutes} minutes")),
    ("send_message", "Send a message to a person", (("to", "name"), ("text", "made")), ("Send {to} the message {text}.", "Tell {to}: {text}", "Write {text} to {to}.", "Message {to} that {text}")),
    ("play_music", "Play music", (("title", "music"),), ("Play some {title}.", "Put on {title}, please.", "I want to hear {title}.")),
    ("turn_on", "Turn on a device", (("device", "item"),), ("Turn on the {device}.", "Switch the {device} on.", "Can you turn the {device} on?")),
    ("turn_off", "Turn off a device", (("device", "item"),), ("Turn off the {device}.", "Switch the {device} off.", "Please turn the {device} off.")),
    ("add", "Add two numbers", (("a", "n"), ("b", "n")), ("What is {a} plus {b}?", "Add {a} and {b}.", "{a} + {b}?", "How much is {a} and {b}?")),
    ("multiply", "Multiply two numbers", (("a", "n"), ("b", "n")), ("What is {a} times {b}?", "Multiply {a} by {b}.", "{a} * {b}?")),
    ("translate", "Translate a text", (("text", "made"), ("language", "language")), ("Translate {text} into {language}.", "What is {text} in {language}?", "Say {text} in {language}.")),
    ("get_stock_price", "Get the price of a share", (("company", "firm"),), ("What is the price of {company}?", "How much is a share of {company}?", "Stock price of {company}?")),
    ("book_table", "Book a table in a restaurant", (("place", "Made"), ("people", "n")), ("Book a table for {people} at {place}.", "Reserve {place} for {people} people.")),
    ("find_recipe", "Find a recipe", (("dish", "food"),), ("How do I cook {dish}?", "Find a recipe for {dish}.", "Give me a recipe for {dish}.")),
    ("open_file", "Open a file", (("path", "code"),), ("Open {path}.", "Show me the file {path}.", "open {path} please")),
    ("create_event", "Put an event into the calendar", (("title", "event"), ("day", "day")), ("Put the {title} on {day}.", "Add a {title} to my calendar on {day}.", "Plan the {title} for {day}.")),
)  # fmt: skip


def call(name: str, arguments: dict[str, Any]) -> str:
    """Return a call as the chat template renders it."""
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def _schema(name: str, what: str, fields: dict[str, str], rng: random.Random) -> dict[str, Any]:
    parameters: dict[str, Any] = {"type": "object", "properties": {f: {"type": t} for f, t in fields.items()}}
    if rng.random() < 0.6:
        parameters["required"] = list(fields)
    function: dict[str, Any] = {"name": name}
    if rng.random() < 0.7:
        function["description"] = what
    return {**function, "parameters": parameters}


def tool_dialogue(rng: random.Random, tests: bool) -> list[Turn]:
    """Return a dialogue with one to three tools in the system turn: a call, its result said back, or small talk without a call."""
    chosen = rng.sample(_TOOLS, rng.randint(1, 3))
    shown, used = [], []
    for name, what, fields, asks in chosen:
        if rng.random() < 0.4:  # a name that is made up, with the words of its purpose in the request
            made = made_up(rng, tests)
            name, what, asks = f"{rng.choice(('get', 'do', 'run', 'set'))}_{made}", f"Do the {made}", (f"Do the {made} with " + " and ".join(f"{{{f}}}" for f, _ in fields) + ".", f"{made} " + " ".join(f"{{{f}}}" for f, _ in fields))
        types = {f: "integer" if kind == "n" else "string" for f, kind in fields}
        shown.append(json.dumps(_schema(name, what, types, rng), sort_keys=rng.random() < 0.5))
        used.append((name, fields, asks))
    turns: list[Turn] = [("system", corpus.SYSTEM + tools_text(shown))]
    for _ in range(rng.randint(1, 3)):
        if rng.random() < 0.2:
            turns += small_reply(rng)
            continue
        name, fields, asks = rng.choice(used)
        values = {f: draw(rng, kind, tests) for f, kind in fields}
        arguments = {f: int(v) if v.isdigit() and dict(fields)[f] == "n" else v for f, v in values.items()}
        turns += [("user", rng.choice(asks).format(**values)), ("assistant", call(name, arguments))]
        if rng.random() < 0.6:
            result = rng.choice((draw(rng, "big"), made_up(rng, tests), f"{draw(rng, 'n')} degrees", "done", f"{draw(rng, 'colour')} {draw(rng, 'item', tests)}", "ok"))
            turns += [("tool", result), ("assistant", f"The answer is {result}.")]
    return turns


def tools_text(shown: list[str]) -> str:
    """Return what the chat template puts behind the system turn's text: one tool a line, and how to call it."""
    return "\nTools:\n" + "\n".join(shown) + "\nCall a tool with <tool_call>."
