from collections.abc import Sequence

class Grammar:
    states: int  # states of the automaton
    def __init__(self, text: str, tokens: Sequence[bytes] = (), ends: Sequence[int] = ()) -> None:
        """Compile a grammar; `tokens` are the bytes of each token, `ends` the tokens that end a text. Raises ValueError."""
    def matcher(self) -> Matcher: ...
    def accepts(self, data: str | bytes) -> bool:
        """Return whether the grammar accepts the whole text. Raises RuntimeError where that exceeds its budget of work."""

class Matcher:
    work_left: int
    def __init__(self, grammar: Grammar) -> None: ...
    def can_end(self) -> bool: ...
    def can_continue(self) -> bool: ...
    def allows(self, token: int) -> bool: ...
    def accept(self, token: int) -> None:
        """Advance by a token. Raises RuntimeError where the grammar exceeds its budget."""
    def accept_bytes(self, data: bytes) -> bool:
        """Advance by bytes; return False where the grammar refuses them."""
    def allowed(self) -> list[int]:
        """Return the ids of the tokens that may come next, in order."""

class AnswerWatch:
    in_thought: bool
    asleep: bool
    def __init__(
        self, thought: tuple[str, str] = ("", ""), in_thought: bool = False, triggers: Sequence[str] = (), wakes: bool = False
    ) -> None: ...
    def feed(self, data: bytes) -> bytes | None:
        """Take the next bytes; return what the grammar begins with where it wakes by them, else None."""
