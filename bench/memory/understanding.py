"""Measures what the memory understands of what it is told, on the project's own labelled sets (`data/README.md`).

    python -m bench.memory.understanding [--half dev|kept] [--embedder hashed|minilm] [--show] [SET ...]

Each set is told turn by turn through `Experiences.record` to a user of its own, as a chat does, and asked through `Turns.build_context` and
`Cognition.recall` at their defaults. `--show` lists what went wrong; the kept half is for verification, so it is never shown.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.memory.kept_vectors import KeptVectors
from bench.memory.labelled import HALVES, SETS, load, of_half, sentences_of, turn_texts
from bench.memory.matching import (
    auroc,
    facts_match,
    facts_of_memory,
    holds_sentence,
    presented_as_current,
    says,
    types_match,
    values_match,
)
from echorator.cognition.cognition import Cognition
from echorator.cognition.experiences import Experiences, Turn
from echorator.cognition.learning.adopting import Archive
from echorator.cognition.memory import Lifecycle, Memory
from echorator.cognition.recall.context import Message
from echorator.cognition.recall.recalling import Asked, Owner, Recalled
from echorator.cognition.settings import CognitionSettings
from echorator.cognition.storing.sqlite_store import SqliteStore
from echorator.cognition.turns import Bounds, Turns
from echorator.host.opened_memory import embedder_of

BEGIN_S = 1_772_438_400.0  # 2 March 2026, 8 o'clock UTC: when the first turn of each user is told
TURN_S, DAY_S = 60.0, 86_400.0
BARS = {"talks": {"hashed": 22 / 26, "minilm": 24 / 26}, "languages": {"hashed": 14 / 20, "minilm": 18 / 20}}


@dataclass
class User:
    """One user who tells and asks."""

    turns: Turns
    experiences: Experiences
    cognition: Cognition
    name: str
    told_s: float = BEGIN_S

    def owner(self, session: str) -> Owner:
        return Owner("bench", "understanding", self.name, session)

    async def tell(self, text: str, day: int = 0) -> list[int]:
        """Tell one turn and return the ids of the memories that it became."""
        self.told_s = max(self.told_s + TURN_S, BEGIN_S + day * DAY_S)
        recorded = await self.experiences.record(self.owner(f"day {day}"), Turn(text, "", at_s=self.told_s))
        return list(recorded.memory_ids)

    async def prompt(self, question: str) -> list[str]:
        """Return the lines that the memory adds to a prompt of this question alone, on the day after the last turn."""
        messages = [Message("user", question)]
        built = await self.turns.build_context(self.owner("asking"), messages, "", Bounds(), self.told_s + DAY_S)
        added = "\n".join(m.content for m in built.messages)
        return [line for line in added.removesuffix(question).splitlines() if line.startswith("- ")]

    async def recall(self, question: str, k: int) -> list[Recalled]:
        """Return the first k memories, best first; none where nothing was ever stored."""
        opened = await self.cognition.opened(self.owner(""))
        if opened is None:
            return []
        return (await self.cognition.recall_in(opened, Asked(question, k, now_s=self.told_s + DAY_S))).memories

    async def memories(self) -> list[Memory]:
        """Return all memories with their vectors, by id."""
        opened = await self.cognition.opened(self.owner(""))
        return (
            [] if opened is None else list(await asyncio.to_thread(lambda: list(self.cognition.store.everything(opened.namespace, True))))
        )


@dataclass
class Report:
    """The rows of the table and the misses."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)

    def share(self, name: str, right: Sequence[bool], bar: str = "") -> None:
        """Add a row with a share of right cases."""
        self.rows.append((name, f"{sum(right) / max(len(right), 1):.3f} ({sum(right)} of {len(right)})", bar))

    def miss(self, where: str, what: str) -> None:
        self.misses.append(f"{where}: {what}")


@dataclass
class Bench:
    """An open memory, and the half and embedder that are measured."""

    cognition: Cognition
    half: str
    embedder: str

    def __post_init__(self) -> None:
        self._turns, self._experiences = Turns(self.cognition), Experiences(self.cognition)

    def user(self, name: str) -> User:
        return User(self._turns, self._experiences, self.cognition, name)


def certainty(found: Sequence[Recalled]) -> float:
    """Return how sure the memory is that it can answer: the highest confidence."""
    return max((r.confidence for r in found), default=0.0)


