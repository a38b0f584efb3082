"""The databases: one primary that takes writes, replicas that answer reads.

    read   replica 1 -> replica 2 -> ... -> primary     the first that answers
    write  primary                                      once, never repeated

The order of the replicas is the configuration's: the one on this machine
first. A server that failed is left alone for a moment, so that one dead
machine costs one slow request and not all of them. Each thread keeps its own
connection to each server; every wait has a limit.
"""

import contextlib
import threading
import time

import pymysql

# What any server may answer instead of rows; a replica that has not yet got
# the table is as good as none.
LOST = (pymysql.err.MySQLError, OSError)
AT_ONCE_S = 0.2


class Unavailable(Exception):
    """No server answered; the text names the last one and its error."""


class Server:
    """One database server: connects, remembers when it last failed."""

    def __init__(self, address, account, timeouts, rest_s):
        self.address = address
        host, _, port = address.rpartition(":")
        self._options = dict(
            account,
            host=host.strip("[]"),
            port=int(port),
            connect_timeout=timeouts["connect"],
            read_timeout=timeouts["read"],
            write_timeout=timeouts["read"],
            charset="utf8mb4",
            autocommit=True,
        )
        self._rest_s = rest_s
        self._failed_at = None
        self._local = threading.local()

    @property
    def resting(self):
        failed_at = self._failed_at
        return failed_at is not None and time.monotonic() < failed_at + self._rest_s

    def run(self, statement, values, fresh):
        """The rows and the new id; raises one of LOST when the server is gone."""
        try:
            connection = self._connection(fresh)
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                self._failed_at = None
                return cursor.fetchall(), cursor.lastrowid
        except LOST:
            self.drop()
            raise

    def failed(self):
        self._failed_at = time.monotonic()

    def connected(self):
        return getattr(self._local, "connection", None) is not None

    def drop(self):
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def _connection(self, fresh):
        """This thread's connection; `fresh` asks for one known to be alive."""
        connection = getattr(self._local, "connection", None)
        if connection is not None and fresh:
            try:
                connection.ping(reconnect=False)
            except pymysql.err.Error:
                self.drop()
                connection = None
        if connection is None:
            connection = pymysql.connect(**self._options)
            self._local.connection = connection
        return connection


class Databases:
    """The primary and its replicas, as one thing to read from and write to."""

    def __init__(self, primary, replicas, account, timeouts, rest_s=2.0):
        self.primary = Server(primary, account, timeouts, rest_s)
        self.replicas = [Server(a, account, timeouts, rest_s) for a in replicas]

    def read(self, statement, values=()):
        """The rows and the address of the server that gave them."""
        servers = self.replicas + [self.primary]
        awake = [s for s in servers if not s.resting]
        error = None
        for server in awake or servers:
            try:
                return self._read_from(server, statement, values)
            except LOST as caught:
                server.failed()
                error = f"{server.address}: {caught}"
        raise Unavailable(error)

    def read_primary(self, statement, values=()):
        """As read(), from the primary alone: what a replica may not have yet."""
        if self.primary.resting:
            raise Unavailable(f"{self.primary.address}: failed a moment ago")
        try:
            return self._read_from(self.primary, statement, values)
        except LOST as caught:
            self.primary.failed()
            raise Unavailable(f"{self.primary.address}: {caught}") from caught

    def write(self, statement, values=()):
        """The new row's id. Never repeated: the first try may have arrived."""
        try:
            _, new_id = self.primary.run(statement, values, fresh=True)
            return new_id
        except LOST as caught:
            raise Unavailable(f"{self.primary.address}: {caught}") from caught

    @staticmethod
    def _read_from(server, statement, values):
        # A kept connection may have been closed by the server's restart, which
        # says nothing about the server as it is now: a read may be repeated,
        # where it failed at once. One that had to be waited for is a dead server.
        kept, begun = server.connected(), time.monotonic()
        try:
            rows, _ = server.run(statement, values, fresh=False)
        except LOST:
            if not kept or time.monotonic() - begun > AT_ONCE_S:
                raise
            rows, _ = server.run(statement, values, fresh=False)
        return rows, server.address
