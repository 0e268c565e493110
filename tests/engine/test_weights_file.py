"""A path is looked at before it is opened, and nothing that is opened can hold up whoever opens it."""

from __future__ import annotations

import os
import resource
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from echorator.engine.digest import file_digest
from echorator.engine.weights_file import check_kind, opened
from echorator.errors import ErrorClass, ModelFileError, ResourceError, class_of
from echorator.model_files.vetting import vet
from echorator.settings import EngineSettings

ECHO_NANO = Path(__file__).parents[2] / "echorator" / "data" / "echo-nano.q8_0.gguf"


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "socket"))
        yield tmp_path / "socket"


def test_what_is_no_regular_file(tmp_path: Path, listening: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    for path, kind in (
        (tmp_path / "fifo", "is a FIFO"),
        (tmp_path / "link", "is a FIFO"),
        (Path("/dev/zero"), "is a character device"),
        (listening, "is a socket"),
        (tmp_path, "is a folder; name the .gguf file in it"),
        (tmp_path / "absent", "No such file"),
        (tmp_path / "fifo" / "below", "Not a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
        (Path("a\0b"), "is not the name of a file"),
    ):
        for look in (check_kind, lambda path: vet(EngineSettings(path)), file_digest):
            with pytest.raises(ModelFileError, match=kind):
                look(path)


def test_links_to_models_are_followed(tmp_path: Path) -> None:
    (tmp_path / "link.gguf").symlink_to(ECHO_NANO)
    check_kind(tmp_path / "link.gguf")


def test_a_path_that_is_swapped_for_a_fifo_blocks_nobody(tmp_path: Path) -> None:
    """Whatever the order of looks and swaps: it is a descriptor of a regular file, or a refusal."""
    path, fresh = tmp_path / "model.gguf", tmp_path / "fresh"
    path.write_bytes(b"GGUF")
    ending = threading.Event()

    def swap() -> None:
        while not ending.is_set():
            os.mkfifo(fresh)
            fresh.replace(path)
            fresh.write_bytes(b"GGUF")
            fresh.replace(path)

    swapping = threading.Thread(target=swap)
    swapping.start()
    regular = refused = 0
    try:
        for _ in range(100_000):
            try:
                fd = opened(path)
            except ModelFileError as error:
                assert "is a FIFO" in str(error)  # noqa: PT017
                refused += 1
            else:
                assert os.read(fd, 8) in (b"GGUF", b"")
                os.close(fd)
                regular += 1
            if min(regular, refused) >= 200:
                break
    finally:
        ending.set()
        swapping.join()
    assert min(regular, refused) >= 200


def test_without_descriptors_it_may_succeed_later(tmp_path: Path) -> None:
    copy = tmp_path / "model.gguf"
    copy.write_bytes(ECHO_NANO.read_bytes())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open("/dev/null", os.O_RDONLY)]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (held[0] + 1, hard))
        while True:
            try:
                held.append(os.dup(held[0]))
            except OSError:
                break
        for look in (check_kind, lambda path: vet(EngineSettings(path)), file_digest):
            with pytest.raises(ResourceError, match="no file descriptor left; try again later") as error:
                look(copy)
            assert class_of(error.value) is ErrorClass.RESOURCE
        os.close(held.pop())  # one is not enough for a child and its pipes
        with pytest.raises(ResourceError):
            vet(EngineSettings(copy))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in held:
            os.close(fd)
    vet(EngineSettings(copy))
