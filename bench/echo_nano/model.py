"""echo-nano's network (llama architecture), its growth from a smaller one, and the GGUF file in both directions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

EOT, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SYSTEM = "You are Echo, a helpful assistant with a memory."
CHAT_TEMPLATE = (
    "{% macro shown() %}{{ '\\nTools:' }}{% for tool in tools %}{{ '\\n' }}{{ (tool.function or tool) | tojson }}{% endfor %}"
    "{{ '\\nCall a tool with <tool_call>.' }}{% endmacro %}"
    "{% if tools and messages[0].role != 'system' %}{{ '<|im_start|>system\\n" + SYSTEM + "' }}{{ shown() }}{{ '<|im_end|>\\n' }}{% endif %}"
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + (message.content or '') }}"
    "{% if tools and loop.first and message.role == 'system' %}{{ shown() }}{% endif %}"
    "{% for call in message.tool_calls or [] %}{{ '<tool_call>\\n{\"name\": \"' + call.function.name + '\", \"arguments\": ' }}"
    "{{ call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}{{ '}\\n</tool_call>' }}{% endfor %}"
    "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


# Layers whose first head is taught while training: a word of a question looks at the same word said before, and what stands between a question and
# its answer looks at the statement that the answer rests on. Without that the second was not learned from 3.5M tokens.
LOOKING = {1: "word", 2: "word", 3: "line", 4: "line"}


@dataclass(frozen=True)
class Shape:
    """Model dimensions; every matrix dimension is a multiple of 32 so that Q8_0 fits."""

    vocab: int = 768
    dim: int = 128
    layers: int = 6
    heads: int = 4
    ffn: int = 384
    context: int = 4096
    rope_base: float = 10000.0
    eps: float = 1e-5


class RMSNorm(nn.Module):
    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


@dataclass
class Looks:
    """Where the first head of a layer is to look: rows and query places (n,), and which keys count, (n, time); `losses` are filled in."""

    rows: Tensor
    queries: Tensor
    inside: Tensor
    losses: list[Tensor] = field(default_factory=list)

    def loss(self, q: Tensor, k: Tensor) -> Tensor:
        """Return the mean of -log of the attention on the keys that count. q, k: (batch, time, head_dim), rotated."""
        scores = torch.einsum("nd,ntd->nt", q[self.rows, self.queries], k[self.rows]) * q.shape[-1] ** -0.5
        scores = scores.masked_fill(torch.arange(k.shape[1])[None] > self.queries[:, None], -torch.inf)
        return (scores.logsumexp(-1) - scores.masked_fill(~self.inside, -torch.inf).logsumexp(-1)).mean()


class Block(nn.Module):
    """Pre-norm attention with interleaved-pair RoPE (llama.cpp's NORM rope), then SwiGLU."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.heads = s.heads
        self.attn_norm, self.ffn_norm = RMSNorm(s.dim, s.eps), RMSNorm(s.dim, s.eps)
        self.q, self.k, self.v, self.o = (nn.Linear(s.dim, s.dim, bias=False) for _ in range(4))
        self.gate, self.up = nn.Linear(s.dim, s.ffn, bias=False), nn.Linear(s.dim, s.ffn, bias=False)
        self.down = nn.Linear(s.ffn, s.dim, bias=False)

    def forward(self, x: Tensor, cis: Tensor, looks: Looks | None = None) -> Tensor:
        b, t, d = x.shape
        h = self.attn_norm(x)
        q, k, v = (w(h).view(b, t, self.heads, -1).transpose(1, 2) for w in (self.q, self.k, self.v))
        q, k = rotate(q, cis), rotate(k, cis)
        if looks is not None:
            looks.losses.append(looks.loss(q[:, 0], k[:, 0]))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(a.transpose(1, 2).reshape(b, t, d))
        h = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


def rotate(x: Tensor, cis: Tensor) -> Tensor:
    """RoPE on pairs (2i, 2i+1). x: (batch, heads, time, head_dim); cis: complex (batch or 1, 1, time, head_dim/2)."""
    return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2))) * cis).flatten(-2)


