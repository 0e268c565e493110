"""LoRA adapters with random weights for the models of tests, and the same change written into the weights, to compare with."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

MATRICES = ("attn_q.weight", "attn_output.weight", "ffn_down.weight")
RANK = 4


def write_lora(path: Path, model: Path, *, seed: int = 5, alpha: float = 8.0, strength: float = 0.2, activated: bool = False) -> Path:
    """An adapter of `model` (a GGUF file), of rank 4."""
    reader = gguf.GGUFReader(str(model))
    writer = gguf.GGUFWriter(str(path), str(reader.fields["general.architecture"].contents()))
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    if activated:
        kinds = gguf.GGUFValueType
        writer.add_key_value("adapter.alora.invocation_tokens", [3, 4], kinds.ARRAY, kinds.UINT32)
    rng = np.random.default_rng(seed)
    for tensor in reader.tensors:
        if tensor.name.endswith(MATRICES):
            inputs, outputs = (int(n) for n in tensor.shape)
            a = strength * rng.standard_normal((RANK, inputs), dtype=np.float32)
            b = strength * rng.standard_normal((outputs, RANK), dtype=np.float32)
            writer.add_tensor(f"{tensor.name}.lora_a", a)
            writer.add_tensor(f"{tensor.name}.lora_b", b)
    _written(writer)
    return path


def merge_lora(path: Path, model: Path, lora: Path, scale: float = 1.0) -> Path:
    """`model`, of F32 matrices, with W + scale · (alpha / rank) · B·A instead of each W that the adapter changes."""
    reader, adapter = gguf.GGUFReader(str(model)), gguf.GGUFReader(str(lora))
    writer = gguf.GGUFWriter(str(path), str(reader.fields["general.architecture"].contents()))
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            array = field.types[0] == gguf.GGUFValueType.ARRAY
            writer.add_key_value(name, field.contents(), field.types[0], field.types[-1] if array else None)
    factors = {tensor.name: np.array(tensor.data) for tensor in adapter.tensors}
    alpha = float(adapter.fields["adapter.lora.alpha"].contents())
    for tensor in reader.tensors:
        weights = np.array(tensor.data)
        if f"{tensor.name}.lora_a" in factors:
            weights = weights + scale * alpha / RANK * factors[f"{tensor.name}.lora_b"] @ factors[f"{tensor.name}.lora_a"]
        writer.add_tensor(tensor.name, weights.astype(np.float32))
    _written(writer)
    return path


def _written(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
