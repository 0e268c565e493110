"""The JSON schemas that zod 4 makes of ordinary models, by name; `data/zod_schemas.mjs` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ZOD: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "zod_schemas.json").read_text())
