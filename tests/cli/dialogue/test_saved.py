"""What `/save` and the history keep on the disk: private files, that are read again or refused in words."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.cli.dialogue import folder, history, saved
from echorator.cli.dialogue.clipboard import last_code
from echorator.cli.dialogue.history import HistoryFile
from echorator.cli.dialogue.transcript import Exchange, Transcript
from echorator.cli.dialogue.values import Value
from echorator.host.exits import CommandError

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "echorator" / "chats"


def modes(path: Path) -> set[int]:
    return {stat.S_IMODE(p.stat().st_mode) for p in path.rglob("*") if p.is_file()}


def test_a_dialogue_is_kept_whole_and_for_its_owner_alone(home: Path) -> None:
    said = Transcript("s", "You are Echo.", [Exchange(f"question {i}", "ä\n" * i + ".") for i in range(5)], left=3)
    values: dict[str, Value] = {"temperature": 0.5, "seed": 3, "stop": ("a", "\n"), "usage": True, "max_tokens": 9}
    path = saved.save("one", saved.Saved(said, "echo-nano", "ann", values))
    found = saved.load("one")
    assert (found.model, found.user, found.values) == ("echo-nano", "ann", values)
    assert (found.transcript.session, found.transcript.system, found.transcript.exchanges) == ("s", "You are Echo.", said.exchanges)
    assert found.transcript.left == 0, "what leaves is found out for the model that goes on"
    assert modes(home) == {0o600}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert (saved.names(), path.parent) == (["one"], home)


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc/passwd", ".hidden", "x" * 65, "a b", "a\n"])
def test_a_name_stays_in_its_folder(name: str) -> None:
    with pytest.raises(CommandError, match="a name has 1 to 64"):
        saved.save(name, saved.Saved(Transcript("s")))


def test_a_dialogue_that_is_not_there_is_said_with_the_nearest() -> None:
    saved.save("holidays", saved.Saved(Transcript("s")))
    with pytest.raises(CommandError, match=r"no dialogue is kept as hollidays \(did you mean holidays\?\)"):
        saved.load("hollidays")


@given(st.binary(max_size=200) | TEXTS.map(str.encode))
def test_a_damaged_file_is_refused_in_words(content: bytes) -> None:
    folder.prepare()
    saved.path_of("bad").write_bytes(content)
    with pytest.raises(CommandError, match="is no dialogue of this version"):
        saved.load("bad")


BODY = {"version": 1, "model": "", "user": "", "session": "s", "system": "", "values": {}, "messages": []}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"values": {"temperature": 900}},
        {"values": {"nonsense": 1}},
        {"values": {"temperature": {}}},
        {"values": []},
        {"messages": [{"role": "user", "content": "a"}]},
        {"messages": [{"role": "tool", "content": "a"}, {"role": "assistant", "content": "b"}]},
        {"messages": "text"},
        {"messages": [1, 2]},
    ],
)
def test_a_file_of_another_form_is_refused_in_words(change: dict[str, object]) -> None:
    folder.prepare()
    saved.path_of("bad").write_text(json.dumps(BODY))
    assert saved.load("bad").transcript.exchanges == []
    saved.path_of("bad").write_text(json.dumps({**BODY, **change}))
    with pytest.raises(CommandError, match="is no dialogue of this version"):
        saved.load("bad")


def test_the_history_comes_back_and_is_private(home: Path) -> None:
    typed = ["one", "two\nlines", "ä 🙂", "/help"]
    file = HistoryFile()
    assert file.texts() == []
    for text in [*typed, "caf\udce9", "x" * (history.LONGEST + 1)]:
        file.add(text)
    assert HistoryFile().texts() == typed
    assert modes(home) == {0o600}


def test_a_long_history_is_cut_and_a_damaged_line_is_left_out(home: Path) -> None:
    folder.prepare()
    lines = [json.dumps(str(i)) for i in range(2 * history.MOST)]
    (home / "history").write_text("\n".join([*lines, '"cut sho', "3"]) + "\n")
    assert HistoryFile().texts()[-1] == str(2 * history.MOST - 1)
    assert len((home / "history").read_text().splitlines()) == history.MOST


def test_a_history_that_cannot_be_written_says_why_and_stops_nothing(home: Path) -> None:
    folder.prepare()
    (home / "history").mkdir()
    file = HistoryFile()
    assert file.texts() == []
    file.add("one")
    assert "directory" in file.failed


@pytest.mark.parametrize(
    ("answer", "code"),
    [("no code", ""), ("```py\na\n```\ntext\n~~~\nb\nc\n~~~\n", "b\nc\n"), ("```\nnever closed", "never closed"), ("`x`", "")],
)
def test_the_last_code_of_an_answer(answer: str, code: str) -> None:
    assert last_code(answer) == code
