"""Tracks which requests are suspected of ending the agents that compute them. Pure; the caller passes the time.

A request is identified by a digest of its method and its bytes. When an agent's process ends, every request that was on it is suspected,
for one of them may be the cause. A suspected request is tried with care (`quarantine`). A second agent that ends with the same request on
it convicts the request, which is then refused for a while. A complete answer acquits it:

    unknown --answered--> good --agent ended--> unknown
    unknown --agent ended--> suspected --agent ended--> convicted        suspected --answered--> good

So a crash, a lost node or a kill convicts no request: each request that was there is answered elsewhere, and a request that many clients
send all day was answered before. All records expire, and the tables are bounded. Fed by `forwarding`, and by the convictions of other
gateways that `fleet_view` receives.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from echorator.errors import InvalidRequestError

MOST_KNOWN = 1 << 14  # digests that were answered lately
MOST_SUSPECTS = 1 << 12


class PoisonError(InvalidRequestError):
    """A request is convicted: agents ended while they computed it, so no agent gets it for a while."""


class Standing(enum.Enum):
    """How a request is to be treated."""

    FREE = "free"
    SUSPECTED = "suspected"  # an agent ended while it computed this request
    CONVICTED = "convicted"  # a second agent ended too: the request is refused


@dataclass(slots=True)
class Record:
    """The record of a request that was on an agent when the agent ended."""

    deaths: int  # agents that ended with the request on them, 1 or more
    until_s: float  # when the record expires
    careful: bool  # SUSPECTED, to be tried with care; else FREE until a second death


def digest_of(path: str, body: bytes) -> bytes:
    """Return the 16-byte digest of a method's path and a request's bytes, which only identical requests share."""
    return blake2b(body, digest_size=16, key=path.encode()[-64:]).digest()


class Suspects:
    """The suspects and convicts of one gateway. Times are seconds on any monotonic clock."""

    def __init__(self, suspect_s: float, poison_s: float) -> None:
        """Create empty tables; a suspicion lasts `suspect_s` seconds, a conviction `poison_s`."""
        self._suspect_s = suspect_s
        self._poison_s = poison_s
        self._records: OrderedDict[bytes, Record] = OrderedDict()  # in order of change, the latest last
        self._known: OrderedDict[bytes, tuple[float, bool]] = OrderedDict()  # answered lately: expiry, and whether the answer was complete

    def __len__(self) -> int:
        return len(self._records)

    def standing(self, digest: bytes, now_s: float) -> Standing:
        """Return how a request with this digest is to be treated now."""
        record = self._record(digest, now_s)
        if record is None:
            return Standing.FREE
        if record.deaths > 1:
            return Standing.CONVICTED
        return Standing.SUSPECTED if record.careful else Standing.FREE

    def check(self, digest: bytes, now_s: float) -> None:
        """Raise PoisonError where the request is convicted now."""
        record = self._record(digest, now_s)
        if record is not None and record.deaths > 1:
            raise PoisonError(
                f"{record.deaths} agents ended while they computed this very request, so it is given to no other one; it is refused for "
                f"{max(1.0, record.until_s - now_s):.0f} s more. Change the request, and tell whoever runs the model"
            )

    def _record(self, digest: bytes, now_s: float) -> Record | None:
        record = self._records.get(digest)
        if record is not None and record.until_s <= now_s:
            del self._records[digest]
            return None
        return record

    def answered(self, digest: bytes, now_s: float) -> None:
        """Acquit a request that an agent answered completely, unless it is convicted already."""
        record = self._record(digest, now_s)
        if record is not None and record.deaths > 1:
            return  # it was under way when it was convicted
        self._records.pop(digest, None)
        self._note(digest, True, now_s)

    def began(self, digest: bytes, now_s: float) -> None:
        """Note that an answer to the request began. This acquits nothing: the rest of the computation may still end the agent."""
        if digest not in self._known:
            self._note(digest, False, now_s)

    def _note(self, digest: bytes, whole: bool, now_s: float) -> None:
        self._known[digest] = (now_s + self._poison_s, whole)
        self._known.move_to_end(digest)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def is_known(self, digest: bytes, now_s: float) -> bool:
        """Tell whether an answer to the request began within the last `poison_s`."""
        return self._known.get(digest, (now_s, False))[0] > now_s

    def _is_good(self, digest: bytes, now_s: float) -> bool:
        until_s, whole = self._known.get(digest, (now_s, False))
        return whole and until_s > now_s

    def died(self, digests: Iterable[bytes], others: int, now_s: float) -> list[bytes]:
        """Blame the end of an agent on the requests that were on it; return the digests that this convicts.

        A request that has a complete answer loses that record instead of becoming suspected.

        Args:
            digests: all requests that the agent computed.
            others: the number of agents that still serve the model. With none left, a first blame is recorded but the requests stay FREE,
                unless only one of them was not answered before: the cause is known then.
            now_s: the time.
        """
        on_it = set(digests)
        alone = sum(not self._is_good(digest, now_s) for digest in on_it) == 1
        return [digest for digest in on_it if self._blame(digest, alone or others > 0, now_s)]

    def _blame(self, digest: bytes, careful: bool, now_s: float) -> bool:
        record = self._record(digest, now_s)
        if record is None:
            was_good = self._is_good(digest, now_s)
            self._known.pop(digest, None)
            if not was_good:
                self._keep(digest, Record(1, now_s + self._suspect_s, careful))
            return False
        record.deaths += 1
        record.until_s = now_s + self._poison_s
        self._keep(digest, record)
        return record.deaths == 2

    def convict(self, digest: bytes, for_s: float, now_s: float) -> None:
        """Adopt the conviction of another gateway, for `for_s` seconds but at most `poison_s`."""
        known = self._record(digest, now_s)
        deaths = max(2, known.deaths if known is not None else 0)
        self._keep(digest, Record(deaths, now_s + min(for_s, self._poison_s), True))

    def convicted(self, now_s: float) -> dict[bytes, float]:
        """Return the digests that are refused now, with the seconds that are left."""
        return {digest: record.until_s - now_s for digest, record in self._records.items() if record.deaths > 1 and record.until_s > now_s}

    def _keep(self, digest: bytes, record: Record) -> None:
        self._records[digest] = record
        self._records.move_to_end(digest)
        while len(self._records) > MOST_SUSPECTS:
            unproved = next((d for d, r in self._records.items() if r.deaths < 2), None)
            self._records.pop(unproved if unproved is not None else next(iter(self._records)))
