"""Carries out the commands of a dialogue, such as /model. None of them is sent to the model or stored."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from echorator.cli.dialogue import clipboard, saved, values
from echorator.cli.dialogue.lines import COMMANDS, Command, help_text
from echorator.cli.dialogue.remembered import Remembered
from echorator.cli.dialogue.screen import MEMORIES, Screen, counted
from echorator.cli.dialogue.talk import Talk
from echorator.cli.dialogue.transcript import Transcript, new_session
from echorator.cli.dialogue.typed import Lines
from echorator.cli.parsing import nearest
from echorator.host.exits import CommandError
from echorator.rpc.v1 import cognition_pb2
from echorator.rpc.v1 import model_pb2 as pb

T = TypeVar("T")

NOBODY = "-"
SHOWN_MEMORIES = 15  # the newest, of more than these
_YES = ("y", "yes")


class Actions:
    """The commands of one dialogue.

    Args:
        talk: what is said, and to whom.
        screen: where answers to commands are printed.
        lines: asks before something is erased or overwritten.
        run: runs a coroutine of a call to the server.
        retell: answers a message again without learning from it.
    """

    def __init__(
        self,
        talk: Talk,
        screen: Screen,
        lines: Lines,
        run: Callable[[Coroutine[Any, Any, Any]], Any],
        retell: Callable[[str], None],
    ) -> None:
        self._talk, self._screen, self._lines, self._run, self._retell = talk, screen, lines, run, retell
        self._file = ""  # the name under which this dialogue was kept
        self.models: list[str] = []  # names, as they were listed last

    def carry_out(self, command: Command) -> None:
        """Do what a command other than /bye says. Raises CommandError, InvalidRequestError."""
        getattr(self, f"_{command.name}")(command.rest)

    def completions(self, line: str) -> Iterable[str]:
        """Return how the word at the end of the line may go on, whole words in alphabetical order."""
        command, blank, rest = line.partition(" ")
        if not line.startswith("/") or "\n" in line or line.startswith("//"):
            return []
        if not blank:
            return [f"/{name}" for name in sorted(COMMANDS) if f"/{name}".startswith(command)]
        choices: dict[str, Callable[[], Sequence[str]]] = {
            "/set": lambda: values.NAMES,
            "/model": lambda: self.models,
            "/load": saved.names,
            "/save": saved.names,
            "/help": lambda: sorted(COMMANDS),
            "/copy": lambda: ["code"],
        }
        known = choices[command]() if command in choices and " " not in rest else []
        return [choice for choice in known if choice.startswith(rest)]

    def _help(self, name: str) -> None:
        try:
            self._screen.say(help_text(name))
        except KeyError:
            raise CommandError(f"there is no command {name} {nearest(name, COMMANDS)}".rstrip()) from None

    def _new(self, rest: str) -> None:
        del rest
        self._begin(self._talk.transcript.system)
        self._screen.note("a new dialogue begins")

    def _begin(self, system: str) -> None:
        self._talk.begin(Transcript(new_session(), system))
        self._file = ""

    def _model(self, name: str) -> None:
        models: list[pb.Model] = self._run(self._talk.models())
        self.models = sorted(model.name for model in models)
        if not name:
            self._screen.say("\n".join(f"{'*' if n == self._talk.model else ' '} {n}" for n in self.models) or "no model can answer now")
            return
        chosen = next((model for model in models if model.name == name), None)
        if chosen is None:
            hint = nearest(name, self.models) or f"(there are: {', '.join(self.models) or 'none'})"
            raise CommandError(f"no model {name} {hint}")
        self._talk.choose(chosen)
        self._screen.note(f"{name} answers from now on")

    def _user(self, name: str) -> None:
        if not name:
            self._screen.say(f"memory of {self._talk.user}" if self._talk.user else "no memory: nothing is remembered")
            return
        user = "" if name == NOBODY else name
        if user:
            try:
                self._run(Remembered(self._talk.server, user).all())
            except CommandError as error:  # such as from a server without a memory
                raise CommandError(f"{error}; or leave and begin again with --user") from error
        self._talk.user = user
        self._begin(self._talk.transcript.system)
        self._screen.note(f"a new dialogue begins, {f'with the memory of {user}' if user else 'without a memory'}")

    def _memory_of_user(self) -> Remembered:
        if not self._talk.user:
            raise CommandError("no memory is used: /user NAME begins a dialogue with the memory of that user")
        return Remembered(self._talk.server, self._talk.user)

    def _memory(self, words: str) -> None:
        memory = self._memory_of_user()
        if not words:
            recalled = self._talk.last.usage.memory.recalled if self._talk.last else ()
            found = self._run(memory.of_ids(one.id for one in recalled))
            sure = {one.id: f"{one.confidence:.0%}" for one in recalled}
            self._screen.say("recalled for the last answer:" if found else "nothing was recalled for the last answer")
            self._list(found, sure)
        all_of_it = self._run(memory.all(words))
        said = f"remembered of {self._talk.user}{f' with {words}' if words else ''}"
        shown = all_of_it[-SHOWN_MEMORIES:]
        part = f", the newest {len(shown)} of {len(all_of_it)}" if len(shown) < len(all_of_it) else ""
        self._screen.say(f"{said}{part}:" if shown else f"nothing is {said}")
        self._list(shown)

    def _list(self, memories: Sequence[cognition_pb2.Memory], notes: dict[int, str] | None = None) -> None:
        for memory in memories:
            marks = [mark for holds, mark in ((memory.pinned, "kept on request"), (memory.valid_to_s, "no longer holds")) if holds]
            marks += [note] if (note := (notes or {}).get(memory.id)) else []
            beside = f" ({', '.join(marks)})" if marks else ""
            self._screen.say(f"{memory.id:>6}  {' '.join(memory.text.split())}{beside}")

    def _forget(self, words: str) -> None:
        memory = self._memory_of_user()
        if not words:
            raise CommandError("say what to forget: /forget TEXT, or the number that /memory shows")
        found = self._run(memory.meant(words))
        if not found:
            raise CommandError(f"nothing that is remembered fits {words!r}; /memory lists it, `echorator memory forget` can forget all")
        self._list(found)
        some = " or the numbers of those to erase" if len(found) > 1 else ""
        answer = self._lines.answer_to(f"Erase {'these for good? yes, no' if len(found) > 1 else 'it for good? yes or no'}{some}: ")
        chosen = _chosen(answer, [one.id for one in found])
        if not chosen:
            self._screen.note("nothing was forgotten")
            return
        count = self._run(memory.forget(chosen))
        still = "; what was said here is still in this dialogue, /new begins one without it" if self._talk.transcript.exchanges else ""
        self._screen.note(f"forgot {counted(count, *MEMORIES)}{still}")

    def _set(self, typed: str) -> None:
        if not typed:
            self._screen.say(values.table(self._talk.values))
            return
        self._talk.values = values.changed(self._talk.values, typed)
        name = typed.split()[0].lower().replace("-", "_")
        self._screen.markdown = bool(self._talk.values.get("markdown", True))
        self._screen.note(f"{name} is {values.shown(self._talk.values, name)}")

    def _show(self, rest: str) -> None:
        del rest
        talk = self._talk
        turns = len(talk.transcript.exchanges)
        rows = {
            "model": talk.model or "none is chosen, see /model",
            "server": talk.server,
            "memory": f"of {talk.user}" if talk.user else "none",
            "system": talk.transcript.system or "none",
            "values": ", ".join(f"{name} {values.shown(talk.values, name)}" for name in talk.values) or "the model's own",
            "turns": f"{turns}, of which {turns - talk.transcript.left} are in the prompt" if talk.transcript.left else str(turns),
            "context": f"{talk.context_tokens} tokens" if talk.context_tokens else "not known yet",
        }
        if talk.last is not None:
            usage = talk.last.usage
            rows["last prompt"] = f"{usage.prompt_tokens} tokens, {usage.cached_tokens} of them cached"
        self._screen.say("\n".join(f"{name:<12} {value}" for name, value in rows.items()))

    def _save(self, name: str) -> None:
        name = name or self._file
        if not name:
            raise CommandError("give the dialogue a name: /save NAME")
        path = saved.path_of(name)
        if (
            path.exists()
            and name != self._file
            and self._lines.answer_to(f"{name} is kept already. Replace it? yes or no: ").strip().lower() not in _YES
        ):
            self._screen.note("nothing was kept")
            return
        talk = self._talk
        saved.save(name, saved.Saved(talk.transcript, talk.model, talk.user, talk.values))
        self._file = name
        self._screen.note(f"kept in {path}; /load {name} goes on with it")

    def _load(self, name: str) -> None:
        if not name:
            self._screen.say("\n".join(saved.names()) or "no dialogue is kept; /save NAME keeps one")
            return
        found = saved.load(name)
        talk = self._talk
        talk.begin(found.transcript)
        talk.values, self._file = found.values, name
        self._screen.markdown = bool(talk.values.get("markdown", True))
        self._screen.note(f"{name} goes on after {counted(len(found.transcript.exchanges), 'turn')}")
        if found.model != talk.model:
            self._screen.note(f"it was with {found.model}; {talk.model or 'none'} answers from now on, /model changes that")
        if found.user != talk.user:
            was = f"with the memory of {found.user}" if found.user else "without a memory"
            self._screen.note(f"it was {was}; /user changes that, and begins a new dialogue")

    def _retry(self, rest: str) -> None:
        del rest
        transcript = self._talk.transcript
        if self._talk.unanswered:
            self._retell(self._talk.unanswered)
            return
        last = transcript.take_last()
        if last is None:
            raise CommandError("nothing was asked yet")
        count = len(transcript.exchanges)
        try:
            self._retell(last.user)
        finally:
            if len(transcript.exchanges) == count:  # nothing was answered
                transcript.exchanges.append(last)

    def _copy(self, what: str) -> None:
        if what not in ("", "code"):
            raise CommandError("/copy copies the last answer, /copy code the last block of code in it")
        exchanges = self._talk.transcript.exchanges
        answer = exchanges[-1].assistant if exchanges else ""
        text = clipboard.last_code(answer) if what else answer
        if not text:
            raise CommandError(f"there is no {what or 'answer'} to copy yet")
        how = clipboard.copy(text)
        if not how:
            raise CommandError("there is no clipboard here, and stdout is no terminal")
        self._screen.note(f"copied {counted(len(text), 'character')} {how}")

    def _system(self, text: str) -> None:
        if not text:
            self._screen.say(self._talk.transcript.system or "there is no system message; /system TEXT sets one")
            return
        self._talk.transcript.system = "" if text == NOBODY else text
        self._screen.note("the system message holds from the next answer on")


def _chosen(answer: str, ids: Sequence[int]) -> list[int]:
    """Return those of the ids that an answer to a question names: all for yes, the numbers in it, else none. Pure."""
    words = answer.lower().replace(",", " ").split()
    if words and all(word in _YES for word in words):
        return list(ids)
    if words and all(word.isdecimal() for word in words):
        return [id_ for id_ in ids if str(id_) in words]
    return []
