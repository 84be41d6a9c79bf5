"""The schema of an SQLite file: whose file it is, and the numbered steps from an old version to the present one.

Several components may share a file; each has its own number. A step, once released, is never changed: a change of
the schema is a further step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import apsw

from offhook.storage.errors import StorageError, StorageFault

__all__ = ["APPLICATION_ID", "Schema", "migrate"]

APPLICATION_ID: Final = 0x4F66486B
"""What marks a file as ours (SQLite's ``application_id``): "OfHk"."""

_VERSIONS: Final = "offhook_schema"


class Schema:
    """The tables of one component, such as "accounts".

    `steps` are SQL scripts; the first makes the tables, each further one takes them from its number to the next.
    """

    __slots__ = ("component", "steps")

    def __init__(self, component: str, steps: Sequence[str]) -> None:
        self.component = component
        self.steps = tuple(steps)


def migrate(connection: apsw.Connection, path: str, schemas: Sequence[Schema]) -> None:
    """Bring a file that was just opened to the present version of each schema; all steps together or none.

    Raises StorageError when the file belongs to another program or was written by a newer Offhook, and apsw.Error.
    """
    if not _pending(connection, path, schemas):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have taken the steps in between.
        for schema, version in _pending(connection, path, schemas):
            _take_steps(connection, schema, version)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _take_steps(connection: apsw.Connection, schema: Schema, version: int) -> None:
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {_VERSIONS} (component TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT"
    )
    for step in schema.steps[version:]:
        connection.execute(step)
    connection.execute(
        f"INSERT INTO {_VERSIONS} VALUES (?, ?) ON CONFLICT DO UPDATE SET version = excluded.version",
        (schema.component, len(schema.steps)),
    )


def _pending(connection: apsw.Connection, path: str, schemas: Sequence[Schema]) -> list[tuple[Schema, int]]:
    """The schemas that are behind, each with the version that the file has, 0 for none."""
    versions = _versions(connection, path)
    pending: list[tuple[Schema, int]] = []
    for schema in schemas:
        version = versions.get(schema.component, 0)
        if version > len(schema.steps):
            raise StorageError(
                f"{path} was written by a newer Offhook: its {schema.component} have version {version}, "
                f"this one knows {len(schema.steps)}; use the newer one or another file",
                fault=StorageFault.NEWER,
                path=path,
            )
        if version < len(schema.steps):
            pending.append((schema, version))
    return pending


def _versions(connection: apsw.Connection, path: str) -> dict[str, int]:
    [(tables,)] = connection.execute("SELECT count(*) FROM sqlite_schema")
    if tables == 0:
        return {}
    [(application,)] = connection.execute("PRAGMA application_id")
    if application != APPLICATION_ID:
        raise StorageError(
            f"{path} is the database of another program; give another file", fault=StorageFault.FOREIGN, path=path
        )
    rows = connection.execute(f"SELECT component, version FROM {_VERSIONS}")
    return {str(component): int(str(version)) for component, version in rows}
