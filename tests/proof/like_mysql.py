"""Runs `kling-mock` with MariaDB connections that are set as MySQL's are.

MySQL has no snapshot isolation, and REPEATABLE READ is its default: a transaction that reads and
then writes is not told that the row has changed in between.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any, Final

from kling_mock.cli.main import main
from kling_mock.relay.storage.adapters import mysql

LIKE_MYSQL: Final = (
    *mysql.SESSION,
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET SESSION innodb_snapshot_isolation = OFF",
)

if __name__ == "__main__":
    adapters: Any = mysql
    adapters.MysqlEngine = partial(mysql.MysqlEngine, session=LIKE_MYSQL)
    sys.exit(main())
