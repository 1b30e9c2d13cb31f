"""The meaning of a database server's error for the transaction in which it occurred.

There is one table per server. Sources: the servers' manuals of error codes; the codes of replicated
servers were seen on Galera (MariaDB 11.8), Group Replication (MySQL 9.7) and PostgreSQL 15 with
standbys, when nodes were killed, frozen and cut off. The codes of TiDB are from its manual.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final


class Meaning(Enum):
    """The reaction to an error."""

    #: A unique index has the value already: the transaction itself knows what that means.
    DUPLICATE = "duplicate"
    #: Rolled back because of a concurrent transaction: run it again.
    RUN_AGAIN = "run again"
    #: The connection is lost. Changes that it had not committed are rolled back; it is unknown
    #: whether a COMMIT under way succeeded. Run the transaction again on another connection: it
    #: finds out.
    LOST = "lost"
    #: The server replies, but does not serve now or does not take writes: use another one.
    NOT_READY = "not ready"
    #: The server replies, but does not accept further connections: use one that is open.
    FULL = "full"
    #: The server has no room, as on a full disk: nothing that grows can be written now.
    NO_ROOM = "no room"
    #: The same statement would be refused again.
    REFUSED = "refused"


#: By error number. A number that is not listed means `REFUSED`.
MYSQL: Final[Mapping[int, Meaning]] = MappingProxyType(
    {
        1062: Meaning.DUPLICATE,  # duplicate entry
        # -------- concurrent transactions
        1020: Meaning.RUN_AGAIN,  # record has changed since it was read (MariaDB)
        1205: Meaning.RUN_AGAIN,  # lock wait timeout; but see `meaning_in_mysql`
        1213: Meaning.RUN_AGAIN,  # deadlock; certification failed (Galera)
        1969: Meaning.RUN_AGAIN,  # max_statement_time is over (MariaDB)
        3024: Meaning.RUN_AGAIN,  # max_execution_time is over (MySQL)
        1412: Meaning.RUN_AGAIN,  # table definition has changed, retry the transaction
        3101: Meaning.RUN_AGAIN,  # certification failed (Group Replication)
        8002: Meaning.RUN_AGAIN,  # write conflict (TiDB)
        8022: Meaning.RUN_AGAIN,  # the transaction can be retried (TiDB)
        9007: Meaning.RUN_AGAIN,  # write conflict (TiDB)
        # -------- the connection
        1040: Meaning.FULL,  # too many connections
        1053: Meaning.LOST,  # server shutdown in progress
        1152: Meaning.LOST,  # aborted connection
        1158: Meaning.LOST,  # error reading packets
        1159: Meaning.LOST,  # timeout reading packets
        1160: Meaning.LOST,  # error writing packets
        1161: Meaning.LOST,  # timeout writing packets
        1180: Meaning.LOST,  # error during COMMIT; but see `meaning_in_mysql`
        1203: Meaning.FULL,  # too many connections of this user
        1226: Meaning.FULL,  # the same, by a limit of the account
        1243: Meaning.LOST,  # unknown prepared statement: a new connection prepares it
        1317: Meaning.LOST,  # query interrupted
        1615: Meaning.LOST,  # the prepared statement has to be prepared again
        1927: Meaning.LOST,  # connection was killed (MariaDB)
        2002: Meaning.LOST,  # cannot connect by the socket
        2003: Meaning.LOST,  # cannot connect
        2006: Meaning.LOST,  # server has gone away
        2013: Meaning.LOST,  # lost during query
        2014: Meaning.LOST,  # commands out of sync
        2027: Meaning.LOST,  # malformed packet
        2055: Meaning.LOST,  # lost, with the system's error
        3100: Meaning.LOST,  # the replication plugin failed at COMMIT (Group Replication)
        3168: Meaning.LOST,  # server is not available
        3169: Meaning.LOST,  # session was killed
        4031: Meaning.LOST,  # disconnected because of inactivity
        # -------- the disk
        1021: Meaning.NO_ROOM,  # disk full
        1030: Meaning.NO_ROOM,  # error of the storage engine, such as 28, no space left
        1114: Meaning.NO_ROOM,  # the table is full
        # -------- the server
        1047: Meaning.NOT_READY,  # not in the primary component (Galera)
        1290: Meaning.NOT_READY,  # read_only or super_read_only is on
        1836: Meaning.NOT_READY,  # read-only mode
        3796: Meaning.NOT_READY,  # consistency level not allowed in this state (Group Replication)
        3797: Meaning.NOT_READY,  # waited in vain for preceding transactions (Group Replication)
    }
)

#: By SQLSTATE, else by its class, the first two characters. A code that is not listed means
#: `REFUSED`.
POSTGRES: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        "23505": Meaning.DUPLICATE,  # unique violation
        # -------- concurrent transactions
        "40001": Meaning.RUN_AGAIN,  # serialization failure
        "40P01": Meaning.RUN_AGAIN,  # deadlock
        "55P03": Meaning.RUN_AGAIN,  # lock not available
        "57014": Meaning.RUN_AGAIN,  # query cancelled: statement_timeout is over, or by a person
        # -------- the connection
        "08": Meaning.LOST,  # connection exceptions
        "25P03": Meaning.LOST,  # idle in a transaction for too long
        "25P04": Meaning.LOST,  # a transaction that took too long (PostgreSQL 17)
        "40003": Meaning.LOST,  # statement completion unknown
        "53100": Meaning.NO_ROOM,  # disk full
        "53300": Meaning.FULL,  # too many connections
        "57P01": Meaning.LOST,  # shutdown by the administrator
        "57P02": Meaning.LOST,  # shutdown after a crash
        "57P04": Meaning.LOST,  # the database was dropped
        "57P05": Meaning.LOST,  # idle for too long
        # -------- the server
        "25006": Meaning.NOT_READY,  # read only: a standby
        "57P03": Meaning.NOT_READY,  # starting up, shutting down or recovering
    }
)

#: The text in MySQL's error 1180 that means that the transaction was rolled back as in a deadlock.
_ROLLED_BACK: Final = "error 149"


#: The meaning of an error in words, for the operator. The server's own text is not shown, since it
#: may quote values that were sent.
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "MySQL error 1021": "the server's disk is full",
        "MySQL error 1030": "the server's storage has failed, as on a full disk",
        "MySQL error 1040": "the server has no free connection (max_connections)",
        "MySQL error 1044": "this user may not use this database",
        "MySQL error 1045": "wrong user or password",
        "MySQL error 1049": "there is no such database",
        "MySQL error 1114": "a table is full, or the server's disk",
        "MySQL error 1129": "the server has blocked this host",
        "MySQL error 1130": "the server does not accept connections from this host",
        "MySQL error 1142": "this user lacks a privilege on a table",
        "MySQL error 1146": "a table is gone",
        "MySQL error 1203": "this user has too many connections",
        "MySQL error 1205": "the wait for a lock took too long",
        "MySQL error 1226": "this user has used up a limit of its account",
        "MySQL error 1290": "the server is read-only",
        "MySQL error 1461": "the server has no room for another prepared statement",
        "MySQL error 1698": "this user may not log in with a password",
        "MySQL error 1836": "the server is read-only",
        "MySQL error 2003": "nothing listens there",
        "MySQL error 2006": "the server is gone",
        "MySQL error 2013": "the server is gone",
        "PostgreSQL 25006": "the server is read-only",
        "PostgreSQL 28000": "the server does not let this user in from here",
        "PostgreSQL 28P01": "wrong user or password",
        "PostgreSQL 3D000": "there is no such database",
        "PostgreSQL 42501": "this user lacks a privilege",
        "PostgreSQL 42P01": "a table is gone",
        "PostgreSQL 53100": "the server's disk is full",
        "PostgreSQL 53200": "the server is out of memory",
        "PostgreSQL 53300": "the server has no free connection (max_connections)",
        "PostgreSQL 55P03": "the wait for a lock took too long",
        "PostgreSQL 57P03": "the server is starting or shutting down",
        "PostgreSQL ConnectionRefusedError": "nothing listens there",
    }
)


def in_words(name: str) -> str:
    """Return the name of an error, with its meaning if that is known."""
    return f"{name} ({_WORDS[name]})" if name in _WORDS else name


def meaning_in_mysql(code: int, text: str, *, changes: bool) -> Meaning:
    """Return the meaning of an error of MySQL or MariaDB.

    Args:
        code: Its number.
        text: The server's own text, in which 1180 says what has happened.
        changes: Whether the statement was one that changes rows, or COMMIT. A node that is cut off
            from its cluster responds to all others with 1205, which otherwise only a lock causes.
    """
    if code == 1180 and _ROLLED_BACK in text:
        return Meaning.RUN_AGAIN
    if code == 1205 and not changes:
        return Meaning.LOST
    return MYSQL.get(code, Meaning.REFUSED)


def meaning_in_postgres(state: str | None) -> Meaning:
    """Return the meaning of an error of PostgreSQL.

    Args:
        state: Its SQLSTATE; `None` for an error of the driver or the network.
    """
    if state is None:
        return Meaning.LOST
    return POSTGRES.get(state) or POSTGRES.get(state[:2], Meaning.REFUSED)
