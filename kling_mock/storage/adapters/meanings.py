"""What an error of a database server means for the transaction that met it.

One table per server. Sources: the servers' manuals of error codes; the codes of replicated servers
were seen on Galera (MariaDB 11.8), Group Replication (MySQL 9.7) and PostgreSQL 15 with standbys,
when nodes were killed, frozen and cut off. Those of TiDB are from its manual.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

__all__ = ["MYSQL", "POSTGRES", "Meaning", "meaning_in_mysql", "meaning_in_postgres"]


class Meaning(Enum):
    """What to do after an error."""

    #: A unique index has the value: the transaction itself knows what that means.
    DUPLICATE = "duplicate"
    #: Rolled back because of a concurrent transaction: run it again.
    RUN_AGAIN = "run again"
    #: The connection is lost. What it had not committed is rolled back; whether a COMMIT that
    #: was under way was made is unknown. Run it again on another connection: it finds out.
    LOST = "lost"
    #: The server is there, and does not serve now, or takes no writes: use another one.
    NOT_READY = "not ready"
    #: The same statement would be refused again.
    REFUSED = "refused"


#: By error number. A number that is not here is refused.
MYSQL: Final[Mapping[int, Meaning]] = MappingProxyType(
    {
        1062: Meaning.DUPLICATE,  # duplicate entry
        # -------- concurrent transactions
        1020: Meaning.RUN_AGAIN,  # record has changed since it was read (MariaDB)
        1205: Meaning.RUN_AGAIN,  # lock wait timeout; but see `meaning_in_mysql`
        1213: Meaning.RUN_AGAIN,  # deadlock; certification failed (Galera)
        1412: Meaning.RUN_AGAIN,  # table definition has changed, retry the transaction
        3101: Meaning.RUN_AGAIN,  # certification failed (Group Replication)
        8002: Meaning.RUN_AGAIN,  # write conflict (TiDB)
        8022: Meaning.RUN_AGAIN,  # the transaction can be retried (TiDB)
        9007: Meaning.RUN_AGAIN,  # write conflict (TiDB)
        # -------- the connection
        1040: Meaning.LOST,  # too many connections
        1053: Meaning.LOST,  # server shutdown in progress
        1152: Meaning.LOST,  # aborted connection
        1158: Meaning.LOST,  # error reading packets
        1159: Meaning.LOST,  # timeout reading packets
        1160: Meaning.LOST,  # error writing packets
        1161: Meaning.LOST,  # timeout writing packets
        1180: Meaning.LOST,  # error during COMMIT; but see `meaning_in_mysql`
        1203: Meaning.LOST,  # too many connections of this user
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
        # -------- the server
        1047: Meaning.NOT_READY,  # not in the primary component (Galera)
        1290: Meaning.NOT_READY,  # read_only or super_read_only is on
        1836: Meaning.NOT_READY,  # read-only mode
        3796: Meaning.NOT_READY,  # consistency level not allowed in this state (Group Replication)
        3797: Meaning.NOT_READY,  # waited in vain for preceding transactions (Group Replication)
    }
)

#: By SQLSTATE, else by its class: the first two characters. One that is not here is refused.
POSTGRES: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        "23505": Meaning.DUPLICATE,  # unique violation
        # -------- concurrent transactions
        "40001": Meaning.RUN_AGAIN,  # serialization failure
        "40P01": Meaning.RUN_AGAIN,  # deadlock
        "55P03": Meaning.RUN_AGAIN,  # lock not available
        # -------- the connection
        "08": Meaning.LOST,  # connection exceptions
        "40003": Meaning.LOST,  # statement completion unknown
        "53300": Meaning.LOST,  # too many connections
        "57014": Meaning.LOST,  # query cancelled
        "57P01": Meaning.LOST,  # shutdown by the administrator
        "57P02": Meaning.LOST,  # shutdown after a crash
        "57P04": Meaning.LOST,  # the database was dropped
        "57P05": Meaning.LOST,  # idle for too long
        # -------- the server
        "25006": Meaning.NOT_READY,  # read only: a standby
        "57P03": Meaning.NOT_READY,  # starting up, shutting down or recovering
    }
)

#: How MySQL puts it into error 1180 that the transaction was rolled back as in a deadlock.
_ROLLED_BACK: Final = "error 149"


def meaning_in_mysql(code: int, text: str, *, changes: bool) -> Meaning:
    """Return what an error of MySQL or MariaDB means.

    Args:
        code: Its number.
        text: The server's own text: 1180 says there what has happened.
        changes: Whether it answers a statement that changes rows, or COMMIT. A node that is cut
            off from its cluster answers all others with 1205, which else only a lock causes.
    """
    if code == 1180 and _ROLLED_BACK in text:
        return Meaning.RUN_AGAIN
    if code == 1205 and not changes:
        return Meaning.LOST
    return MYSQL.get(code, Meaning.REFUSED)


def meaning_in_postgres(state: str | None) -> Meaning:
    """Return what an error of PostgreSQL means.

    Args:
        state: Its SQLSTATE; `None` if it is the driver's or the network's own.
    """
    if state is None:
        return Meaning.LOST
    return POSTGRES.get(state) or POSTGRES.get(state[:2], Meaning.REFUSED)
