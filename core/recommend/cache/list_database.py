"""The cache's file: lists of whole generations in SQLite, swapped in one transaction.

A generation is every user's list for one question (`core.recommend.cache.list_question`), in a table of its own with
the user's number as its key. It is loaded while the one before is read, and takes its place in one transaction, so a
reader sees the old one or the new one, whole. What an interrupted job left is dropped by the next.

`histories` holds what users took that the run's data do not: a list whose history mark is another than the one there is
out of date. `users` numbers the users that the data do not know, from the data's last number on.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from core.errors import DataError, EnvironmentFault
from core.files import system_fault, unwritable
from core.recommend.cache.disk_kind import is_remote
from core.recommend.cache.generation import COLUMNS, CachedRow, Generation, generation_of
from core.recommend.cache.list_question import ListQuestion, ListSource
from core.run.disk import is_full

CACHE_FILE = "cache.sqlite"
"""Its name in a run's folder."""
LAYOUT = 1
"""Of the tables; a file of another one is made anew."""
WAIT = 30.0
"""Seconds to wait for another process that writes."""
_TABLES = """
CREATE TABLE IF NOT EXISTS generations (
    number INTEGER PRIMARY KEY, restriction TEXT NOT NULL, question TEXT NOT NULL, source TEXT NOT NULL,
    depth INTEGER NOT NULL, live INTEGER NOT NULL, made REAL NOT NULL, refreshed REAL NOT NULL,
    users INTEGER NOT NULL, seconds REAL NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS live_generation ON generations (restriction) WHERE live = 1;
CREATE TABLE IF NOT EXISTS histories (user INTEGER PRIMARY KEY, mark INTEGER NOT NULL, items BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS users (number INTEGER PRIMARY KEY, user_id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS forgotten (user INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""

Row = tuple[int, int, int, bytes]
"""Number of the user, mark and length of the history, the packed list."""


class ListDatabase:
    """The open file; one thread uses it, or several in turn.

    Args:
        path: the file; made where it is missing, unless it is opened for reading.
        read_only: change nothing, not even counters.

    Raises:
        DataError: the file is no cache, or damaged.
        EnvironmentFault: it cannot be opened or written.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path = path
        places = (path, path.parent) if path.exists() else (path.parent,)  # its log lies beside the file
        self.read_only = read_only or not all(os.access(place, os.W_OK) for place in places)
        self.remote = is_remote(path.parent)
        with self._faults():
            self._db = sqlite3.connect(
                self._uri(), uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False
            )
            (layout,) = self._db.execute("PRAGMA user_version").fetchone()
            if layout not in (0, LAYOUT) or (self.read_only and layout == 0):
                raise DataError(f"{path}: no cache of this version", "remove it, and build the cache again")
            if not self.read_only:
                # Readers do not wait for a writer where the log lies beside the file; that needs shared memory.
                self._db.execute("PRAGMA page_size = 8192")  # of a new file: 29 lists of 40 items a page
                self._db.execute(f"PRAGMA journal_mode = {'DELETE' if self.remote else 'WAL'}")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {LAYOUT}; COMMIT;")

    def _uri(self) -> str:
        uri = self.path.absolute().as_uri()
        if not self.read_only:
            return f"{uri}?mode=rwc"
        # A folder that nobody can write has no shared memory: the file is then read as it is, which nobody changes.
        log = self.path.with_name(f"{self.path.name}-wal")
        fixed = not os.access(self.path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)
        return f"{uri}?mode=ro{'&immutable=1' if fixed else ''}"

    def __enter__(self) -> Self:
        """Nothing more than opening it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        """Errors of SQLite as ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if is_full(error) or "full" in str(error):
                raise EnvironmentFault(f"no space left on the disk of {self.path}", "make room there") from error
            if self.path.exists() and not os.access(self.path, os.R_OK):
                raise system_fault(PermissionError(errno.EACCES, "", str(self.path))) from error
            raise EnvironmentFault(f"{self.path}: {error}", "another process may be writing it; try again") from error
        except sqlite3.DatabaseError as error:
            raise DataError(f"{self.path}: not a cache ({error})", "remove it, and build the cache again") from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of a block's changes, or none of them.

        Raises:
            EnvironmentFault: the file is opened for reading, or cannot be written.
        """
        if self.read_only:
            raise unwritable(self.path)
        with self._faults():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # --- generations ------------------------------------------------------------------------------------------------

    def generations(self) -> list[Generation]:
        """Those that are served, one a restriction."""
        with self._faults():
            rows = self._db.execute(f"SELECT {COLUMNS} FROM generations WHERE live = 1 ORDER BY number").fetchall()
        return [generation_of(row) for row in rows]

    def begin(self, question: ListQuestion, source: ListSource, depth: int) -> int:
        """A new generation that nobody reads yet; what an interrupted job left is dropped. Returns its number."""
        with self.transaction():
            for (left,) in self._db.execute("SELECT number FROM generations WHERE live = 0").fetchall():
                self._drop(left)
            cursor = self._db.execute(
                "INSERT INTO generations (restriction, question, source, depth, live, made, refreshed, users, seconds)"
                " VALUES (?, ?, ?, ?, 0, 0, 0, 0, 0)",
                (question.restriction, json.dumps(asdict(question)), json.dumps(asdict(source)), depth),
            )
            number = int(cursor.lastrowid or 0)
            self._db.execute(
                f"CREATE TABLE lists_{number} (user INTEGER PRIMARY KEY, mark INTEGER NOT NULL,"
                " length INTEGER NOT NULL, made INTEGER NOT NULL, packed BLOB NOT NULL)"
            )
        return number

    def load(self, number: int, rows: Iterable[Row]) -> None:
        """Put lists into a generation, in one transaction; a user's older list goes."""
        with self.transaction():
            self._insert(number, rows)

    def _insert(self, number: int, rows: Iterable[Row]) -> None:
        made = int(time.time())
        self._db.executemany(
            f"INSERT OR REPLACE INTO lists_{number} (user, mark, length, made, packed) VALUES (?, ?, ?, ?, ?)",
            ((user, mark, length, made, packed) for user, mark, length, packed in rows),
        )

    def swap(self, number: int, seconds: float) -> None:
        """Serve a generation in place of the one with the same restriction, which is dropped; one transaction."""
        with self.transaction():
            self._db.execute(f"DELETE FROM lists_{number} WHERE user IN (SELECT user FROM forgotten)")
            users = self._count(number)
            old = self._db.execute(
                "SELECT number FROM generations WHERE live = 1 AND restriction ="
                " (SELECT restriction FROM generations WHERE number = ?)", (number,),
            ).fetchall()  # fmt: skip
            for (one,) in old:
                self._drop(one)
            now = time.time()
            self._db.execute(
                "UPDATE generations SET live = 1, made = ?, refreshed = ?, users = ?, seconds = ? WHERE number = ?",
                (now, now, users, seconds, number),
            )

    def refresh(self, lists: Mapping[int, Sequence[Row]]) -> None:
        """Replace some users' lists in the generations that are served, of all of them in one transaction."""
        with self.transaction():
            for number, rows in lists.items():
                self._insert(number, rows)
                self._db.execute(f"DELETE FROM lists_{number} WHERE user IN (SELECT user FROM forgotten)")
                self._db.execute("UPDATE generations SET refreshed = ? WHERE number = ?", (time.time(), number))

    def row(self, restriction: str, user: int) -> tuple[Generation, CachedRow | None] | None:
        """A user's list in the generation that is served; both from one state of the file.

        Returns:
            None where there is no generation; its row is None where it holds no list of the user.
        """
        with self._faults():
            self._db.execute("BEGIN")
            try:
                found = self._db.execute(
                    "SELECT number, question, source, depth, made, refreshed, users, seconds FROM generations"
                    " WHERE restriction = ? AND live = 1", (restriction,),
                ).fetchone()  # fmt: skip
                if found is None:
                    return None
                row = self._db.execute(
                    f"SELECT mark, length, made, packed FROM lists_{int(found[0])} WHERE user = ?", (user,)
                ).fetchone()
            finally:
                self._db.execute("COMMIT")
        return generation_of(found), None if row is None else CachedRow(*row)

    def rows(self, number: int, size: int = 10_000) -> Iterator[list[tuple[int, CachedRow]]]:
        """All lists of a generation by user, some at a time."""
        last = -(1 << 62)
        while True:
            with self._faults():
                page = self._db.execute(
                    f"SELECT user, mark, length, made, packed FROM lists_{number} WHERE user > ? ORDER BY user LIMIT ?",
                    (last, size),
                ).fetchall()
            if not page:
                return
            last = page[-1][0]
            yield [(row[0], CachedRow(*row[1:])) for row in page]

    def pending(self, number: int) -> list[int]:
        """Users whose history is another than the one their list follows, or who have none."""
        with self._faults():
            rows = self._db.execute(
                f"SELECT histories.user FROM histories LEFT JOIN lists_{number} AS lists ON lists.user = histories.user"
                " WHERE lists.mark IS NOT histories.mark ORDER BY histories.user"
            ).fetchall()
        return [user for (user,) in rows]

    def older(self, number: int, moment: float) -> list[int]:
        """Users whose list was made before a moment, in Unix seconds."""
        with self._faults():
            rows = self._db.execute(f"SELECT user FROM lists_{number} WHERE made < ?", (int(moment),)).fetchall()
        return [user for (user,) in rows]

    def ages(self, number: int) -> list[int]:
        """When each list of a generation was made, in Unix seconds, the oldest first."""
        with self._faults():
            return [made for (made,) in self._db.execute(f"SELECT made FROM lists_{number} ORDER BY made")]

    # --- users ------------------------------------------------------------------------------------------------------

    def history(self, user: int) -> tuple[int, bytes] | None:
        """Mark and items (int32) of a history that is another than in the run's data; None where it is the same."""
        with self._faults():
            found: tuple[int, bytes] | None = self._db.execute(
                "SELECT mark, items FROM histories WHERE user = ?", (user,)
            ).fetchone()
        return found

    def histories(self) -> dict[int, npt.NDArray[np.int32]]:
        """All histories that are others than in the run's data, by user."""
        with self._faults():
            rows = self._db.execute("SELECT user, items FROM histories ORDER BY user").fetchall()
        return {user: np.frombuffer(items, "<i4").astype(np.int32) for user, items in rows}

    def set_histories(self, histories: Iterable[tuple[int, int, bytes]]) -> None:
        """Write users' number, mark and items (int32), all of the history."""
        with self.transaction():
            self._db.executemany("INSERT OR REPLACE INTO histories (user, mark, items) VALUES (?, ?, ?)", histories)

    def number_of(self, user_id: str) -> int | None:
        """The number of a user that the run's data do not know; None where it has none."""
        with self._faults():
            found = self._db.execute("SELECT number FROM users WHERE user_id = ?", (user_id,)).fetchone()
        return None if found is None else int(found[0])

    def more_users(self) -> dict[int, str]:
        """Ids of the users that the run's data do not know, by number."""
        with self._faults():
            return dict(self._db.execute("SELECT number, user_id FROM users ORDER BY number"))

    def add_users(self, user_ids: Sequence[str], first: int) -> dict[str, int]:
        """Number users that the run's data do not know, from `first` or behind the last; those of all of them."""
        with self.transaction():
            (last,) = self._db.execute("SELECT COALESCE(MAX(number), ?) FROM users", (first - 1,)).fetchone()
            known = dict(self._db.execute("SELECT user_id, number FROM users"))
            fresh = [user for user in dict.fromkeys(user_ids) if user not in known]
            rows = list(zip(range(last + 1, last + 1 + len(fresh)), fresh, strict=True))
            self._db.executemany("INSERT INTO users (number, user_id) VALUES (?, ?)", rows)
        return {user: known.get(user, -1) for user in user_ids} | {user: number for number, user in rows}

    def forget(self, user: int) -> int:
        """Remove all that is kept of a user, and keep none of it later; returns how many lists there were."""
        with self._faults():
            self._db.execute("PRAGMA secure_delete = ON")
        lists = 0
        with self.transaction():
            for (number,) in self._db.execute("SELECT number FROM generations").fetchall():
                lists += self._db.execute(f"DELETE FROM lists_{number} WHERE user = ?", (user,)).rowcount
            for table, key in (("histories", "user"), ("users", "number")):
                self._db.execute(f"DELETE FROM {table} WHERE {key} = ?", (user,))
            self._db.execute("INSERT OR IGNORE INTO forgotten (user) VALUES (?)", (user,))
        with self._faults():
            if not self.remote:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return lists

    def forgotten(self) -> frozenset[int]:
        """Numbers of the users that were forgotten."""
        with self._faults():
            return frozenset(user for (user,) in self._db.execute("SELECT user FROM forgotten"))

    # --- counters and size ------------------------------------------------------------------------------------------

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to the counters."""
        with self.transaction():
            self._db.executemany(
                "INSERT INTO counters (name, value) VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET value = value + excluded.value",
                counts.items(),
            )

    def counters(self) -> dict[str, int]:
        """What was counted."""
        with self._faults():
            return dict(self._db.execute("SELECT name, value FROM counters"))

    def lists(self) -> int:
        """How many lists there are, of all generations that are served."""
        return sum(self._count(one.number) for one in self.generations())

    def journal(self) -> str:
        """How changes are written, in words."""
        if self.read_only:
            return "opened for reading alone: no counters, no marks"
        if self.remote:
            return "rollback journal: other machines may share this disk; readers wait while it is written"
        return "write-ahead log: readers never wait"

    def nbytes(self) -> int:
        """Bytes of the file that hold something."""
        with self._faults():
            (size,), (pages,), (free,) = (
                self._db.execute(f"PRAGMA {name}").fetchone() for name in ("page_size", "page_count", "freelist_count")
            )
        return int(size * (pages - free))

    def _count(self, number: int) -> int:
        with self._faults():
            (count,) = self._db.execute(f"SELECT COUNT(*) FROM lists_{number}").fetchone()
        return int(count)

    def _drop(self, number: int) -> None:
        self._db.execute(f"DROP TABLE IF EXISTS lists_{number}")
        self._db.execute("DELETE FROM generations WHERE number = ?", (number,))
