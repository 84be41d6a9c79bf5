"""The thread that reads. It has a connection of its own, so that a disk that is slow to write keeps no lookup back."""

from __future__ import annotations

import apsw

from offhook.storage.connection import open_reader
from offhook.storage.thread import Job, StorageThread

__all__ = ["ReaderThread"]


class ReaderThread(StorageThread):
    """Reads what is committed. Opened once the file is at the present version of its schemas."""

    def open(self) -> apsw.Connection:
        """A connection that cannot write."""
        return open_reader(self.path)

    def do(self, jobs: list[Job]) -> None:
        """Each by itself."""
        for job in jobs:
            try:
                job.result = job.act(self.connection)
            except Exception as error:
                job.error = self.translated(error)
