"""Limits of containers: from files as kernels write them, and in a real control group."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from echorator import machine
from tests.support.models.random_gguf import Shape, write
from tests.support.programs import needing

GIB = 1 << 30
HAS = len(os.sched_getaffinity(0))
MEMINFO = "MemTotal:       65536000 kB\nMemFree:         1000000 kB\nMemAvailable:   50000000 kB\n"
VERSION_2 = "26 24 0:22 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot\n"
VERSION_1 = (
    "33 32 0:29 {0} /sys/fs/cgroup/cpu,cpuacct ro,nosuid,relatime master:11 - cgroup cgroup rw,cpu,cpuacct\n"
    "39 32 0:35 {0} /sys/fs/cgroup/memory ro,nosuid,relatime master:17 - cgroup cgroup rw,memory\n"
    "45 32 0:41 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
)
UNLIMITED_1 = "9223372036854771712\n"
THREADS_OF_AN_ENGINE = """
import os, select, sys
from pathlib import Path
from echorator import machine
from echorator._native import engine as native
from echorator.settings import EngineSettings, Sampling
from tests.support.programs import needing

settings = EngineSettings(Path(sys.argv[1]), slots=1, context_tokens=128, prefix_cache=False)
model = native.Model(settings)
engine = native.Engine(model, settings)
engine.submit([5, 6, 7], Sampling(temperature=0), max_tokens=2)
while not any(event.finish for event in engine.drain()):
    select.select([engine.event_fd], [], [], 1.0)
