"""GGUF files like others, but with other tokens or another chat template."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf

USER_DEFINED, CONTROL = int(gguf.TokenType.USER_DEFINED), int(gguf.TokenType.CONTROL)


def rewritten(
    source: Path, target: Path, tokens: Mapping[int, tuple[str, int]] | None = None, template: str | None = None, name: str | None = None
) -> Path:
    """Write `source` to `target`; `tokens` gives ids a new text and type of token; a template "" is left out."""
    reader = gguf.GGUFReader(str(source))
    writer = gguf.GGUFWriter(str(target), reader.fields["general.architecture"].contents())
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        value: Any = field.contents()
        for token, (text, kind) in (tokens or {}).items():
            if key == "tokenizer.ggml.tokens":
                value[token] = text
            elif key == "tokenizer.ggml.token_type":
                value[token] = kind
        if key == "tokenizer.chat_template" and template == "":
            continue
        if key == "tokenizer.chat_template" and template is not None:
            value = template
        if key == "general.name" and name is not None:
            value = name
        writer.add_key_value(key, value, field.types[0], sub_type=field.types[-1] if len(field.types) > 1 else None)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target
