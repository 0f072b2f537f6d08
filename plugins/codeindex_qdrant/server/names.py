"""The name that users give: an alias, whose it is, and what it names after a commit."""

from __future__ import annotations

from contextlib import suppress

from qdrant_client import models

from codeindex.errors import CodeIndexError, DamagedIndexError, UsageError
from codeindex_qdrant.server.connection import Connection
from codeindex_qdrant.server.layout import family
from codeindex_qdrant.server.state import State, read_state


def named(connection: Connection) -> str | None:
    """The physical collection that the alias names; None if there is no such alias.

    Raises:
        UnavailableError, StorageError: see `Connection.call`.
    """
    aliases = connection.call("listing the aliases", lambda client: client.get_aliases())
    wanted = connection.options.collection
    return next(
        (alias.collection_name for alias in aliases.aliases if alias.alias_name == wanted), None
    )


def collections(connection: Connection) -> list[str]:
    """Names of all physical collections on the server, sorted."""
    listed = connection.call("listing the collections", lambda client: client.get_collections())
    return sorted(item.name for item in listed.collections)


def refuse_others(connection: Connection, index: str) -> str | None:
    """What the alias names now, if this index may have it.

    Raises:
        UsageError: it belongs to another index, or is a collection itself.
    """
    name, current = connection.options.collection, named(connection)
    if current is None:
        if name in collections(connection):
            raise UsageError(
                f"{name!r} at {connection.url} is a collection that codeindex has not made;"
                " choose another name: -B collection=NAME"
            )
        return None
    if connection.options.replace:
        return current
    with suppress(DamagedIndexError):  # the collection went between the two requests
        state = read_state(connection, current)
        if not _belongs(connection, current, state, index):
            raise UsageError(
                f"the collection {name!r} at {connection.url} belongs to {_owner(state)};"
                " choose another with -B collection=NAME, or take this one over with"
                " -B replace=true"
            )
    return current


def _belongs(connection: Connection, physical: str, state: State | None, index: str) -> bool:
    """Whether a collection is of this index: it says so, or, damaged, has a name that does."""
    if state is None:
        return physical.startswith(family(connection.options.collection, index))
    return state.index == index


def _owner(state: State | None) -> str:
    if state is None:
        return "something that codeindex has not made"
    encoder = state.manifest.get("encoder") or {}
    made_with = f", made with encoder {encoder['name']!r}" if encoder.get("name") else ""
    return f"another index ({state.index or 'without id'}, {state.count} snippets{made_with})"


def point_name_at(connection: Connection, physical: str, index: str) -> None:
    """Makes the alias name `physical`, in one step for those who search by it.

    Raises:
        UsageError: another index has taken the name meanwhile.
        UnavailableError, StorageError: see `Connection.call`.
    """
    name, current = connection.options.collection, refuse_others(connection, index)
    if current == physical:
        return
    create = models.CreateAliasOperation(
        create_alias=models.CreateAlias(collection_name=physical, alias_name=name)
    )
    delete = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=name))
    connection.call(
        f"naming {physical} {name!r}",
        lambda client: client.update_collection_aliases(
            [create] if current is None else [delete, create]
        ),
    )


def delete_superseded(connection: Connection, physical: str, index: str) -> None:
    """Deletes the other physical collections of this index: older ones, and unfinished ones.

    One that another index has made is never among them. What cannot be deleted now goes with
    a later commit.
    """
    with suppress(CodeIndexError):
        family_name = family(connection.options.collection, index)
        for other in collections(connection):
            if other == physical or not other.startswith(family_name):
                continue
            if _belongs(connection, other, read_state(connection, other), index):
                delete(connection, other)


def delete(connection: Connection, physical: str) -> None:
    """Deletes a collection; one that is not there is no error.

    Raises:
        UnavailableError, StorageError: see `Connection.call`.
    """
    with suppress(DamagedIndexError):
        connection.call(
            f"deleting {physical}", lambda client: client.delete_collection(physical), attempts=1
        )
