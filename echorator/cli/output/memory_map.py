"""Draws a memory map with a point for each memory: its colour is the session, its opacity the probability of retrieval."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

from echorator.host.exits import CommandError, Exit
from echorator.private_files import open_private
from echorator.rpc.v1 import cognition_pb2 as pb

SIDE = 900
MARGIN = 40
LABELS = 40  # texts shown in a picture, those of the strongest memories; the HTML page shows any text under the pointer
_COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#5b6470")


def write_map(drawn: pb.Map, path: Path) -> None:
    """Write the map to `path`, whose ending chooses the format: .svg, .html or .png. Raises CommandError."""
    writers = {".svg": lambda: _svg(drawn).encode(), ".html": lambda: _html(drawn).encode(), ".png": lambda: _png(drawn)}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise CommandError(f"{path}: the name must end with .svg, .html or .png", Exit.USAGE)
    try:
        with open_private(path, "wb") as out:
            out.write(writer())
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror or error}") from error


def _placed(drawn: pb.Map) -> Iterator[tuple[float, float, str, pb.MapPoint]]:
    xs, ys = [p.x for p in drawn.points], [p.y for p in drawn.points]
    size = max(max(xs, default=0) - min(xs, default=0), max(ys, default=0) - min(ys, default=0)) or 1.0
    for p in drawn.points:
        x = MARGIN + (p.x - min(xs)) / size * (SIDE - 2 * MARGIN)
        y = SIDE - MARGIN - (p.y - min(ys)) / size * (SIDE - 2 * MARGIN)
        yield x, y, _COLOURS[crc32(p.session.encode()) % len(_COLOURS)], p


def _labelled(drawn: pb.Map) -> set[int]:
    return {p.id for p in sorted(drawn.points, key=lambda p: -p.activation)[:LABELS]}


def _short(text: str, length: int = 48) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "\u2026"


def _svg(drawn: pb.Map) -> str:
    shown = _labelled(drawn)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" font-family="sans-serif" font-size="10">']
    parts.append(f'<rect width="{SIDE}" height="{SIDE}" fill="#fff"/>')
    for x, y, colour, p in _placed(drawn):
        title = html.escape(_short(p.text, 200))
        opacity = f"{0.25 + 0.75 * p.activation:.2f}"
        dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}" opacity="{opacity}">'
        parts.append(f"{dot}<title>{title}</title></circle>")
        if p.id in shown:
            parts.append(f'<text x="{x + 6:.1f}" y="{y + 3:.1f}" fill="#444">{html.escape(_short(p.text))}</text>')
    parts.append("</svg>\n")
    return "\n".join(parts)


def _html(drawn: pb.Map) -> str:
    return (
        '<!doctype html><meta charset="utf-8"><title>memory map</title><style>body{margin:0}svg{width:100vw;height:100vh}'
        f"circle:hover{{stroke:#000;stroke-width:1.5}}</style>\n{_svg(drawn)}"
    )


def _png(drawn: pb.Map) -> bytes:
    try:
        from io import BytesIO

        from PIL import Image, ImageDraw
    except ImportError as error:
        raise CommandError("a .png needs Pillow: pip install pillow; .svg and .html need nothing") from error
    image = Image.new("RGB", (SIDE, SIDE), "#ffffff")
    draw = ImageDraw.Draw(image, "RGBA")
    shown = _labelled(drawn)
    for x, y, colour, p in _placed(drawn):
        strength = f"{int(255 * (0.25 + 0.75 * p.activation)):02x}"
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=colour + strength)
        if p.id in shown:
            draw.text((x + 6, y - 5), _short(p.text).encode("latin-1", "replace").decode("latin-1"), fill="#444444")
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