async def statements(bench: Bench, report: Report) -> None:
    data = load("statements")
    synonyms, read_right, found, typed, made_up = data["synonyms"], [], [], [], []
    for s in of_half(data["statements"], bench.half):
        user = bench.user(s["id"])
        await user.tell(s["text"])
        read = list(dict.fromkeys(f for m in await user.memories() for f in facts_of_memory(m)))
        labels = [*s["facts"], *s.get("optional", ())]
        passing = [label for label in s.get("optional", ()) if label["type"] in ("state", "event")]
        for fact in read:
            fitting = [x for x in labels if facts_match(fact, x, synonyms) and (x not in passing or types_match(fact, x))]
            read_right.append(bool(fitting))
            typed += [any(types_match(fact, label) for label in fitting)] if fitting else []
            if not fitting:
                report.miss(s["id"], f"read {fact.subject} | {fact.attribute} | {fact.value} | {fact.type} {fact.claim} from {s['text']!r}")
        for label in s["facts"]:
            found.append(any(facts_match(fact, label, synonyms) for fact in read))
            if not found[-1]:
                report.miss(s["id"], f"not read {label['subject']} | {label['attribute']} | {label['value']} from {s['text']!r}")
        if not labels:
            made_up.append(bool(read))
    report.share("statements: facts read that are right (precision)", read_right, "≥ 0.95")
    report.share("statements: labelled facts that are read (recall)", found, "≥ 0.6")
    report.share("statements: right facts with the right type", typed)
    report.share("statements: without any fact, but one is read", made_up, "0")


def _ended(memories: Sequence[Memory], value: str) -> list[bool]:
    """Return for each memory that says the value whether it, or its fact with that value, has ended."""
    ends = []
    for memory in memories:
        if says(memory.text, value):
            facts = [f for f in facts_of_memory(memory) if values_match(f.value, value) or says(value, f.value)]
            ends.append(not memory.holds or memory.lifecycle is not Lifecycle.ACTIVE or any(f.ended for f in facts if f.value))
    return ends


async def supersession(bench: Bench, report: Report) -> None:
    right, harmless = [], []
    for case in of_half(load("supersession"), bench.half):
        user = bench.user(case["id"])
        ids = [await user.tell(turn) for turn in case["turns"]]
        memories = {m.id: m for m in await user.memories()}
        of_turn = [[memories[i] for i in of if i in memories] for of in ids]
        faults, harmed = [], False
        for entry in case["valid"]:
            ends = _ended(of_turn[entry["turn"]], entry["value"])
            harmed = harmed or any(ends)
            if not ends or any(ends):
                faults.append(f"{entry['value']!r} {'has ended' if ends else 'was not stored'}")
        for entry in case["ended"]:
            faults += [] if all(_ended(of_turn[entry["turn"]], entry["value"])) else [f"{entry['value']!r} still holds"]
        for question in case["questions"]:
            lines = await user.prompt(question["ask"])
            faults += [f"{question['ask']!r}: {e!r} is not in the prompt" for e in question["expect"] if not says("\n".join(lines), e)]
            current = [v for v in question["not_current"] if presented_as_current(lines, v, question["expect"])]
            faults += [f"{question['ask']!r}: {v!r} is shown as current" for v in current]
        right.append(not faults)
        harmless.append(not harmed)
        if faults:
            report.miss(f"{case['id']} ({case['kind']})", "; ".join(faults))
    report.share("supersession: cases right", right, "≥ 28 of 30")
    report.share("supersession: cases in which no true fact ended", harmless, "all")


def _answered(lines: Sequence[str], sentences: Sequence[str], question: dict[str, Any]) -> bool:
    def shown(ways: Sequence[int]) -> int:
        return sum(any(holds_sentence(line, sentences[i]) for line in lines) for i in ways)

    ways = [question["evidence"], *question.get("or", ())]
    return any(shown(way) >= question.get("least", len(way)) for way in ways)


async def talks(bench: Bench, report: Report) -> None:
    bar = f"≥ {BARS['talks'][bench.embedder]:.3f}" if bench.embedder in BARS["talks"] else ""
    silent: list[bool] = []
    for talk in of_half(load("talks"), bench.half):
        user, sentences, answered = bench.user(talk["name"]), sentences_of(talk), []
        for day, text in turn_texts(talk):
            await user.tell(text, day)
        sure, unsure = [], []
        for question in talk["questions"]:
            lines = await user.prompt(question["ask"])
            answered.append(_answered(lines, sentences, question))
            sure.append(certainty(await user.recall(question["ask"], 10)))
            if not answered[-1]:
                report.miss(talk["name"], f"{question['ask']!r}: {len(lines)} lines, without {question['evidence']}")
        for ask in talk["unanswerable"]:
            silent.append(not await user.prompt(ask))
            unsure.append(certainty(await user.recall(ask, 10)))
        report.share(f"talks, {talk['name']}: evidence in the prompt", answered, bar)
        report.rows.append((f"talks, {talk['name']}: AUROC of answerable questions", f"{auroc(sure, unsure):.3f}", ""))
    report.share("talks: unanswerable questions that get no memory", silent)


