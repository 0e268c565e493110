"""What a model takes is reckoned before it is allocated, and is what it then takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echorator.engine.memory_needs import DevicePart, Needs, check_room, measured, sized
from echorator.errors import ResourceError
from echorator.model_files.vetting import Room, vet
from echorator.settings import EngineSettings
from tests.support.models.random_gguf import Shape, write

ECHO_NANO = Path(__file__).parents[2] / "echorator" / "data" / "echo-nano.q8_0.gguf"
MIB = 1 << 20

# Serves one long prompt in every slot, so that buffers that are allocated are also touched, and says how the process grew.
SERVE = """
import json, select, sys
from pathlib import Path
from echorator._native.engine import Engine, Model
from echorator.settings import EngineSettings, Sampling
def resident():
    lines = dict(line.split(":", 1) for line in open("/proc/self/status") if line.startswith("Rss"))
    return sum(int(value.split()[0]) << 10 for value in lines.values())
fields = json.loads(sys.argv[1])
settings = EngineSettings(**{**fields, "path": Path(fields["path"])})
before = resident()
model = Model(settings)
engine = Engine(model, settings)
prompt = [1 + i % 7 for i in range(min(engine.context_tokens - 8, 600))]
left = {engine.submit(prompt, Sampling(seed=1), max_tokens=4, ignore_eos=True) for _ in range(settings.slots)}
while left:
    select.select([engine.event_fd], [], [], 1)
    left -= {event.request for event in engine.drain() if event.finish}
print(resident() - before)
"""


def grown(**fields: object) -> int:
    """Bytes that the process of such a model grew by."""
    done = subprocess.run([sys.executable, "-c", SERVE, json.dumps(fields)], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize(
    "options",
    [
        {"context_tokens": 1 << 15},
        {"context_tokens": 1 << 17, "slots": 4},
        {"context_tokens": 1 << 17, "slots": 4, "kv_layout": "separate"},
        {"context_tokens": 1 << 17, "kv_type_k": "q8_0", "kv_type_v": "q8_0", "flash_attention": "on"},
        {"context_tokens": 1 << 14, "batch_tokens": 512, "ubatch_tokens": 128},
    ],
)
def test_the_embedded_model(options: dict[str, object]) -> None:
    settings = EngineSettings(ECHO_NANO, threads=1, **options)  # type: ignore[arg-type]
    reckoned = measured(settings).host_bytes
    real = grown(path=str(ECHO_NANO), threads=1, **options)
    assert 0.9 * real - 8 * MIB <= reckoned <= 1.15 * real + 32 * MIB, (reckoned / MIB, real / MIB)


@pytest.mark.parametrize("options", [{}, {"mmap": False}, {"repack": False}])
def test_a_model_with_more_weights(options: dict[str, object], tmp_path: Path) -> None:
    file = write(tmp_path / "large.gguf", Shape(dim=512, layers=12, heads=8, kv_heads=8, ffn=1536, context=2048))
    settings = EngineSettings(file, slots=2, threads=1, **options)  # type: ignore[arg-type]
    needs = measured(settings)
    assert (needs.mapped_bytes > 0) is (options.get("mmap", True) is True)
    real = grown(path=str(file), slots=2, threads=1, **options)
    assert 0.9 * real - 8 * MIB <= needs.host_bytes <= 1.15 * real + 32 * MIB, (needs, real / MIB)


def test_what_cannot_be_tried_is_extrapolated() -> None:
    small, large = (measured(EngineSettings(ECHO_NANO, context_tokens=1 << n)).host_bytes for n in (20, 24))
    assert 15 * small < large < 17 * small
    assert large > 32 << 30


def test_a_context_that_is_too_large_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    copy = tmp_path / "model.gguf"
    copy.write_bytes(ECHO_NANO.read_bytes())
    settings = EngineSettings(copy, context_tokens=1 << 24)
    for _ in range(2):  # the second time it is known without a child
        with pytest.raises(ResourceError, match=r"model.gguf needs 3\d\.\d GiB of memory \(.*\), 3\.8 GiB are free; ask for fewer context"):
            vet(settings, room=Room(int(4.8 * (1 << 30)), 1 << 30))
    fits = vet(EngineSettings(copy, context_tokens=4096), room=Room(1 << 30))
    assert fits.host_bytes < 1 << 30
    assert vet(settings).host_bytes > 32 << 30, "without a room it is only reckoned"


def test_parts_and_what_to_change() -> None:
    weights = Needs(6 << 30, 0, 1 << 30, 1 << 29)
    with pytest.raises(
        ResourceError, match=r"^big needs 7\.5 GiB of memory \(6\.0 GiB weights, 1\.0 GiB its context, 512\.0 MiB buffers\)"
    ):
        check_room("big", weights, 4 << 30)
    with pytest.raises(ResourceError, match=r"choose a smaller quantisation of the model.*--no-memory-check"):
        check_room("big", weights, 4 << 30)
    check_room("big", weights, 8 << 30)
    with pytest.raises(ResourceError, match=r"7\.0 GiB are free"):
        check_room("big", weights, 8 << 30, held_bytes=1 << 30)
    device = Needs(0, 0, 0, 0, (DevicePart("CUDA0", 9 << 30, 8 << 30),))
    with pytest.raises(ResourceError, match=r"needs 9\.0 GiB on CUDA0, where 8\.0 GiB are free; ask for fewer --gpu-layers"):
        check_room("big", device, 1 << 40)


@given(st.integers(0, 1 << 50), st.integers(0, 1 << 50), st.integers(0, 1 << 50), st.integers(0, 1 << 52), st.integers(0, 1 << 52))
def test_it_fits_exactly_where_the_sum_does(weights: int, context: int, compute: int, free: int, held: int) -> None:
    needs = Needs(weights, 0, context, compute)
    fits = weights + context + compute <= max(0, free - held)
    try:
        check_room("x", needs, free, held)
    except ResourceError:
        assert not fits
    else:
        assert fits


@given(st.integers(0, 1 << 60))
def test_sizes_are_short(size: int) -> None:
    assert len(sized(size)) <= 15
