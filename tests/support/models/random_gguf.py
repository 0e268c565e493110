"""Random-weight GGUF files in real shapes, for benches and tests.

A model with random weights answers nonsense at the speed of a real one, needs no download and is made in a
second. `write` takes the architecture (one for each kind of model memory that the engine must serve), the
widths and a vocabulary: either the vocabulary of another GGUF file (llama.cpp's vocabulary-only files) or a
small byte-fallback one that can spell any text.

    python -m tests.support.models.random_gguf OUT.gguf --arch llama --dim 384 --layers 8
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Shape:
    """The dimensions of a model. `window` is the sliding window in tokens (gemma3 only)."""

    arch: str = "llama"  # llama | gemma3 (sliding window) | mamba (recurrent) | jamba (hybrid) | bert (encoder)
    dim: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    ffn: int = 128
    context: int = 2048
    window: int = 32
    seed: int = 1
    vocab_from: Path | None = None
    pre: str = ""  # the pre-tokenizer's name, where it is not that of `vocab_from`
    template: str = ""  # the chat template; "" is ChatML's
    quantisation: str = "F32"  # F32 | F16 | Q8_0, for the matrices
    endless: bool = False  # a greedy answer never ends by itself; with the small vocabulary, and not tied
    ranks: bool = False  # a reranker: an encoder with a classification head (bert only)
    rank_template: str = ""  # the template of a reranker's pairs
    fills: bool = False  # the small vocabulary has fill-in-the-middle tokens behind the others
    tied: bool = False  # the output matrix is the token embedding's (such random models repeat one token)


def _byte_vocab() -> tuple[list[str], list[float], list[int]]:
    """Return a SentencePiece vocabulary: 3 control tokens, ChatML's two, 256 bytes, some pieces with a leading space."""
    kind = gguf.TokenType
    words = "the of and to in is you that it he was for on are as with his they at be this have from or one had by".split()
    tokens = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    kinds = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL, kind.CONTROL, kind.CONTROL]
    tokens += [f"<0x{b:02X}>" for b in range(256)]
    kinds += [kind.BYTE] * 256
    pieces = ["▁", *(f"▁{w}" for w in words), *(chr(c) for c in range(33, 127)), *"éüßñ日本語🙂"]
    tokens += pieces
    kinds += [kind.NORMAL] * len(pieces)
    return tokens, [0.0] * 5 + [-1000.0] * 256 + [-float(i + 1) for i in range(len(pieces))], [int(k) for k in kinds]


def _field(reader: gguf.GGUFReader, key: str) -> Any:
    field = reader.get_field(key)
    return None if field is None else field.contents()


def _copy_vocab(w: gguf.GGUFWriter, source: Path, pre: str) -> int:
    reader = gguf.GGUFReader(str(source))
    tokens = _field(reader, "tokenizer.ggml.tokens")
    w.add_tokenizer_model(_field(reader, "tokenizer.ggml.model"))
    w.add_token_list(tokens)
    if (pre := pre or _field(reader, "tokenizer.ggml.pre")) is not None:
        w.add_tokenizer_pre(pre)
    if (scores := _field(reader, "tokenizer.ggml.scores")) is not None:
        w.add_token_scores(scores)
    if (kinds := _field(reader, "tokenizer.ggml.token_type")) is not None:
        w.add_token_types(kinds)
    if (merges := _field(reader, "tokenizer.ggml.merges")) is not None:
        w.add_token_merges(merges)
    if (bos := _field(reader, "tokenizer.ggml.bos_token_id")) is not None:
        w.add_bos_token_id(bos)
    if (eos := _field(reader, "tokenizer.ggml.eos_token_id")) is not None:
        w.add_eos_token_id(eos)
    return len(tokens)


def _word_piece_vocab(w: gguf.GGUFWriter) -> int:
    letters = [chr(c) for c in range(97, 123)] + [str(d) for d in range(10)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"▁{c}" for c in letters), *letters]
    w.add_tokenizer_model("bert")
    w.add_token_list(tokens)
    w.add_token_types([3, 2, 3, 3, 3] + [1] * (len(tokens) - 5))
    w.add_token_type_count(2)
    for name, token in (("pad", 0), ("unk", 1), ("sep", 3), ("mask", 4)):
        getattr(w, f"add_{name}_token_id")(token)
    w.add_bos_token_id(2)
    w.add_eos_token_id(3)
    return len(tokens)


FILL = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>")  # llama.cpp knows them by these texts