async def requests(bench: Bench, report: Report) -> None:
    done: dict[str, list[bool]] = {"remember": [], "forget": [], "neither": []}
    first, kept_itself = [], []
    for r in of_half(load("requests"), bench.half):
        user = bench.user(r["id"])
        for told in r["told"]:
            await user.tell(told)
        before = {m.id for m in await user.memories()}
        await user.tell(r["text"], day=1)
        after = await user.memories()
        stand = [any(m.holds and holds_sentence(m.text, told) for m in after) for told in r["told"]]
        strong = {m.id for m in after if m.pinned or getattr(m, "confirmed", False)}
        if r["kind"] == "remember":
            best = await user.recall(r["ask"], 1)
            first.append(bool(best) and says(best[0].memory.text, r["keep"]))
            done["remember"].append(first[-1] and best[0].memory.id in strong)
        elif r["kind"] == "forget":
            itself = [m.text for m in after if m.id not in before and holds_sentence(m.text, r["text"])]
            kept_itself.append(bool(itself))
            done["forget"].append(not itself and all(stand[i] is (i not in r["forget"]) for i in range(len(stand))))
        else:
            done["neither"].append(all(stand) and not strong)
        if not done[r["kind"]][-1]:
            report.miss(f"{r['id']} ({r['kind']}, {r['language']})", f"{r['text']!r} leaves {[m.text for m in after]}")
    report.share("requests: remember or forget, carried out", [*done["remember"], *done["forget"]], "≥ 0.97")
    report.share("requests to remember: recalled first and pinned or confirmed", done["remember"])
    report.share("requests to remember: recalled first", first)
    report.share("requests to forget: what is meant is gone, the rest stays", done["forget"])
    report.share("requests to forget that became memories", kept_itself, "0")
    report.share("look-alikes that change nothing", done["neither"], "all")


async def languages(bench: Bench, report: Report) -> None:
    bar = f"≥ {BARS['languages'][bench.embedder]:.2f}" if bench.embedder == "hashed" else "≥ 0.90 with a multilingual embedder"
    for language in load("languages"):
        user, told = bench.user(language["language"]), language["statements"]
        stored = [bool(await user.tell(s)) for s in told]
        in_three, in_prompt = [], []
        for question in of_half(language["questions"], bench.half):
            best = await user.recall(question["ask"], 3)
            answer = told[question["answer"]]
            in_three.append(any(holds_sentence(r.memory.text, answer) for r in best))
            in_prompt.append(any(holds_sentence(line, answer) for line in await user.prompt(question["ask"])))
            if not in_three[-1]:
                report.miss(language["language"], f"{question['ask']!r}: {[r.memory.text for r in best]}")
        report.share(f"languages, {language['language']}: answer in the first three", in_three, bar)
        report.rows.append((f"languages, {language['language']}: stored; in the prompt", f"{sum(stored)} of 20; {sum(in_prompt)}", ""))


async def removed(bench: Bench, report: Report) -> None:
    present, absent, in_prompt = [], [], []
    for dialogue in load("removed"):
        teller, told = bench.user(dialogue["name"]), dialogue["statements"]
        ids = [await teller.tell(s, day=i // 6) for i, s in enumerate(told)]
        memories = await teller.memories()
        for number, question in enumerate(of_half(dialogue["questions"], bench.half)):
            gone = {i for e in question["evidence"] for i in ids[e]}
            # A user who never told the evidence. Memories are adopted and not erased, so that the ids of the others stay as they are.
            other = bench.user(f"{dialogue['name']} {number}")
            other.told_s = teller.told_s
            await bench.cognition.adopt(other.owner(""), Archive([m for m in memories if m.id not in gone]))
            present.append(certainty(await teller.recall(question["ask"], 10)))
            absent.append(certainty(await other.recall(question["ask"], 10)))
            lines = await teller.prompt(question["ask"])
            in_prompt.append(all(any(holds_sentence(line, told[e]) for line in lines) for e in question["evidence"]))
    report.rows.append(("removed: AUROC, evidence present against removed", f"{auroc(present, absent):.3f}", "≥ 0.75"))
    report.share("removed: evidence in the prompt", in_prompt)


MEASURES: dict[str, Callable[[Bench, Report], Awaitable[None]]] = {
    "statements": statements,
    "supersession": supersession,
    "talks": talks,
    "requests": requests,
    "languages": languages,
    "removed": removed,
}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"one or more of {', '.join(SETS)}; all by default")
    parser.add_argument("--half", choices=HALVES, default="dev")
    parser.add_argument("--embedder", default="hashed")
    parser.add_argument("--show", action="store_true", help="list what went wrong in the dev half")
    arguments = parser.parse_args()
    if set(arguments.sets) - set(SETS):
        parser.error(f"the sets are {', '.join(SETS)}")
    print(f"| {arguments.half} half, embedder {arguments.embedder} | measured | bar |\n|---|---|---|")
    for name in arguments.sets or SETS:
        report = Report()
        with tempfile.TemporaryDirectory() as folder:
            embedder = KeptVectors(await embedder_of(arguments.embedder))
            cognition = await Cognition.open(SqliteStore(Path(folder)), embedder, CognitionSettings(), None)
            await MEASURES[name](Bench(cognition, arguments.half, arguments.embedder), report)
            await cognition.close()
        for row in report.rows:
            print(f"| {' | '.join(row)} |", flush=True)
        if arguments.show and arguments.half == "dev":
            print("\n".join(["", *report.misses, ""]))


if __name__ == "__main__":
    asyncio.run(main())