class Nano(nn.Module):
    """Tied-embedding decoder. `hidden`: (batch, time) int64 and positions alike -> (batch, time, dim); `logits` maps those to the vocabulary."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.s = s
        self.embed = nn.Embedding(s.vocab, s.dim)
        self.blocks = nn.ModuleList(Block(s) for _ in range(s.layers))
        self.norm = RMSNorm(s.dim, s.eps)
        head = s.dim // s.heads
        angle = torch.outer(torch.arange(s.context).float(), s.rope_base ** (-torch.arange(0, head, 2).float() / head))
        self.register_buffer("cis", torch.polar(torch.ones_like(angle), angle), persistent=False)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.05 if p is not self.embed.weight else 0.02)

    def hidden(self, ids: Tensor, positions: Tensor | None = None, looks: Mapping[str, Looks] | None = None) -> Tensor:
        cis = self.cis[: ids.shape[1]][None, None] if positions is None else self.cis[positions][:, None]
        x = self.embed(ids)
        for i, block in enumerate(self.blocks):
            x = block(x, cis, looks.get(LOOKING.get(i, "")) if looks else None)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.embed.weight)


_NAMES = {
    "attn_norm": "attn_norm", "attn_q": "q", "attn_k": "k", "attn_v": "v", "attn_output": "o", "ffn_norm": "ffn_norm", "ffn_gate": "gate", "ffn_up": "up", "ffn_down": "down",
}  # fmt: skip


def grown(path: Path, s: Shape) -> Nano:
    """Return a network that computes what the smaller one of a GGUF file does, to be trained on.

    New layers stand between the old ones and begin as the identity (their outputs are zero); wider FFNs begin with columns of zeros likewise.
    The file has to be F16 or F32 and of the same vocabulary, width and heads.
    """
    data = {t.name: torch.from_numpy(np.array(t.data, dtype=np.float32)) for t in gguf.GGUFReader(str(path)).tensors}
    old = 1 + max(int(name.split(".")[1]) for name in data if name.startswith("blk."))
    model = Nano(s)
    places = [round(i * (s.layers - 1) / (old - 1)) for i in range(old)]
    with torch.no_grad():
        for block in model.blocks:
            block.o.weight.zero_()
            block.down.weight.zero_()
        for i, place in enumerate(places):
            for name, attribute in _NAMES.items():
                new, was = getattr(model.blocks[place], attribute).weight, data[f"blk.{i}.{name}.weight"]
                new[tuple(slice(n) for n in was.shape)] = was
        model.embed.weight.copy_(data["token_embd.weight"])
        model.norm.weight.copy_(data["output_norm.weight"])
    return model


def export(model: Nano, tok: Tokenizer, path: Path, quantised: bool) -> None:
    """Write the GGUF: F16, or Q8_0 for the matrices; norms stay F32."""
    s = model.s
    w = gguf.GGUFWriter(str(path), "llama")
    w.add_name("echo-nano")
    w.add_author("the Echorator authors")
    w.add_license("apache-2.0")
    w.add_description("A tiny chat model trained on a synthetic grammar; it answers from facts in its prompt.")
    w.add_context_length(s.context)
    w.add_embedding_length(s.dim)
    w.add_block_count(s.layers)
    w.add_feed_forward_length(s.ffn)
    w.add_head_count(s.heads)
    w.add_head_count_kv(s.heads)
    w.add_layer_norm_rms_eps(s.eps)
    w.add_rope_dimension_count(s.dim // s.heads)
    w.add_rope_freq_base(s.rope_base)
    w.add_vocab_size(s.vocab)
    w.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if quantised else gguf.LlamaFileType.MOSTLY_F16)
    state = json.loads(tok.to_str())["model"]
    by_id = sorted(state["vocab"], key=state["vocab"].get)
    special = {EOT, IM_START, IM_END}
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(by_id)
    w.add_token_types([gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in by_id])
    w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in state["merges"]])
    w.add_bos_token_id(tok.token_to_id(EOT))
    w.add_eos_token_id(tok.token_to_id(IM_END))
    w.add_eot_token_id(tok.token_to_id(IM_END))
    w.add_pad_token_id(tok.token_to_id(EOT))
    w.add_add_bos_token(False)
    w.add_chat_template(CHAT_TEMPLATE)

    def put(name: str, t: Tensor) -> None:
        a = t.detach().float().numpy()
        if a.ndim == 1:
            w.add_tensor(name, a)
        elif quantised:
            kind = gguf.GGMLQuantizationType.Q8_0
            w.add_tensor(name, gguf.quants.quantize(a, kind), raw_dtype=kind)
        else:
            w.add_tensor(name, a.astype(np.float16))

    put("token_embd.weight", model.embed.weight)
    put("output_norm.weight", model.norm.weight)
    for i, block in enumerate(model.blocks):
        for name, attribute in _NAMES.items():
            put(f"blk.{i}.{name}.weight", getattr(block, attribute).weight)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