def _small_vocab(w: gguf.GGUFWriter, fills: bool) -> int:
    tokens, scores, kinds = _byte_vocab()
    if fills:
        tokens += FILL
        scores += [0.0] * len(FILL)
        kinds += [int(gguf.TokenType.CONTROL)] * len(FILL)
    w.add_tokenizer_model("llama")
    w.add_token_list(tokens)
    w.add_token_scores(scores)
    w.add_token_types(kinds)
    w.add_bos_token_id(1)
    w.add_eos_token_id(4)
    w.add_unk_token_id(0)
    w.add_add_bos_token(True)
    return len(tokens)


_ENDS = (2, 4)  # </s>, <|im_end|>
Dims = tuple[int, ...]


def _tensors(s: Shape, vocab: int) -> Iterator[tuple[str, Dims]]:
    """Yield names and GGUF dimensions (fastest first), as llama.cpp's loaders expect them."""
    head = s.dim // s.heads
    kv = head * s.kv_heads
    inner, state, rank, conv = 2 * s.dim, 16, max(4, s.dim // 16), 4
    bert = s.arch == "bert"
    yield "token_embd.weight", (s.dim, vocab)
    if bert:
        yield "token_types.weight", (s.dim, 2)
        yield "position_embd.weight", (s.dim, s.context)
        yield "token_embd_norm.weight", (s.dim,)
        yield "token_embd_norm.bias", (s.dim,)
        if s.ranks:
            yield "cls.weight", (s.dim, s.dim)
            yield "cls.bias", (s.dim,)
            yield "cls.output.weight", (s.dim, 1)
            yield "cls.output.bias", (1,)
    else:
        yield "output_norm.weight", (s.dim,)
        if not s.tied:
            yield "output.weight", (s.dim, vocab)
    for i in range(s.layers):
        b = f"blk.{i}."
        recurrent = s.arch == "mamba" or (s.arch == "jamba" and i % 2 == 0)
        if not bert:
            yield b + "attn_norm.weight", (s.dim,)
        if recurrent:
            yield b + "ssm_in.weight", (s.dim, 2 * inner)
            yield b + "ssm_conv1d.weight", (conv, inner)
            yield b + "ssm_conv1d.bias", (inner,)
            yield b + "ssm_x.weight", (inner, rank + 2 * state)
            yield b + "ssm_dt.weight", (rank, inner)
            yield b + "ssm_dt.bias", (inner,)
            if s.arch == "jamba":
                yield b + "ssm_dt_norm.weight", (rank,)
                yield b + "ssm_b_norm.weight", (state,)
                yield b + "ssm_c_norm.weight", (state,)
            yield b + "ssm_a", (state, inner)
            yield b + "ssm_d", (inner,)
            yield b + "ssm_out.weight", (inner, s.dim)
        else:
            yield b + "attn_q.weight", (s.dim, s.dim)
            yield b + "attn_k.weight", (s.dim, kv)
            yield b + "attn_v.weight", (s.dim, kv)
            yield b + "attn_output.weight", (s.dim, s.dim)
        if s.arch == "gemma3":
            yield b + "attn_q_norm.weight", (head,)
            yield b + "attn_k_norm.weight", (head,)
            yield b + "post_attention_norm.weight", (s.dim,)
            yield b + "post_ffw_norm.weight", (s.dim,)
        if s.arch == "mamba":
            continue
        if bert:
            for name in ("attn_q", "attn_k", "attn_v"):
                yield b + f"{name}.bias", (s.dim if name == "attn_q" else kv,)
            yield b + "attn_output.bias", (s.dim,)
            for name in ("attn_output_norm", "layer_output_norm"):
                yield b + f"{name}.weight", (s.dim,)
                yield b + f"{name}.bias", (s.dim,)
        else:
            yield b + "ffn_norm.weight", (s.dim,)
            yield b + "ffn_gate.weight", (s.dim, s.ffn)
        yield b + "ffn_up.weight", (s.dim, s.ffn)
        yield b + "ffn_down.weight", (s.ffn, s.dim)
        if bert:
            yield b + "ffn_up.bias", (s.ffn,)
            yield b + "ffn_down.bias", (s.dim,)


def _values(name: str, dims: Dims, rng: np.random.Generator) -> np.ndarray:
    """Return values that keep activations near unit scale; state matrices are negative, as a stable recurrence needs."""
    shape = tuple(reversed(dims))
    if name.endswith("ssm_a"):
        return -np.exp(rng.uniform(-2.0, 0.5, shape)).astype(np.float32)
    if name.endswith("norm.weight") or name.endswith("ssm_d"):
        return np.ones(shape, np.float32)
    if name.endswith("bias"):
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)
    scale = 1.0 if name == "token_embd.weight" else 1.5 / np.sqrt(dims[0])
    return (scale * rng.standard_normal(shape, dtype=np.float32)).astype(np.float32)


