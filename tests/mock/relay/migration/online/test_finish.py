"""Between the swap and `db finish` the old program writes on, and nobody takes it for damage."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kling_mock.cli.main import main
from kling_mock.relay.migration.database.introspect import definition
from kling_mock.relay.migration.database.session import Session
from tests.mock.relay.migration import legacy, tables

pytestmark = pytest.mark.slow

Say = Callable[..., tuple[int, str, str]]
ONLINE = ("upgrade", "--online", "--max-running", "0", "--progress", "none")


@pytest.fixture
def say(session: Session, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command of `db`; return its exit status and what it printed."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main(["db", *words, "--db", session.url])
        return (status, *capsys.readouterr())

    return run


def test_the_old_program_may_write_all_that_it_could(
    session: Session, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    """NULL, its sign of a paid task, and deletions; verify tells them from damage, finish ends."""
    tables.make(session, "gorm")
    before = definition(session, "videos")
    status, out, _ = say(*ONLINE)
    assert (status, "stop the old program, then run kling-mock db finish" in out) == (0, True)
    columns = [row[0] for row in session.query("SHOW COLUMNS FROM videos_before_migration")]
    nothing = dict.fromkeys(columns) | {"task_id": "new-1"}
    session.execute(
        f"INSERT INTO videos ({', '.join(f'`{column}`' for column in nothing)}) "
        f"VALUES ({', '.join('?' for _ in nothing)})",
        *nothing.values(),
    )
    session.execute("INSERT INTO videos (task_id, quota, status) VALUES ('new-2', -5, 'succeed')")
    session.execute(
        "UPDATE videos SET status = 'succeed', mode = NULL WHERE task_id LIKE 'kling_b%'"
    )
    session.execute("DELETE FROM videos WHERE task_id = 'luma-0001'")

    status, out, _ = say("verify")
    assert (status, "FAIL" in out) == (0, False)
    assert "pass  checksum" in out
    assert "-     old program: 3 rows were written and 1 deleted by the old program since" in out
    status, out, _ = say("check")
    assert (status, "blocker   negative-quota: " in out, "online-swapped" in out) == (
        11,
        True,
        True,
    )
    assert main(["user", "list", "--db", session.url]) == 2  # no relay opens it
    assert "kling-mock db check" in capsys.readouterr().err
    for words in (("downgrade",), ("upgrade",)):
        status, _, err = say(*words)
        assert (status, "run kling-mock db finish" in err) == (11, True)

    status, _, err = say("finish")
    assert (status, "negative-quota: quota is negative" in err) == (11, True)
    assert session.query("SELECT quota FROM videos WHERE task_id = 'new-2'") == [(-5,)]
    assert len(session.query("SHOW TRIGGERS")) == 3
    assert say("finish", "--resolve", "negative-quota=absolute")[0] == 0
    assert session.query("SHOW TRIGGERS") == []
    assert session.query("SELECT DISTINCT legacy FROM videos") == [(1,)]
    assert session.query("SELECT quota FROM videos WHERE task_id = 'new-2'") == [(5,)]
    status, out, _ = say("verify")
    assert (status, "FAIL" in out) == (0, False)
    assert main(["reconcile", "--db", session.url]) == 0
    assert say("check")[0] == 0

    assert say("downgrade")[0] == 0
    assert definition(session, "videos") == before
    assert session.query("SELECT quota FROM videos WHERE task_id = 'new-2'") == [(-5,)]


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("UPDATE videos SET prompt = 'other' WHERE task_id LIKE 'kling_a%'", "checksum"),
        ("DELETE FROM videos WHERE task_id LIKE 'kling_a%'", "checksum"),
    ],
)
def test_damage_is_still_told(session: Session, say: Say, damage: str, finding: str) -> None:
    """What no write of the old program has done fails the comparison with the old table."""
    tables.make(session, "gorm")
    assert say(*ONLINE)[0] == 0
    triggers = session.query("SHOW TRIGGERS")
    for row in triggers:
        session.execute(f"DROP TRIGGER {row[0]}")
    session.execute(damage)
    status, out, _ = say("verify")
    assert (status, f"FAIL  {finding}" in out) == (11, True)


def test_a_negative_quota_written_during_the_copy_is_named_before_a_relay_opens_the_table(
    session: Session, say: Say
) -> None:
    """It was decided at the beginning, so that the end resolves it as well."""
    tables.make(session, "gorm", (*legacy.CLEAN, legacy.blocking_row("negative-quota")))
    assert say(*ONLINE, "--resolve", "negative-quota=absolute")[0] == 0
    session.execute("UPDATE videos SET quota = -9 WHERE task_id = 'luma-0001'")
    status, out, _ = say("finish")
    assert (status, "negative-quota=absolute: 2 rows changed" in out) == (0, True)
    assert session.query("SELECT MIN(quota) >= 0 FROM videos") == [(1,)]


@pytest.mark.parametrize("missing", ["0", "NULL"])
def test_a_downgrade_restores_an_update_time_that_was_filled_in_milliseconds(
    session: Session, say: Say, missing: str
) -> None:
    """It is changed twice: it becomes the creation time, and then seconds."""
    tables.make(session, "go-head", (*legacy.CLEAN, legacy.blocking_row("milliseconds-created-at")))
    session.execute("UPDATE videos SET updated_at = created_at WHERE task_id <> 'blocking-1'")
    session.execute(f"UPDATE videos SET updated_at = {missing} WHERE task_id = 'blocking-1'")
    before = tables.rows(session)
    assert say(*ONLINE, "--resolve", "milliseconds-created-at=to-seconds")[0] == 0
    assert say("finish")[0] == 0
    assert say("downgrade")[0] == 0
    assert tables.rows(session) == before


def test_there_is_nothing_to_finish_where_nothing_was_swapped(session: Session, say: Say) -> None:
    """Neither before an upgrade, nor after a direct one."""
    tables.make(session, "gorm")
    assert "not-swapped" in say("finish")[2]
    assert say("upgrade")[0] == 0
    assert say("finish")[0] == 0