print(machine.cores(machine.ROOT), machine.memory_bytes(machine.ROOT), len(os.listdir("/proc/self/task")), flush=True)
os._exit(0)
"""


def files(root: Path, texts: Mapping[str, str]) -> Path:
    for name, text in {"proc/meminfo": MEMINFO, **texts}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def version_2(root: Path, path: str, **limits: str) -> Path:
    """`limits`: of each group from the mount down, as cpu_max="max 100000|50000 100000"."""
    texts = {"proc/self/cgroup": f"0::{path}\n", "proc/self/mountinfo": VERSION_2}
    folders = [Path("sys/fs/cgroup"), *(Path("sys/fs/cgroup") / part.lstrip("/") for part in parts(path))]
    for name, of_each in limits.items():
        for folder, text in zip(folders, of_each.split("|"), strict=False):
            if text:  # the root of a machine has none of these files
                texts[str(folder / name.replace("_", ".", 1))] = f"{text}\n"
    return files(root, texts)


def parts(path: str) -> list[str]:
    steps = [step for step in path.split("/") if step]
    return ["/".join(steps[: n + 1]) for n in range(len(steps))]


@pytest.mark.parametrize(
    ("path", "cpu_max", "cores"),
    [
        ("/", "max 100000", HAS),
        ("/", "100000 100000", 1),
        ("/", "20000 100000", 1),  # a fifth of a core
        ("/", "100001 100000", min(2, HAS)),
        ("/", "250000 50000", min(5, HAS)),
        ("/", f"{(HAS + 9) * 100000} 100000", HAS),
        ("/kubepods.slice/pod1.slice/abc", "||100000 100000|max 100000", 1),  # that of the pod
        ("/kubepods.slice/pod1.slice/abc", "|max 100000|900000 100000|100000 100000", 1),
        ("/../../elsewhere", "100000 100000", 1),  # moved out of what is mounted
        ("/not/there", "max 100000", HAS),
    ],
)
def test_a_quota_bounds_the_cores(tmp_path: Path, path: str, cpu_max: str, cores: int) -> None:
    assert machine.cores(version_2(tmp_path, path, cpu_max=cpu_max)) == cores


@pytest.mark.parametrize("top", ["/", "/docker/0123"])  # of a machine; of a container without a namespace of its own for this
def test_version_1_has_other_files(tmp_path: Path, top: str) -> None:
    place = "" if top != "/" else "docker/0123/"
    root = files(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/0123\n3:cpu,cpuacct:/docker/0123\n1:name=systemd:/docker/0123\n0::/\n",
            "proc/self/mountinfo": VERSION_1.format(top),
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED_1,
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{30 * GIB}\n",
            "sys/fs/cgroup/memory/memory.stat": "active_file 0\ninactive_file 0\ntotal_active_file 0\ntotal_inactive_file 0\n",
        },
    )
    assert (machine.cores(root), machine.memory_bytes(root), machine.memory_free_bytes(root)) == (HAS, 65536000 << 10, 50000000 << 10)
    files(
        tmp_path,
        {
            f"sys/fs/cgroup/cpu,cpuacct/{place}cpu.cfs_quota_us": "50000\n",
            f"sys/fs/cgroup/cpu,cpuacct/{place}cpu.cfs_period_us": "50000\n",
            f"sys/fs/cgroup/memory/{place}memory.limit_in_bytes": f"{8 * GIB}\n",
            f"sys/fs/cgroup/memory/{place}memory.usage_in_bytes": f"{7 * GIB}\n",
            f"sys/fs/cgroup/memory/{place}memory.stat": f"active_file 1\ntotal_inactive_file {2 * GIB}\ntotal_active_file {3 * GIB}\n",
        },
    )
    assert (machine.cores(root), machine.memory_bytes(root), machine.memory_free_bytes(root)) == (1, 8 * GIB, 6 * GIB)


def test_memory_is_what_the_smallest_limit_leaves(tmp_path: Path) -> None:
    stat = f"anon 5\nfile {2 * GIB}\ninactive_file {GIB}\nactive_file {GIB // 2}\nunevictable 0"
    limits = {"memory_max": "|max|16777216000|8589934592", "memory_current": f"||{9 * GIB}|{4 * GIB}", "memory_stat": f"||{stat}|{stat}"}
    root = version_2(tmp_path, "/kubepods/pod1/abc", **limits)
    assert machine.memory_bytes(root) == 8 * GIB
    assert machine.memory_free_bytes(root) == 8 * GIB - 4 * GIB + GIB + GIB // 2
    files(root, {"sys/fs/cgroup/kubepods/pod1/memory.current": "16777216000\n"})  # another container of the pod has nearly all of it
    assert machine.memory_free_bytes(root) == GIB + GIB // 2
    files(root, {"sys/fs/cgroup/kubepods/pod1/abc/memory.current": f"{20 * GIB}\n"})  # the limit was lowered below what is in use
    assert machine.memory_free_bytes(root) == 0


def test_without_limits_it_is_the_machine(tmp_path: Path) -> None:
    for root in (files(tmp_path, {}), version_2(tmp_path, "/", cpu_max="max 100000", memory_max="max")):
        assert (machine.cores(root), machine.memory_bytes(root), machine.memory_free_bytes(root)) == (HAS, 65536000 << 10, 50000000 << 10)


@pytest.fixture
@needing("control groups")
def group() -> Iterator[list[Path]]:
    """Folders of a control group with a quota of one core and 2 GiB of memory."""
    mounted = Path("/sys/fs/cgroup")
    name = f"echorator-test-{os.getpid()}"
    together = (mounted / "cgroup.controllers").exists()
    limits = (
        [("", {"cpu.max": "100000 100000", "memory.max": str(2 * GIB)})]
        if together
        else [("cpu", {"cpu.cfs_quota_us": "100000"}), ("memory", {"memory.limit_in_bytes": str(2 * GIB)})]
    )
    made: list[Path] = []
    try:
        for controller, texts in limits:
            folder = mounted / controller / name
            folder.mkdir()
            made.append(folder)
            for file, text in texts.items():
                (folder / file).write_text(text)
        yield made
    finally:
        for folder in made:
            folder.rmdir()


def test_in_a_real_control_group_an_engine_has_as_many_threads_as_the_quota(tmp_path: Path, group: list[Path]) -> None:
    model = write(tmp_path / "large.gguf", Shape(dim=512, layers=3, ffn=1024))
    assert model.stat().st_size > 16 << 20, "smaller models have one thread anyway"

    def run(*groups: Path) -> list[int]:
        enter = " && ".join([*(f"echo $$ > {folder}/cgroup.procs" for folder in groups), 'exec "$@"'])
        command = ["sh", "-c", enter, "sh", sys.executable, "-c", THREADS_OF_AN_ENGINE, str(model)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return [int(word) for word in done.stdout.split()]

    free_cores, free_memory, free_threads = run()
    cores, memory, threads = run(*group)
    assert (free_cores, cores) == (HAS, 1)
    assert (memory, free_memory > memory) == (2 * GIB, True)
    assert free_threads - threads == HAS - 1
