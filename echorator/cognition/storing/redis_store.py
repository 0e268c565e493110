"""The shared store: one Redis for several replicas of the memory, each with its own indexes.

A batch is one Lua script (`redis_scripts`), so it is applied whole or not at all; it is acknowledged when Redis has replied, and
durable as far as Redis is: use `appendonly yes` and `appendfsync always` (the store warns where these are not set). Every change is an
entry of a stream; each replica follows it and reads the changed rows again. There is no full-text index: `page` reads the texts
of the namespace. The file exceeds 400 lines because it has a method for every call of `Store`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import redis

from echorator.cognition.memory import (
    NO_TERMS,
    Action,
    Batch,
    Change,
    Experience,
    Filter,
    Finding,
    Goal,
    Lifecycle,
    Memory,
    Namespace,
    Noted,
    Receipt,
)
from echorator.cognition.storing.erasing import doomed_by, quotes
from echorator.cognition.storing.redis_rows import FIELDS, FILTERED, FIRST, LIGHT, operations, read_field
from echorator.cognition.storing.redis_scripts import APPLY, ERASE
from echorator.cognition.storing.sql_filter import with_text
from echorator.cognition.storing.store import Counts, MemoryNotFoundError, NamespaceGoneError, StoreDamagedError, StoreUnavailableError
from echorator.cognition.text_query import query_of
from echorator.errors import InvalidRequestError, ResourceError

_log = logging.getLogger(__name__)

T = TypeVar("T")

WRITERS = 4
CHUNK = 500
FOLLOW_MS = 200  # block of a read; a change is seen at once, so this only bounds how long closing takes
_CURSOR = re.compile(r"[0-9]{1,19}-[0-9]{1,19}", re.ASCII)  # of a stream
REWRITE_S = 60.0  # the longest wait for Redis to rewrite its file after an erasure

OnChange = Callable[[int, "list[int] | None", list[str]], None]
"""(namespace, ids of changed memories or None for all, names of changed documents)"""


class RedisStore:
    """A `Store` at a redis:// URL; see `Store` for the methods and what they raise."""

    shared = True

    def __init__(self, url: str, prefix: str = "echorator") -> None:
        """Connect to Redis. Raises StoreUnavailableError, or InvalidRequestError for a wrong URL."""
        try:
            self._redis: Any = redis.Redis.from_url(url, socket_timeout=10.0, socket_connect_timeout=5.0, health_check_interval=15)
        except ValueError as error:
            raise InvalidRequestError(f"{url}: {error}") from error
        self._where = url.rpartition("@")[2]
        self._prefix = prefix
        self._origin = uuid.uuid4().hex
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="memory-writer")
        self._closing = threading.Event()
        self._follower: threading.Thread | None = None
        named = {
            "__IDS__": f"{prefix}:ids",
            "__FEED__": f"{prefix}:feed",
            "__ERASURES__": f"{prefix}:erasures",
            "__LOG__": f"{prefix}:log:",
        }
        apply, erase = APPLY, ERASE
        for mark, name in named.items():
            apply, erase = apply.replace(mark, name), erase.replace(mark, name)
        self._apply = self._redis.register_script(apply)
        self._erase = self._redis.register_script(erase)
        self._warn_where_not_durable()

    def _warn_where_not_durable(self) -> None:
        self._call(self._redis.ping)
        with contextlib.suppress(redis.RedisError):
            said = self._redis.config_get("append*")
            if said.get("appendonly") != "yes" or said.get("appendfsync") != "always":
                _log.warning("Redis may lose what it acknowledged: set `appendonly yes` and `appendfsync always`")

    def _call(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except redis.exceptions.ResponseError as error:
            text = str(error)
            if text.startswith("MISSING "):
                raise MemoryNotFoundError(f"there is no memory {text.split(' ')[1]}") from error
            if text.startswith("GONE"):
                raise NamespaceGoneError("the namespace was erased meanwhile") from error
            if "OOM" in text or "MISCONF" in text:
                raise ResourceError(f"Redis at {self._where} takes no writes ({text}); nothing of this request was stored") from error
            if "LOADING" in text or "READONLY" in text or "MASTERDOWN" in text:
                raise StoreUnavailableError(f"Redis at {self._where} is not ready ({text}); try again") from error
            raise StoreDamagedError(f"Redis at {self._where}: {text}") from error
        except redis.RedisError as error:
            raise StoreUnavailableError(
                f"Redis at {self._where} does not answer ({error}); what was being written may or may not be stored, "
                "remembering it again with the same key is safe"
            ) from error

    def _listed(self, key: tuple[str, str, str]) -> tuple[str, str]:
        """Return the hash that lists the namespaces of a tenant, and the field of this one."""
        tenant, agent, user = key
        return f"{self._prefix}:tenant:{tenant}", f"{agent}\0{user}"

    def _name(self, namespace: Namespace, name: str) -> str:
        return f"{self._prefix}:{{{namespace.id}}}:{name}"

    # Writing

    def write(self, namespace: Namespace, batch: Batch, at_s: float) -> Future[Receipt]:
        if self._closing.is_set():
            refused: Future[Receipt] = Future()
            refused.set_exception(ResourceError("the memory is closed"))
            return refused
        return self._writers.submit(self._write, namespace, batch, at_s)

    def _write(self, namespace: Namespace, batch: Batch, at_s: float) -> Receipt:
        head: list[Any] = [namespace.id, self._name(namespace, ""), repr(at_s), self._origin, namespace.tenant]
        head += self._listed(namespace.key)
        ids, fresh, seq, experience = self._call(lambda: self._apply(args=[*head, *operations(batch)]))
        return Receipt(tuple(ids), tuple(bool(f) for f in fresh), int(seq), int(experience))

    def embedder(self, name: str, dimension: int) -> int:
        key, field = f"{self._prefix}:embedders", f"{dimension}:{name}"

        def work() -> int:
            if self._redis.hget(key, field) is None:
                self._redis.hsetnx(key, field, self._redis.incr(f"{self._prefix}:embedder_ids"))
            return int(self._redis.hget(key, field) or 0)

        return self._call(work)

    def namespace(self, tenant: str, agent: str, user: str, create: bool) -> Namespace | None:
        key, field = self._listed((tenant, agent, user))

        def work() -> int:
            known = self._redis.hget(key, field)
            if known is None and create:
                self._redis.hsetnx(key, field, self._redis.incr(f"{self._prefix}:namespaces"))
                known = self._redis.hget(key, field)
            return int(known or 0)

        number = self._call(work)
        return Namespace(number, tenant, agent, user) if number else None

    def erase(self, namespace: Namespace, ids: Sequence[int] | None, at_s: float) -> int:
        """Erase as `Store.erase` says, and wait until Redis has rewritten its file without the memories."""
        erased = self._call(lambda: self._erase_now(namespace, ids, at_s))
        self._call(self._rewrite)
        return erased

    def _erase_now(self, namespace: Namespace, ids: Sequence[int] | None, at_s: float) -> int:
        if ids is None:
            return self._run_erase(namespace, "whole", (), at_s)
        r, name = self._redis, self._name
        made_of, successor = self._origins(namespace)
        doomed = doomed_by((int(i) for i in ids), made_of)
        for i, superseded_by in successor.items():
            if superseded_by in doomed and i not in doomed:
                r.hset(name(namespace, f"m:{i}"), "superseded_by", 0)
        for experience in self.experiences(namespace, "", 1 << 30):
            if quotes(experience, doomed):
                r.hdel(name(namespace, "experiences"), experience.id)
                r.zrem(name(namespace, "experience_ids"), experience.id)
        for seq, change in self._changes(namespace, "-inf", "+inf"):
            if change.memory_id in doomed:
                r.hdel(name(namespace, "changes"), seq)
                r.zrem(name(namespace, "change_ids"), seq)
        r.delete(name(namespace, "documents"))
        return self._run_erase(namespace, "erase", sorted(doomed), at_s)

    def _origins(self, namespace: Namespace) -> tuple[dict[int, tuple[int, ...]], dict[int, int]]:
        """Return of every memory the ids of those that it was made of, and of the superseded ones the id of what took their place."""
        names = ["lifecycle", "derived_from", "superseded_by"]
        rows = self._columns(namespace, self._ids(namespace, "active", "archived"), names)
        found = {i: self._values(i, names, row) for i, row in rows if row[0] is not None}
        made_of = {i: values.get("derived_from", ()) for i, values in found.items()}
        return made_of, {i: values["superseded_by"] for i, values in found.items() if values.get("superseded_by")}

    def _run_erase(self, namespace: Namespace, how: str, ids: Sequence[int], at_s: float) -> int:
        head: list[Any] = [namespace.id, self._name(namespace, ""), repr(at_s), self._origin, namespace.tenant, how]
        return int(self._call(lambda: self._erase(args=[*head, *self._listed(namespace.key), *map(int, ids)])))

    def _rewrite(self) -> None:
        """Have Redis rewrite its files, which keep deleted values until then."""
        info = self._redis.info("persistence")
        if info.get("aof_enabled"):
            self._redis.bgrewriteaof()
        elif self._redis.config_get("save").get("save"):
            self._redis.bgsave()
        else:
            return
        deadline_s = time.monotonic() + REWRITE_S
        while time.monotonic() < deadline_s:
            info = self._redis.info("persistence")
            busy = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
            if not any(info.get(name) for name in busy):
                return
            time.sleep(0.02)
        raise ResourceError("the memories are gone, but Redis has not rewritten its files yet; forget again to finish")

    def purge(self, namespace: Namespace, ids: Sequence[int], at_s: float) -> None:
        self._run_erase(namespace, "purge", ids, at_s)

    # Reading

    def namespaces(self, tenant: str, after: tuple[str, str] = ("", ""), most: int = 1 << 40) -> list[Namespace]:
        found = self._call(lambda: self._redis.hgetall(f"{self._prefix}:tenant:{tenant}"))
        keys = sorted((field.decode().split("\0"), int(number)) for field, number in found.items())
        following = [Namespace(number, tenant, agent, user) for (agent, user), number in keys if (agent, user) > after]
        return following[:most]

    def _rows(self, namespace: Namespace, ids: Sequence[int], names: list[str]) -> Iterator[Memory]:
        return (self._memory(i, names, row) for i, row in self._columns(namespace, ids, names) if row[0] is not None)

    def _columns(self, namespace: Namespace, ids: Sequence[int], names: list[str]) -> Iterator[tuple[int, list[bytes | None]]]:
        """Yield the id and the stored fields `names` of each memory; all None where there is no such memory."""
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]

            def work(some: Sequence[int] = some) -> list[list[bytes | None]]:
                pipe = self._redis.pipeline(transaction=False)
                for i in some:
                    pipe.hmget(self._name(namespace, f"m:{int(i)}"), names)
                return list(pipe.execute())

            yield from zip(map(int, some), self._call(work), strict=True)

    def _memory(self, number: int, names: list[str], row: list[bytes | None]) -> Memory:
        return Memory(id=number, **(FIRST | self._values(number, names, row)))

    def _values(self, number: int, names: list[str], row: list[bytes | None]) -> dict[str, Any]:
        """Return the fields of a memory that are stored, by name. Raises StoreDamagedError."""
        try:
            return {name: read_field(name, value) for name, value in zip(names, row, strict=True) if value is not None}
        except (ValueError, TypeError, KeyError) as error:
            raise StoreDamagedError(f"memory {number} cannot be read: {error}; run `echorator memory check`") from error

    def _ids(self, namespace: Namespace, *sets: str) -> list[int]:
        found = self._call(lambda: [i for name in sets for i in self._redis.zrange(self._name(namespace, name), 0, -1)])
        return sorted(map(int, found))

    def memories(self, namespace: Namespace, ids: Sequence[int]) -> list[Memory]:
        return list(self._rows(namespace, [int(i) for i in ids], LIGHT))

    def facts(self, namespace: Namespace, subject: str, attribute: str) -> list[Memory]:
        return list(self._members(namespace, f"topic:{subject}\0{attribute}"))

    def stating(self, namespace: Namespace) -> Iterator[Memory]:
        return self._members(namespace, "stating")

    def _members(self, namespace: Namespace, name: str) -> Iterator[Memory]:
        """Yield the active memories of a set, by id."""
        ids = self._call(lambda: self._redis.smembers(self._name(namespace, name)))
        rows = self._rows(namespace, sorted(map(int, ids)), LIGHT)
        return (m for m in rows if m.lifecycle is Lifecycle.ACTIVE)

    def page(self, namespace: Namespace, filter_: Filter, text: str, lifecycle: Lifecycle | None, after: int, limit: int) -> list[Memory]:
        sets = {None: ("active", "archived"), Lifecycle.ACTIVE: ("active",), Lifecycle.ARCHIVED: ("archived",)}[lifecycle]
        filter_ = with_text(filter_, text)
        found: list[Memory] = []
        ids = [i for i in self._ids(namespace, *sets) if i > after]
        query = query_of(text)
        for memory in self._rows(namespace, ids, [*LIGHT, "terms"] if query.terms else LIGHT):
            if query.may_fit(memory.terms.tobytes(), memory.terms_version) and filter_.admits(memory):
                found.append(replace(memory, terms=NO_TERMS))
                if len(found) == limit:
                    break
        return found

    def matching(self, namespace: Namespace, filter_: Filter) -> list[int]:
        rows = self._rows(namespace, self._ids(namespace, "active"), FILTERED)
        return [memory.id for memory in rows if filter_.admits(memory)]

    def scan(self, namespace: Namespace, ids: Sequence[int] | None = None) -> Iterator[Memory]:
        chosen = self._ids(namespace, "active") if ids is None else sorted({int(i) for i in ids})
        return (m for m in self._rows(namespace, chosen, list(FIELDS)) if m.lifecycle is Lifecycle.ACTIVE)

    def archived(self, namespace: Namespace) -> Iterator[Memory]:
        return self._rows(namespace, self._ids(namespace, "archived"), LIGHT)

    def everything(self, namespace: Namespace, vectors: bool) -> Iterator[Memory]:
        return self._rows(namespace, self._ids(namespace, "active", "archived"), list(FIELDS) if vectors else LIGHT)

    def associations(self, namespace: Namespace, ids: Sequence[int] | None = None) -> Iterator[tuple[int, int, float]]:
        wanted = None if ids is None else {int(i) for i in ids}
        weights: dict[tuple[int, int], float] = {}
        for name, weight in self._call(lambda: self._redis.hgetall(self._name(namespace, "links"))).items():
            a, b, _ = name.split(b":")
            pair = int(a), int(b)
            if wanted is None or pair[0] in wanted or pair[1] in wanted:
                weights[pair] = min(1.0, weights.get(pair, 0.0) + float(weight))
        return ((a, b, weight) for (a, b), weight in weights.items())

    def _changes(
        self, namespace: Namespace, least: int | str, most: int | str, limit: int | None = None, newest_first: bool = True
    ) -> Iterator[tuple[int, Change]]:
        """Yield (seq, change) of the changes with numbers from `least` to `most`, at most `limit`."""

        def work() -> tuple[list[bytes], list[bytes | None]]:
            r, name = self._redis, self._name(namespace, "change_ids")
            part = {} if limit is None else {"start": 0, "num": limit}
            numbers = r.zrevrangebyscore(name, most, least, **part) if newest_first else r.zrangebyscore(name, least, most, **part)
            return numbers, r.hmget(self._name(namespace, "changes"), numbers) if numbers else []

        for number, body in zip(*self._call(work), strict=True):
            if body is not None:
                yield int(number), _change(int(number), body)

    def changed_since(self, namespace: Namespace, seq: int) -> set[int]:
        return {change.memory_id for _, change in self._changes(namespace, seq + 1, "+inf")}

    def history(self, namespace: Namespace, memory_id: int, before_seq: int, limit: int) -> list[Change]:
        found: list[Change] = []
        last: int | str = before_seq - 1 if before_seq else "+inf"
        while len(found) < limit and (changes := list(self._changes(namespace, "-inf", last, CHUNK))):
            found += [change for _, change in changes if memory_id in (0, change.memory_id)]
            last = changes[-1][0] - 1
        return found[:limit]

    def changes_after(self, namespace: Namespace, seq: int, limit: int) -> list[Change]:
        return [change for _, change in self._changes(namespace, seq + 1, "+inf", limit, newest_first=False)]

    def tenant_changes(self, tenant: str, after: str, limit: int) -> list[Noted]:
        if after and not _CURSOR.fullmatch(after):
            raise InvalidRequestError("after must be a cursor that WatchChanges gave for this tenant")
        first = f"({after}" if after else "-"
        found: list[Noted] = []
        while not found:  # the entries of erased changes are gone, and only they may fill a page
            entries = self._call(lambda first=first: self._redis.xrange(f"{self._prefix}:log:{tenant}", min=first, count=limit))  # type: ignore[misc]
            found = self._noted(entries)
            if len(entries) < limit:
                break
            first = f"({entries[-1][0].decode()}"
        return found

    def _noted(self, entries: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[Noted]:
        """Return the changes that entries of a tenant's log stand for, without those that were erased."""

        def work() -> list[Any]:
            pipe = self._redis.pipeline(transaction=False)
            for _, entry in entries:
                pipe.hget(f"{self._prefix}:{{{int(entry[b'ns'])}}}:changes", entry[b"seq"])
            return list(pipe.execute())

        noted: list[Noted] = []
        for (cursor, entry), body in zip(entries, self._call(work), strict=True):
            number, seq = int(entry[b"ns"]), int(entry[b"seq"])
            if not seq:
                noted.append(Noted(cursor.decode(), number, Change(0, float(entry[b"at_s"]), 0, Action.ERASED, "")))
            elif body is not None:
                noted.append(Noted(cursor.decode(), number, _change(seq, body)))
        return noted

    def tenant_cursor(self, tenant: str) -> str:
        last = self._call(lambda: self._redis.xrevrange(f"{self._prefix}:log:{tenant}", count=1))
        return last[0][0].decode() if last else "0-0"

    def experiences(self, namespace: Namespace, session: str, limit: int) -> list[Experience]:
        ids = self._call(lambda: self._redis.zrevrange(self._name(namespace, "experience_ids"), 0, -1))
        found: list[Experience] = []
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            bodies = self._call(lambda some=some: self._redis.hmget(self._name(namespace, "experiences"), some))  # type: ignore[misc]
            for number, body in zip(some, bodies, strict=True):
                if body is None:
                    continue
                made, _, rest = body.partition(b"\n")
                made, _, recalled = made.partition(b"|")
                said = json.loads(rest)
                if not session or said["session"] == session:
                    said["recalled"] = (*said["recalled"], *(int(i) for i in recalled.split(b",") if i))
                    said["learned"] = (*said["learned"], *(int(i) for i in made.split(b",") if i))
                    found.append(Experience(id=int(number), **said))
                    if len(found) == limit:
                        return found
        return found

    def goals(self, namespace: Namespace) -> list[Goal]:
        body = self._call(lambda: self._redis.get(self._name(namespace, "goals")))
        return [Goal(text, priority, np.array(vector, np.float32)) for text, priority, vector in json.loads(body or "[]")]

    def document(self, namespace: Namespace, name: str) -> bytes:
        return self._call(lambda: self._redis.hget(self._name(namespace, "documents"), name)) or b""

    def documents(self, namespace: Namespace, prefix: str) -> list[str]:
        names = self._call(lambda: self._redis.hkeys(self._name(namespace, "documents")))
        return sorted(n for name in names if (n := name.decode()).startswith(prefix))

    def counts(self, namespace: Namespace, embedder: int) -> Counts:
        def work() -> list[Any]:
            pipe = self._redis.pipeline(transaction=False)
            pipe.zcard(self._name(namespace, "active")).zcard(self._name(namespace, "archived"))
            pipe.zintercard(2, [self._name(namespace, "active"), self._name(namespace, "closed")])
            pipe.zcard(self._name(namespace, "experience_ids")).hlen(self._name(namespace, "links"))
            pipe.zintercard(2, [self._name(namespace, "active"), self._name(namespace, f"embedded:{embedder}")])
            return list(pipe.execute())

        active, archived, closed, experiences, links, fresh = self._call(work)
        seq, at_s = next(((n, change.at_s) for n, change in self._changes(namespace, "-inf", "+inf", 1)), (0, 0.0))
        return Counts(active, archived, closed, experiences, links, active - fresh, at_s, seq)

    def erasures(self, tenant: str) -> int:
        return int(self._call(lambda: self._redis.hget(f"{self._prefix}:erasures", tenant)) or 0)

    def check(self, repair: bool) -> tuple[list[Finding], int]:
        findings: list[Finding] = []
        count = 0
        dimensions = {
            int(number): int(name.split(b":")[0])
            for name, number in self._call(lambda: self._redis.hgetall(f"{self._prefix}:embedders")).items()
        }
        for key in self._call(lambda: list(self._redis.scan_iter(match=f"{self._prefix}:tenant:*", count=1000))):
            for space in self.namespaces(key.decode().split(":", 2)[2]):
                known = set(self._ids(space, "active", "archived"))
                for memory in self.everything(space, True):
                    count += 1
                    known.discard(memory.id)
                    if len(memory.embedding) != dimensions.get(memory.embedder, -1):
                        findings.append(Finding(f"memory {memory.id}: its vector has a wrong length"))
                if known and repair:
                    self._redis.zrem(self._name(space, "active"), *known)
                    self._redis.zrem(self._name(space, "archived"), *known)
                findings += [Finding(f"memory {i} is listed but not there", repaired=repair) for i in sorted(known)]
        return findings, count

    # Other replicas

    def follow(self, on_change: OnChange) -> None:
        """From now on call `on_change`, from a thread, for every change that another replica makes."""
        last = self._call(lambda: self._redis.xrevrange(f"{self._prefix}:feed", count=1))
        begin = last[0][0] if last else b"0-0"
        self._follower = threading.Thread(target=self._follow, args=(on_change, begin), name="memory-feed", daemon=True)
        self._follower.start()

    def _follow(self, on_change: OnChange, last: bytes) -> None:
        feed = f"{self._prefix}:feed"
        lost = False
        while not self._closing.is_set():
            try:
                first = self._redis.xrange(feed, count=1)
                if lost and first and _order(first[0][0]) > _order(last):
                    on_change(0, None, [])  # entries were trimmed while the connection was lost: read everything again
                found = self._redis.xread({feed: last}, count=1000, block=FOLLOW_MS)
                lost = False
            except redis.RedisError:
                lost = True
                self._closing.wait(0.2)
                continue
            for _, entries in found or []:
                last = entries[-1][0]
                for _, entry in entries:
                    if entry[b"origin"].decode() != self._origin:
                        ids = [int(i) for i in entry[b"ids"].split(b",") if i]
                        documents = [n for n in entry[b"documents"].decode().split("\n") if n]
                        try:
                            on_change(int(entry[b"ns"]), ids, documents)
                        except Exception:  # noqa: BLE001  such as a lost connection: this thread must go on to follow
                            _log.exception("another replica's change could not be read; all is read again")
                            on_change(0, None, [])

    def close(self) -> None:
        self._closing.set()
        self._writers.shutdown(wait=True)
        if self._follower is not None:
            self._follower.join()
        self._redis.close()


def _change(seq: int, body: bytes) -> Change:
    at_s, memory, action, detail = body.decode().split("\n", 3)
    return Change(seq, float(at_s), int(memory), action, detail)


def _order(entry: bytes) -> tuple[int, int]:
    major, minor = entry.split(b"-")
    return int(major), int(minor)
