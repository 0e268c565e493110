"""A recall index that is large enough for a graph, and where what lies in the file of its graph."""

from __future__ import annotations

import numpy as np

from echorator._native.recall_index import GRAPH_M, RecallIndex
from tests.support.recall_rows import Row, add, like_text

DIM, NODES, HEADER = 8, 150, 96
NODE_BYTES = 4 + 4 * 2 * GRAPH_M + 4 * DIM + 8
NOTHING = np.zeros(0, np.uint64)


def filled() -> RecallIndex:
    index = RecallIndex(DIM)
    add(index, [Row(i + 1, vector, []) for i, vector in enumerate(like_text(NODES, DIM, 2))])
    return index
