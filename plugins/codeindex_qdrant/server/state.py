"""State: what a collection says about itself, kept in a point without a vector.

A point, not the collection's own metadata, which servers before 1.16 do not have. It has no
vector, so no search can find it; counts and scrolls leave it out by its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qdrant_client import models

from codeindex.errors import IndexVersionError
from codeindex_qdrant.payload import RESERVED
from codeindex_qdrant.server.connection import Connection

FORMAT = 1
_KEY = "codeindex"

SNIPPETS_ONLY = models.Filter(must_not=[models.HasIdCondition(has_id=[RESERVED])])
"""For counts and scrolls: all but the reserved point."""


@dataclass(frozen=True, slots=True)
class State:
    """What a physical collection is.

    Attributes:
        token: names the writing that it is of; a commit is the end of one.
        committed: that writing was ended.
        count: snippets at the last commit.
        index: id of the index it belongs to; empty where the host gave none.
        manifest: what the host said of that index, at the last commit.
    """

    token: str
    committed: bool
    count: int = 0
    index: str = ""
    manifest: Mapping[str, Any] = field(default_factory=dict)


def read_state(connection: Connection, physical: str) -> State | None:
    """The state of a collection; None if codeindex has not made it.

    Raises:
        DamagedIndexError: there is no such collection.
        IndexVersionError: a newer codeindex has made it.
        UnavailableError: see `Connection.call`.
    """
    records = connection.call(
        f"reading what {physical} is",
        lambda client: client.retrieve(physical, [RESERVED], with_payload=True),
    )
    written = (records[0].payload or {}).get(_KEY) if records else None
    if not isinstance(written, dict):
        return None
    if written.get("format") != FORMAT:
        raise IndexVersionError(
            f"the collection {physical} at {connection.url} was written by a newer version;"
            " upgrade codeindex"
        )
    return State(
        token=str(written["token"]),
        committed=bool(written["committed"]),
        count=int(written["count"]),
        index=str(written["index"]),
        manifest=dict(written["manifest"]),
    )


def write_state(connection: Connection, physical: str, state: State) -> None:
    """Puts the state in place of the one before, in one step.

    Raises:
        DamagedIndexError, UnavailableError, StorageError: see `Connection.call`.
    """
    written = {
        "format": FORMAT,
        "token": state.token,
        "committed": state.committed,
        "count": state.count,
        "index": state.index,
        "manifest": dict(state.manifest),
    }
    point = models.PointStruct(id=RESERVED, vector={}, payload={_KEY: written})
    connection.call(
        f"noting what {physical} is",
        lambda client: client.upsert(
            physical, [point], wait=True, ordering=models.WriteOrdering.STRONG
        ),
    )


def committed_token(connection: Connection, physical: str) -> str | None:
    """The token of the last commit; None while, or if, a writing goes on.

    Raises:
        DamagedIndexError, UnavailableError, StorageError: see `Connection.call`.
    """
    state = read_state(connection, physical)
    return state.token if state is not None and state.committed else None


def exact_count(connection: Connection, physical: str) -> int:
    """How many snippets a collection holds."""
    counted = connection.call(
        f"counting {physical}",
        lambda client: client.count(physical, count_filter=SNIPPETS_ONLY, exact=True),
    )
    return counted.count
