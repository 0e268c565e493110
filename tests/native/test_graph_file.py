"""A graph's file that is damaged in any way is refused, or harmless: hnswlib itself would follow its links into foreign memory."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.recall_graphs import DIM, NODES, NOTHING, filled
from tests.support.recall_rows import Row, add, like_text

MUTATE = """\
import collections, random, sys
from pathlib import Path
import numpy as np
from tests.support.recall_graphs import DIM, HEADER, NODE_BYTES, NODES, NOTHING, filled
from tests.support.recall_rows import like_text

folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
whole, index, rng = (folder / 'whole.bin').read_bytes(), filled(), random.Random(seed)
queries, everything = like_text(3, DIM, 9), np.arange(1, NODES + 1, dtype=np.uint64)
upper, said = HEADER + NODES * NODE_BYTES, collections.Counter()
for number in range(count):
    data = bytearray(whole)
    kind = rng.choice(('header', 'links', 'upper', 'anywhere', 'cut', 'longer', 'moved', 'noise'))
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        if kind == 'cut':
            del data[rng.randrange(len(data)):]
            break
        if kind == 'longer':
            data += rng.randbytes(rng.randrange(1, 200))
            break
        if kind == 'moved':
            a, b, n = rng.randrange(len(data)), rng.randrange(len(data)), rng.randrange(4, 600)
            data[a:a + n] = data[b:b + n]
            continue
        if kind == 'noise':
            a, n = rng.randrange(len(data)), rng.randrange(1, 400)
            data[a:a + n] = rng.randbytes(len(data[a:a + n]))
            continue
        if kind == 'header':
            place = 4 * rng.randrange(HEADER // 4)
        elif kind == 'links':
            place = HEADER + NODE_BYTES * rng.randrange(NODES) + 4 * rng.randrange(33)
        elif kind == 'upper':
            place = upper + 4 * rng.randrange((len(data) - upper) // 4)
        else:
            place = rng.randrange(len(data) - 4)
        extremes = (0, 1, 17, 33, 68, NODES - 1, NODES, 65535, 65536, 2**31 - 1, 2**32 - 1)
        value = rng.choice((*extremes, rng.randrange(2**32), rng.randrange(NODES)))
        data[place:place + 4] = value.to_bytes(4, 'little')
    (folder / 'mutated.bin').write_bytes(data)
    try:
        # Where every vector has changed since, only what keeps hnswlib from a crash is between it and the file.
        index.load_graph(str(folder / 'mutated.bin'), NODES, everything if number % 2 else NOTHING)
    except ValueError as error:
        said[str(error).split(' of memory')[0]] += 1
        continue
    said['read'] += 1
    for query in queries:
        labels, _ = index.nearest(query, 10)
        assert len(labels) == 10 and set(labels.tolist()) <= set(everything.tolist()), labels
for text, times in sorted(said.items()):
    print(times, text)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = filled()
    assert index.build_graph()
    path = tmp_path_factory.mktemp("graph") / "whole.bin"
    assert index.save_graph(str(path))
    return path


def test_a_whole_file_is_read(whole: Path) -> None:
    index = filled()
    index.load_graph(str(whole), NODES, NOTHING)
    assert (index.graph_size, index.outside_graph) == (NODES, 0)
    index.load_graph(str(whole), NODES, np.array([5], np.uint64))
    assert (index.graph_size, index.outside_graph) == (NODES, 1)


@pytest.mark.parametrize("seed", range(2))
def test_thousands_of_damaged_files_crash_nothing(whole: Path, tmp_path: Path, seed: int) -> None:
    shutil.copy(whole, tmp_path)
    command = (sys.executable, "-c", MUTATE, str(tmp_path), str(seed), "1500")
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=250, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
    said = {line.partition(" ")[2]: int(line.partition(" ")[0]) for line in done.stdout.splitlines()}
    assert sum(said.values()) == 1500
    assert len(said) >= 8, said  # each check has refused some
    assert said["read"] < 750, said


def test_a_vector_that_is_not_the_memorys_is_refused(whole: Path) -> None:
    index = filled()
    index.remove(7)
    add(index, [Row(7, like_text(1, DIM, 77)[0], [])])
    with pytest.raises(ValueError, match="vector of memory 7 is another"):
        index.load_graph(str(whole), NODES, NOTHING)
    assert index.graph_size == 0
    index.load_graph(str(whole), NODES, np.array([7], np.uint64))
    assert index.outside_graph == 1


@pytest.mark.parametrize("content", [b"", b"x", b"\0" * 96, b"\xff" * 5000])
def test_files_that_are_none_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "graph.bin"
    path.write_bytes(content)
    for labels in (0, 1, NODES, 2**31, 2**62):
        with pytest.raises(ValueError, match=r"."):
            filled().load_graph(str(path), labels, NOTHING)
