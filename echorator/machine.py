"""The cores and the memory that this process may use, as the kernel's control groups limit them.

A container sees the whole node in /proc and in its CPU affinity. Its limits are in the files of its control group and of that group's
parents, and the smallest limit counts. File formats: Documentation/admin-guide/cgroup-v2.rst of Linux, and cgroup-v1/memory.rst and
scheduler/sched-bwc.rst for version 1. Feeds the engine's threads, an agent's reports and the check that a pull makes of a model's size.
"""

from __future__ import annotations

import math
import os
import resource
from pathlib import Path, PurePosixPath

ROOT = Path("/")


def cores(root: Path) -> int:
    """Return how many threads can compute at the same time: the cores of the CPU affinity, or the smallest quota rounded up."""
    quotas = (_quota(folder) for folder in _groups(root, "cpu"))
    return min([len(os.sched_getaffinity(0)), *(math.ceil(quota) for quota in quotas if quota)])


def memory_bytes(root: Path) -> int:
    """Return the machine's memory, or the smallest limit of a control group."""
    limits = (_limit_bytes(folder) for folder in _groups(root, "memory"))
    return min([_meminfo_bytes(root, "MemTotal"), *(limit for limit in limits if limit)])


def memory_free_bytes(root: Path) -> int:
    """Return the memory that is free now, on the machine and below every limit. The page cache counts as free, as in MemAvailable."""
    limits = ((folder, _limit_bytes(folder)) for folder in _groups(root, "memory"))
    below = (max(0, limit - _used_bytes(folder)) for folder, limit in limits if limit)
    return min([_meminfo_bytes(root, "MemAvailable"), *below])


def memory_room(root: Path) -> tuple[int, int]:
    """Return the free bytes, and how many a load leaves to everything else: a thirtieth of the memory, 1 GiB at most."""
    return memory_free_bytes(root), min(1 << 30, memory_bytes(root) // 30)


def allow_open_files(files: int) -> int:
    """Raise the soft limit of open files and sockets to `files`, as far as the hard limit permits. Return how many may be open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < files:
        soft = files if hard == resource.RLIM_INFINITY else min(files, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return files if soft == resource.RLIM_INFINITY else soft


def _groups(root: Path, controller: str) -> list[Path]:
    """Return the folders of this process's control groups and of their parents, up to the mount point, for both versions."""
    paths: dict[str, str] = {}
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))  # version 2 has no controllers: its key is ""
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
    """Return a control group's CPU quota in cores; None if there is no quota."""
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    if not quota:
        quota, period = _text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdigit() else None


def _limit_bytes(folder: Path) -> int | None:
    limit = (_text(folder / "memory.max") or _text(folder / "memory.limit_in_bytes")).strip()
    return int(limit) if limit.isdigit() else None


def _used_bytes(folder: Path) -> int:
    """Return the used memory without the page cache, which the kernel reclaims when memory is short."""
    used = int(_text(folder / "memory.current") or _text(folder / "memory.usage_in_bytes"))
    stat = dict(line.split() for line in _text(folder / "memory.stat").splitlines())
    files = (stat.get(f"total_{name}") or stat.get(name, "0") for name in ("active_file", "inactive_file"))  # total_ is version 1's prefix
    return used - sum(map(int, files))


def _meminfo_bytes(root: Path, name: str) -> int:
    lines = _text(root / "proc/meminfo").splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) << 10


def _text(path: Path) -> str:
    """Return a file's text; "" if the file cannot be read."""
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""