def write(path: Path, shape: Shape) -> Path:
    """Write the model to `path` and return it.

    Raises:
        ValueError: the widths do not divide, or the architecture is not one of `Shape.arch`.
    """
    s = shape
    if s.arch not in ("llama", "gemma3", "mamba", "jamba", "bert"):
        raise ValueError(f"unknown architecture {s.arch!r}")
    if s.dim % s.heads or s.heads % s.kv_heads:
        raise ValueError("dim must be a multiple of heads, and heads of kv_heads")
    rng = np.random.default_rng(s.seed)
    w = gguf.GGUFWriter(str(path), s.arch)
    w.add_name(f"random-{s.arch}")
    w.add_license("apache-2.0")
    w.add_context_length(s.context)
    w.add_embedding_length(s.dim)
    w.add_block_count(s.layers)
    w.add_feed_forward_length(s.ffn)
    w.add_head_count(s.heads)
    w.add_head_count_kv([0 if i % 2 == 0 else s.kv_heads for i in range(s.layers)] if s.arch == "jamba" else s.kv_heads)
    if s.arch == "bert":
        w.add_layer_norm_eps(1e-5)
        w.add_causal_attention(False)
        w.add_pooling_type(gguf.PoolingType.RANK if s.ranks else gguf.PoolingType.MEAN)
    else:
        w.add_layer_norm_rms_eps(1e-5)
    if s.arch in ("llama", "gemma3"):
        w.add_rope_dimension_count(s.dim // s.heads)
        w.add_key_length(s.dim // s.heads)
        w.add_value_length(s.dim // s.heads)
    if s.arch == "gemma3":
        w.add_sliding_window(s.window)
    if s.arch in ("mamba", "jamba"):
        w.add_ssm_conv_kernel(4)
        w.add_ssm_inner_size(2 * s.dim)
        w.add_ssm_state_size(16)
        w.add_ssm_time_step_rank(max(4, s.dim // 16))
    if s.vocab_from is not None:
        vocab = _copy_vocab(w, s.vocab_from, s.pre)
    elif s.arch == "bert":
        vocab = _word_piece_vocab(w)
    else:
        vocab = _small_vocab(w, s.fills)
    w.add_vocab_size(vocab)
    if s.arch != "bert":
        w.add_chat_template(s.template or CHATML)
    if s.rank_template:
        w.add_string("tokenizer.chat_template.rerank", s.rank_template)
    kind = gguf.GGMLQuantizationType[s.quantisation]
    for name, dims in _tensors(s, vocab):
        data = _values(name, dims, rng)
        if s.endless and name == "output.weight":
            data[list(_ENDS)] = 0.0  # of hundreds of tokens there is always one whose logit is above 0
        matrix = len(dims) == 2 and "ssm_conv" not in name and "ssm_a" not in name and "_types" not in name
        if not matrix or kind == gguf.GGMLQuantizationType.F32 or (s.quantisation == "Q8_0" and dims[0] % 32):
            w.add_tensor(name, data)
        elif s.quantisation == "F16":
            w.add_tensor(name, data.astype(np.float16))
        else:
            w.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return path


def main() -> None:
    """Write one file from the command line."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    p.add_argument("out", type=Path)
    p.add_argument("--arch", default="llama")
    p.add_argument("--dim", type=int, default=384)
    p.add_argument("--layers", type=int, default=8)
    p.add_argument("--heads", type=int, default=6)
    p.add_argument("--kv-heads", type=int, default=6)
    p.add_argument("--ffn", type=int, default=1024)
    p.add_argument("--context", type=int, default=32768)
    p.add_argument("--vocab-from", type=Path)
    p.add_argument("--quantisation", default="F32")
    p.add_argument("--tied", action="store_true")
    a = p.parse_args()
    widths = (a.arch, a.dim, a.layers, a.heads, a.kv_heads, a.ffn, a.context)
    shape = Shape(*widths, vocab_from=a.vocab_from, quantisation=a.quantisation, tied=a.tied)
    print(write(a.out, shape), f"{a.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
