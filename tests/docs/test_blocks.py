"""Every block of commands in the documentation is run by a test, or says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks_in, blocks_of, claim, claimants, pages

LEAST_REASON = 10  # characters


def fault_of(block: Block) -> str:
    """Return what is wrong with a block's mark; "" for nothing."""
    if not block.mark:
        return "no mark before it; see tests/docs/blocks.py" if block.shell else ""
    if block.kind == "not run":
        return "" if len(block.name) >= LEAST_REASON else "say why it is not run"
    return "" if any(claim(block).search(source) for source in claimants()) else f"no test runs what is marked {block.mark!r}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_every_command_is_run_or_says_why_not(page: Path) -> None:
    faults = [f"{block}: {fault}" for block in blocks_of(page) if (fault := fault_of(block))]
    assert not faults, "\n".join(faults)


def test_names_are_unique_in_a_page() -> None:
    marks = [(block.page, block.mark) for page in pages() for block in blocks_of(page) if block.kind not in ("", "not run")]
    assert len(marks) == len(set(marks))


PAGE = """
Text.

<!-- run: names.txt -->
```text
ann
```

1. A step:

   <!-- run: kubernetes-install -->
   ```sh
   kubectl apply -f nano.yaml
     indented
   ```

<!-- five minutes: up -->

```python
print("checked")
```

<!-- a note -->
Text between.

<!-- not run: no -->
```sh
no-such-program
```

```sh
unmarked
```
"""


def test_blocks_and_their_marks_are_read() -> None:
    found = blocks_in(PAGE, "page.md")
    assert [(block.language, block.kind, block.name) for block in found] == [
        ("text", "run", "names.txt"),
        ("sh", "run", "kubernetes-install"),
        ("python", "five minutes", "up"),
        ("sh", "not run", "no"),
        ("sh", "", ""),
    ]
    assert found[1].text == "kubectl apply -f nano.yaml\n  indented\n", "without the indent of the list"
    assert str(found[0]) == "page.md:5"
    assert fault_of(found[3]) == "say why it is not run"
    assert fault_of(found[4]).startswith("no mark")


@pytest.mark.parametrize("text", ["<!-- run: lost -->\n\nText.\n", "```sh\ntrue\n"], ids=["no block follows", "no end"])
def test_marks_and_fences_that_lead_nowhere_are_faults(text: str) -> None:
    with pytest.raises(ValueError, match=r"page\.md"):
        blocks_in(text, "page.md")


@pytest.mark.parametrize(
    ("mark", "source", "claims"),
    [
        ("run: chat", 'guide.type("chat", "memory")', True),
        ("run: chat", 'guide.type("chatter")', False),
        ("run: set up", 'run=$(block "<!-- run: set up -->")', True),
        ("run: kubernetes-install", r'"<!-- run: kubernetes-(\w+) -->"', True),
        ("run: kubernetes-install", r'"<!-- run: xds-(\w+) -->"', False),
        ("five minutes: up", r'"<!-- five minutes: (\w+) -->"', True),
        ("test command", 'test=$(block "<!-- test command -->")', True),
        ("run: no-such-name", "nothing", False),
    ],
)
def test_a_test_claims_a_block_by_its_name_its_mark_or_its_group(mark: str, source: str, claims: bool) -> None:
    assert bool(claim(Block("page.md", 1, "sh", mark, "")).search(source)) is claims


def test_a_block_that_no_test_runs_is_a_fault() -> None:
    assert "no test runs" in fault_of(Block("page.md", 1, "sh", "run: what-no-test-names", ""))
