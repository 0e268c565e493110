"""gRPC ignores channel arguments that it does not know, so a mistake in a name would go unseen."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "echorator"


def test_grpc_knows_every_channel_argument_that_is_used() -> None:
    spec = importlib.util.find_spec("grpc._cython.cygrpc")
    assert spec is not None
    assert spec.origin is not None
    known = Path(spec.origin).read_bytes()
    sources = [path for path in SOURCES.rglob("*.py") if "rpc" not in path.parts]
    used = {name for path in sources for name in re.findall(r'"(grpc\.[a-z_0-9.]+)",', path.read_text())}
    assert len(used) > 10
    assert [name for name in sorted(used) if name.encode() not in known] == []
