"""What this process may use of its machine: cores and memory, as the kernel's control groups limit them.

A container sees the whole node in /proc and in its CPU affinity. Its limits are in the files of its control group and of those above it,
and the smallest one counts. Their formats: Documentation/admin-guide/cgroup-v2.rst of Linux, and cgroup-v1/memory.rst and
scheduler/sched-bwc.rst for version 1. Feeds the engine's threads, what an agent reports and which models a pull refuses.
"""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePosixPath

ROOT = Path("/")


def cores(root: Path) -> int:
    """How many threads can compute at the same time: those of the CPU affinity, or of the smallest quota, rounded up."""
    quotas = (_quota(folder) for folder in _groups(root, "cpu"))
    return min([len(os.sched_getaffinity(0)), *(math.ceil(quota) for quota in quotas if quota)])


def memory_bytes(root: Path) -> int:
    """The machine's, or the smallest limit."""
    limits = (_limit_bytes(folder) for folder in _groups(root, "memory"))
    return min([_meminfo_bytes(root, "MemTotal"), *(limit for limit in limits if limit)])


def memory_free_bytes(root: Path) -> int:
    """What is free now, of the machine and below every limit. The page cache of files counts as free, as MemAvailable has it."""
    limits = ((folder, _limit_bytes(folder)) for folder in _groups(root, "memory"))
    below = (max(0, limit - _used_bytes(folder)) for folder, limit in limits if limit)
    return min([_meminfo_bytes(root, "MemAvailable"), *below])


def _groups(root: Path, controller: str) -> list[Path]:
    """Folders of this process's control groups, each with those above it up to what is mounted; of both versions."""
    paths: dict[str, str] = {}
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))  # "" is version 2
    found = []
    for line in _text(root / "proc/self/mountinfo").splitlines():
        place, _, what = line.partition(" - ")
        top, mounted_at = place.split(" ")[3:5]
        system, _, options = what.split(" ", 2)
        mounted = "" if system == "cgroup2" else controller
        if not (system == "cgroup2" or (system == "cgroup" and controller in options.split(","))) or mounted not in paths:
            continue
        own = PurePosixPath(paths[mounted])
        below = own.relative_to(top) if own.is_relative_to(top) and ".." not in own.parts else PurePosixPath()
        found += [root / mounted_at.lstrip("/") / part for part in (below, *below.parents)]
    return found


def _quota(folder: Path) -> float | None:
    """In cores; None: there is none."""
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    if not quota:
        quota, period = _text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdigit() else None


def _limit_bytes(folder: Path) -> int | None:
    limit = (_text(folder / "memory.max") or _text(folder / "memory.limit_in_bytes")).strip()
    return int(limit) if limit.isdigit() else None


def _used_bytes(folder: Path) -> int:
    """Without what the kernel gives back when memory is short."""
    used = int(_text(folder / "memory.current") or _text(folder / "memory.usage_in_bytes"))
    stat = dict(line.split() for line in _text(folder / "memory.stat").splitlines())
    files = (stat.get(f"total_{name}") or stat.get(name, "0") for name in ("active_file", "inactive_file"))  # total_: version 1
    return used - sum(map(int, files))


def _meminfo_bytes(root: Path, name: str) -> int:
    lines = _text(root / "proc/meminfo").splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) << 10


def _text(path: Path) -> str:
    """Empty where there is no such file."""
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""
