"""A short list of small models that run well here, with their sizes and licences as their publishers state them.

Sizes are those of the download in Ollama's registry, in units of 10^9 bytes. Models whose files in that registry llama.cpp itself cannot
read, such as those with a picture encoder in the same file, are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

CHAT, CODE, EMBEDDINGS = "chat", "code", "embeddings"
CONTEXT_BYTES = 1 << 30  # room for the context, buffers and this program beside the weights


@dataclass(frozen=True)
class Suggestion:
    """One model: `source` is what `pull` takes, `parameters` and `licence` are its publisher's words, `size_gb` is of the download."""

    source: str
    purpose: str
    parameters: str
    size_gb: float
    licence: str
    note: str = ""

    @property
    def needs_bytes(self) -> int:
        """Return about how much memory it takes with a context of a few thousand tokens, an estimate of this project."""
        return int(self.size_gb * 1e9) + (CONTEXT_BYTES if self.purpose != EMBEDDINGS else CONTEXT_BYTES // 4)


SUGGESTIONS = (
    Suggestion("qwen3:0.6b", CHAT, "0.6B", 0.5, "Apache-2.0", "thinks, calls tools, 100 languages"),
    Suggestion("gemma3:1b", CHAT, "1B", 0.8, "Gemma terms", "fluent for its size"),
    Suggestion("llama3.2:1b", CHAT, "1B", 1.3, "Llama 3.2 Community", "calls tools"),
    Suggestion("qwen3:1.7b", CHAT, "1.7B", 1.4, "Apache-2.0", "thinks, calls tools"),
    Suggestion("llama3.2:3b", CHAT, "3B", 2.0, "Llama 3.2 Community", "calls tools"),
    Suggestion("phi4-mini", CHAT, "3.8B", 2.5, "MIT", "calls tools, good at reasoning"),
    Suggestion("qwen3:4b", CHAT, "4B", 2.5, "Apache-2.0", "thinks, calls tools; a good first choice with 8 GiB"),
    Suggestion("llama3.1:8b", CHAT, "8B", 4.9, "Llama 3.1 Community", "calls tools"),
    Suggestion("qwen3:8b", CHAT, "8B", 5.2, "Apache-2.0", "thinks, calls tools"),
    Suggestion("phi4", CHAT, "14B", 9.1, "MIT", ""),
    Suggestion("qwen3:14b", CHAT, "14B", 9.3, "Apache-2.0", "thinks, calls tools"),
    Suggestion("qwen2.5-coder:1.5b", CODE, "1.5B", 1.0, "Apache-2.0", "completes code"),
    Suggestion("qwen2.5-coder:7b", CODE, "7B", 4.7, "Apache-2.0", "completes and explains code"),
    Suggestion("all-minilm", EMBEDDINGS, "23M", 0.05, "Apache-2.0", "English, 384 numbers"),
    Suggestion("nomic-embed-text", EMBEDDINGS, "137M", 0.3, "Apache-2.0", "English, 768 numbers"),
    Suggestion("bge-m3", EMBEDDINGS, "567M", 1.2, "MIT", "100 languages, 1024 numbers"),
)


def fitting(free_bytes: int, purpose: str = "") -> list[Suggestion]:
    """Return the suggestions of a purpose, "" for all, that fit into so much memory, the largest first within each purpose. Pure."""
    found = [each for each in SUGGESTIONS if each.needs_bytes <= free_bytes and purpose in ("", each.purpose)]
    order = (CHAT, CODE, EMBEDDINGS)
    return sorted(found, key=lambda each: (order.index(each.purpose), -each.size_gb))
