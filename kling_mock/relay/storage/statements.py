"""Every statement, named and explained once.

They are plain standard SQL: no dialect, no RETURNING, no SKIP LOCKED, no upsert, nothing that
depends on the isolation level.

A change that decides something is a compare-and-set: its WHERE has the condition, and only the
caller that changed one row continues.
"""

from __future__ import annotations

from typing import Final

from kling_mock.relay.storage.steps import insert, names, read, select, write
from kling_mock.relay.storage.values import (
    Channel,
    DueNotice,
    DueTask,
    LateReport,
    LedgerEntry,
    NewChannel,
    Notice,
    Receiver,
    SecretRotation,
    SentTask,
    Token,
    User,
    VideoRow,
)

# ---------------------------------------------------------------- users

#: (username)
USER_BY_NAME: Final = select(User, "FROM users WHERE username = ?")
#: (id)
USER_BY_ID: Final = select(User, "FROM users WHERE id = ?")
#: (id above, limit)
USERS: Final = select(User, "FROM users WHERE id > ? ORDER BY id LIMIT ?")
#: Numbers from here on are ignored: they do not come from a program, because the columns would soon
#: be full.
_IMPOSSIBLE: Final = 2_000_000_000
#: The highest number that a user has, or had, here or in the rows of an old program. A new user is
#: numbered above it: otherwise it would own the rows of another. Each maximum ends an index.
HIGHEST_USER: Final = read(f"""
    SELECT MAX(number) FROM (
        SELECT MAX(id) AS number FROM users
        UNION ALL SELECT MAX(user_id) FROM ledger
        UNION ALL SELECT MAX(user_id) FROM videos WHERE user_id < {_IMPOSSIBLE}) AS numbers""")  # noqa: S608 - a constant
#: The sums begin at 0.
INSERT_USER: Final = insert("users", ("id", "username", "status", "quota", "created_at"))
#: (status, id)
SET_USER_STATUS: Final = write("UPDATE users SET status = ? WHERE id = ? AND status <> 3")
#: (number in legacy rows)
OLD_USER: Final = read("SELECT user_id FROM old_users WHERE number = ?")
#: (user)
OLD_NUMBERS: Final = read("SELECT number FROM old_users WHERE user_id = ? ORDER BY number")
INSERT_OLD_USER: Final = insert("old_users", ("number", "user_id"))
#: (user, number, user as it was)
SET_OLD_USER: Final = write("UPDATE old_users SET user_id = ? WHERE number = ? AND user_id = ?")
#: Move a balance, unless this would take held quota or exceed the largest balance, or the user is
#: deleted.
#: (amount, amount, id, amount, amount, largest balance)
CREDIT_USER: Final = write("""
    UPDATE users SET quota = quota + ?, credited_quota = credited_quota + ?
    WHERE id = ? AND status <> 3 AND quota - held_quota + ? >= 0 AND quota + ? <= ?""")
#: Hold a price, if the user may spend it. (price, id, price)
HOLD_USER: Final = write("""
    UPDATE users SET held_quota = held_quota + ?
    WHERE id = ? AND status = 1 AND quota - held_quota >= ?""")
#: A charged success. (charge, hold, charge, id)
CHARGE_USER: Final = write("""
    UPDATE users SET quota = quota - ?, held_quota = held_quota - ?,
        used_quota = used_quota + ?, request_count = request_count + 1
    WHERE id = ?""")
#: A failure. (hold, id)
RELEASE_USER: Final = write("UPDATE users SET held_quota = held_quota - ? WHERE id = ?")

# ---------------------------------------------------------------- ledger

INSERT_LEDGER: Final = insert("ledger", names(LedgerEntry)[1:])
#: Two entries at once.
INSERT_TWO_ENTRIES: Final = insert("ledger", names(LedgerEntry)[1:], rows=2)
#: (reference, kind)
LEDGER_ENTRY: Final = select(LedgerEntry, "FROM ledger WHERE reference = ? AND kind = ?")
#: (user, id below, limit)
LEDGER_OF_USER: Final = select(
    LedgerEntry, "FROM ledger WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?"
)

# ---------------------------------------------------------------- tokens

#: (hash)
TOKEN_BY_HASH: Final = select(Token, "FROM tokens WHERE token_hash = ?")
#: (id)
TOKEN_BY_ID: Final = select(Token, "FROM tokens WHERE id = ?")
#: (user)
TOKENS_OF_USER: Final = select(Token, "FROM tokens WHERE user_id = ? ORDER BY id")
#: A token and its user in one statement: the user's columns first. (hash)
CALLER: Final = read(f"""
    SELECT {", ".join(f"u.{name}" for name in names(User))},
        {", ".join(f"t.{name}" for name in names(Token))}
    FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.token_hash = ?""")  # noqa: S608 - our column names
#: As `HIGHEST_USER`, but no index has the tokens of `videos`: it reads the whole table.
HIGHEST_TOKEN: Final = read(f"""
    SELECT MAX(number) FROM (
        SELECT MAX(id) AS number FROM tokens
        UNION ALL SELECT MAX(token_id) FROM videos WHERE token_id < {_IMPOSSIBLE}) AS numbers""")  # noqa: S608 - a constant
INSERT_TOKEN: Final = insert(
    "tokens",
    (
        "id",
        "user_id",
        "token_hash",
        "name",
        "status",
        "expires_at",
        "unlimited",
        "remain_quota",
        "created_at",
    ),
)
#: Deleted is permanent. (status, id)
SET_TOKEN_STATUS: Final = write("UPDATE tokens SET status = ? WHERE id = ? AND status <> 3")
#: Limit or free a token; never below what it holds. (unlimited, remain, id, unlimited, remain)
SET_TOKEN_QUOTA: Final = write("""
    UPDATE tokens SET unlimited = ?, remain_quota = ?
    WHERE id = ? AND (? = 1 OR held_quota <= ?)""")
#: Hold a price, if the token may spend it. (price, id, user, now, price)
HOLD_TOKEN: Final = write("""
    UPDATE tokens SET held_quota = held_quota + ?
    WHERE id = ? AND user_id = ? AND status = 1 AND (expires_at IS NULL OR expires_at > ?)
        AND (unlimited = 1 OR remain_quota - held_quota >= ?)""")
#: A charged success; an unlimited token has no remainder to lose. (charge, hold, charge, id)
CHARGE_TOKEN: Final = write("""
    UPDATE tokens SET remain_quota = remain_quota - (1 - unlimited) * ?,
        held_quota = held_quota - ?, used_quota = used_quota + ?
    WHERE id = ?""")
#: A failure. (hold, id)
RELEASE_TOKEN: Final = write("UPDATE tokens SET held_quota = held_quota - ? WHERE id = ?")

# ---------------------------------------------------------------- channels

#: (id)
CHANNEL_BY_ID: Final = select(Channel, "FROM channels WHERE id = ?")
#: One that is not deleted. (name)
CHANNEL_BY_NAME: Final = select(Channel, "FROM channels WHERE name = ? AND deleted_id = 0")
CHANNELS: Final = select(Channel, "FROM channels ORDER BY id")
#: As `HIGHEST_USER`.
HIGHEST_CHANNEL: Final = read(f"""
    SELECT MAX(number) FROM (
        SELECT MAX(id) AS number FROM channels
        UNION ALL
        SELECT MAX(channel_id) FROM videos WHERE channel_id < {_IMPOSSIBLE}) AS numbers""")  # noqa: S608 - a constant
INSERT_CHANNEL: Final = insert("channels", ("id", *names(NewChannel), "created_at"))
#: (all that an operator declares, id)
REPLACE_CHANNEL: Final = write(
    f"UPDATE channels SET {' = ?, '.join(names(NewChannel))} = ?"  # noqa: S608 - our column names
    " WHERE id = ? AND deleted_id = 0"
)
#: Change one setting of a channel, so that changes of others made meanwhile stay. (value, id)
SET_CHANNEL: Final = {
    name: write(f"UPDATE channels SET {name} = ? WHERE id = ? AND deleted_id = 0")  # noqa: S608 - our column names
    for name in names(NewChannel)
}
#: (id)
DELETE_CHANNEL: Final = write("""
    UPDATE channels SET status = 2, deleted_id = id WHERE id = ? AND deleted_id = 0""")
#: The charges of each channel. Channels' rows do not have them: each settlement would lock one.
CHANNEL_TOTALS: Final = read("""
    SELECT channel_id, -SUM(amount) FROM ledger WHERE kind = 'charge' GROUP BY channel_id""")

# ---------------------------------------------------------------- tasks: reading

#: (task_id)
VIDEO: Final = select(VideoRow, "FROM videos WHERE task_id = ?")
#: (user, external_task_id)
VIDEO_BY_EXTERNAL_ID: Final = select(
    VideoRow, "FROM videos WHERE user_id = ? AND external_task_id = ?"
)
#: A row of an old program belongs to the user bound to its number. (task_id, user, user)
OWN_VIDEO: Final = select(
    VideoRow,
    """FROM videos WHERE task_id = ?
        AND (legacy = 0 AND user_id = ? OR legacy <> 0 AND EXISTS (
            SELECT 1 FROM old_users o WHERE o.number = videos.user_id AND o.user_id = ?))""",
)
#: (kling_task_id)
VIDEOS_BY_KLING_ID: Final = select(VideoRow, "FROM videos WHERE kling_task_id = ? ORDER BY id")
#: The columns of a page without long texts: a hundred rows would have megabytes of texts that the
#: page does not show.
_WITHOUT_TEXTS: Final = ", ".join(
    "''" if name in {"prompt", "json_data"} else name for name in names(VideoRow)
)
#: Without prompt and report. (user, legacy from, to, id below, limit)
VIDEOS_OF_USER: Final = read(f"""
    SELECT {_WITHOUT_TEXTS}
    FROM videos WHERE user_id = ? AND legacy BETWEEN ? AND ? AND id < ?
    ORDER BY id DESC LIMIT ?""")  # noqa: S608 - our column names
#: COALESCE keeps planners off the index of status, in which a user's page would walk through all
#: users' rows: SQLite without statistics takes it.
#: (user, legacy from, to, status, id below, limit)
VIDEOS_OF_USER_BY_STATUS: Final = read(f"""
    SELECT {_WITHOUT_TEXTS}
    FROM videos WHERE user_id = ? AND legacy BETWEEN ? AND ? AND COALESCE(status, '') = ?
        AND id < ?
    ORDER BY id DESC LIMIT ?""")  # noqa: S608 - our column names
#: The limit is of ids, since a database would read the rows of those before the offset, too.
#: (user, type, legacy, limit, offset)
IDS_OF_TYPE: Final = read("""
    SELECT id FROM videos WHERE user_id = ? AND type = ? AND legacy = ?
    ORDER BY id DESC LIMIT ? OFFSET ?""")
#: Without prompt and report. (id)
LISTED_VIDEO: Final = read(
    f"SELECT {_WITHOUT_TEXTS} FROM videos WHERE id = ?"  # noqa: S608 - our column names
)
#: (id)
REPORT_OF_VIDEO: Final = read("SELECT json_data FROM videos WHERE id = ?")
#: Open rows without the legacy ones are those that have a next poll.
#: (created until, id above, limit)
STUCK: Final = select(
    VideoRow,
    """FROM videos WHERE next_poll_at IS NOT NULL AND created_at <= ? AND id > ?
    ORDER BY id LIMIT ?""",
)

# ---------------------------------------------------------------- tasks: before the end

INSERT_VIDEO: Final = insert("videos", names(VideoRow)[1:])
#: Record the channel of an attempt. (channel, key, attempt until, service, task_id)
BIND_ATTEMPT: Final = write("""
    UPDATE videos SET channel_id = ?, channel_key_id = ?, attempt_until = ?, service = ?,
        not_found_at = NULL
    WHERE task_id = ? AND kling_task_id IS NULL AND legacy = 0
        AND status NOT IN ('succeed', 'failed')""")
#: (at, task_id, at)
CLOSE_ATTEMPT: Final = write("""
    UPDATE videos SET attempt_until = ?
    WHERE task_id = ? AND attempt_until > ? AND status NOT IN ('succeed', 'failed')""")
#: Without a service, the id would be unique within its channel only.
#: (kling_task_id, next poll, task_id)
ACCEPT: Final = write("""
    UPDATE videos SET kling_task_id = ?, next_poll_at = ?
    WHERE task_id = ? AND kling_task_id IS NULL AND legacy = 0 AND service IS NOT NULL
        AND status NOT IN ('succeed', 'failed')""")
#: (service, task_id, channel)
RECORD_SERVICE: Final = write("""
    UPDATE videos SET service = ? WHERE task_id = ? AND channel_id = ? AND service IS NULL""")
#: The id of a row that is not polled: it has ended, or is legacy. (kling_task_id, task_id, status)
ACCEPT_QUIETLY: Final = write("""
    UPDATE videos SET kling_task_id = ?
    WHERE task_id = ? AND kling_task_id IS NULL AND status = ?""")
#: (status, now, task_id, status)
MARK_OPEN: Final = write("""
    UPDATE videos SET status = ?, updated_at = ?
    WHERE task_id = ? AND status NOT IN ('succeed', 'failed') AND status <> ?""")
#: A page of due rows, after a row.
#: (now, now, longest lease, next poll from, above, id above, limit)
DUE_TASKS: Final = select(
    DueTask,
    """FROM videos WHERE next_poll_at <= ? AND (lease_until <= ? OR lease_until > ?)
        AND next_poll_at >= ? AND (next_poll_at > ? OR id > ?)
    ORDER BY next_poll_at, id LIMIT ?""",
)
#: Open rows that no process would poll in time. (longest pause, limit)
FAR_POLLS: Final = read("""
    SELECT task_id FROM videos WHERE next_poll_at > ? ORDER BY next_poll_at LIMIT ?""")
#: Put off a row that is not leased. (at, task_id, due later than, now, longest lease)
PUT_OFF: Final = write("""
    UPDATE videos SET next_poll_at = ?
    WHERE task_id = ? AND next_poll_at < ? AND (lease_until <= ? OR lease_until > ?)""")
#: When a row will next be due.
NEXT_POLL: Final = read("""
    SELECT MIN(CASE WHEN lease_until > next_poll_at THEN lease_until ELSE next_poll_at END)
    FROM videos WHERE next_poll_at >= 0""")
#: Open tasks by token, over the index of next polls, which has a number for open rows alone.
OPEN_BY_TOKEN: Final = read("""
    SELECT token_id, COUNT(*) FROM videos WHERE next_poll_at >= 0 GROUP BY token_id""")
#: (channel)
OPEN_OF_CHANNEL: Final = read("""
    SELECT COUNT(*) FROM videos WHERE next_poll_at >= 0 AND channel_id = ?""")
#: (lease until, task_id, now, now, longest lease)
CLAIM_DUE: Final = write("""
    UPDATE videos SET lease_until = ?
    WHERE task_id = ? AND next_poll_at <= ? AND (lease_until <= ? OR lease_until > ?)""")
#: (lease until, task_id, now, longest lease)
CLAIM_READ: Final = write("""
    UPDATE videos SET lease_until = ?
    WHERE task_id = ? AND (lease_until <= ? OR lease_until > ?)
        AND status NOT IN ('succeed', 'failed')""")
#: (at, task_id)
SCHEDULE: Final = write("""
    UPDATE videos SET next_poll_at = ? WHERE task_id = ? AND next_poll_at IS NOT NULL""")
#: Poll again at a given time at the latest. A poll that is under way may be too old to count, even
#: if the row was due. (at, task_id, at, now)
SCHEDULE_SOONER: Final = write("""
    UPDATE videos SET next_poll_at = ?
    WHERE task_id = ? AND next_poll_at IS NOT NULL AND (next_poll_at > ? OR lease_until > ?)""")
#: The end of a poll: the next one, unless another was scheduled since the row was claimed.
#: (at, lease until, task_id, next poll as claimed)
END_POLL: Final = write("""
    UPDATE videos SET next_poll_at = ?, lease_until = ? WHERE task_id = ? AND next_poll_at = ?""")
#: (lease until, task_id)
END_LEASE: Final = write("""
    UPDATE videos SET lease_until = ? WHERE task_id = ? AND next_poll_at IS NOT NULL""")

# ---------------------------------------------------------------- tasks: the end

#: The compare-and-set that every charge depends on. Channel and Kling's id are compared too,
#: because the charge is counted on the one and a report may bring the other.
#: (status, now, Kling's id, video_id, store_url, duration, fail_reason, json_data, charged,
#: task_id, channel, Kling's id)
END: Final = write("""
    UPDATE videos SET status = ?, updated_at = ?, kling_task_id = COALESCE(kling_task_id, ?),
        video_id = ?, store_url = ?, duration = ?, fail_reason = ?, json_data = ?, quota = ?,
        held_quota = 0, next_poll_at = NULL
    WHERE task_id = ? AND status NOT IN ('succeed', 'failed') AND channel_id = ?
        AND (kling_task_id IS NULL OR kling_task_id = ?)""")
#: A refused task frees its external id. (task_id)
FREE_EXTERNAL_ID: Final = write("UPDATE videos SET external_task_id = NULL WHERE task_id = ?")
#: The end of a task that Kling does not know, if nothing has happened since the row was read. It
#: was never received, so its external id is free for another attempt.
#: (now, reason, task_id, first absence, attempt until)
END_ABSENT: Final = write("""
    UPDATE videos SET status = 'failed', updated_at = ?, fail_reason = ?, json_data = '',
        external_task_id = NULL, quota = 0, held_quota = 0, next_poll_at = NULL
    WHERE task_id = ? AND status NOT IN ('succeed', 'failed') AND kling_task_id IS NULL
        AND not_found_at = ? AND attempt_until = ?""")
#: (queried at, task_id, latest absence that counts, attempt until)
NOTE_ABSENCE: Final = write("""
    UPDATE videos SET not_found_at = ?
    WHERE task_id = ? AND status NOT IN ('succeed', 'failed') AND kling_task_id IS NULL
        AND (not_found_at IS NULL OR not_found_at > ?) AND attempt_until = ?""")

# ---------------------------------------------------------------- outgoing callbacks

INSERT_NOTICE: Final = insert("outbox", names(Notice)[1:])
#: (event_id)
NOTICE: Final = select(Notice, "FROM outbox WHERE event_id = ?")
#: A page of due notices, after a notice.
#: (now, now, longest lease, due from, above, id above, limit)
DUE_NOTICES: Final = select(
    DueNotice,
    """FROM outbox WHERE state = 'pending' AND next_at <= ?
        AND (lease_until <= ? OR lease_until > ?) AND next_at >= ? AND (next_at > ? OR id > ?)
    ORDER BY next_at, id LIMIT ?""",
)
#: Pending notices that no process would send in time. (longest wait)
FAR_NOTICES: Final = read("""
    SELECT MIN(next_at) FROM outbox WHERE state = 'pending' AND next_at > ?""")
#: (now, longest wait)
HASTEN_NOTICES: Final = write("""
    UPDATE outbox SET next_at = ? WHERE state = 'pending' AND next_at > ?""")
#: When a notice will next be due.
NEXT_NOTICE: Final = read("""
    SELECT MIN(CASE WHEN lease_until > next_at THEN lease_until ELSE next_at END)
    FROM outbox WHERE state = 'pending'""")
#: Put off a notice that is not leased. (at, event_id, due later than, now, longest lease)
PUT_OFF_NOTICE: Final = write("""
    UPDATE outbox SET next_at = ?
    WHERE event_id = ? AND state = 'pending' AND next_at < ?
        AND (lease_until <= ? OR lease_until > ?)""")
#: The notice's receiver is switched off. (now, event_id)
STOP_NOTICE: Final = write("""
    UPDATE outbox SET state = 'stopped', lease_until = 0, updated_at = ?
    WHERE event_id = ? AND state = 'pending'""")
#: (lease until, event_id, now, now, longest lease)
CLAIM_NOTICE: Final = write("""
    UPDATE outbox SET lease_until = ?
    WHERE event_id = ? AND state = 'pending' AND next_at <= ?
        AND (lease_until <= ? OR lease_until > ?)""")
#: The number of attempts is compared, so that each is recorded once.
#: (state, attempts + 1, next, HTTP status, error, now, event_id, attempts)
RECORD_DELIVERY: Final = write("""
    UPDATE outbox SET state = ?, attempts = ?, next_at = ?, lease_until = 0, http_status = ?,
        error = ?, updated_at = ?
    WHERE event_id = ? AND state = 'pending' AND attempts = ?""")
#: (next, event_id)
REPLAY_NOTICE: Final = write("""
    UPDATE outbox SET state = 'pending', attempts = 0, next_at = ?, lease_until = 0
    WHERE event_id = ?""")
#: Ranges stand for "any" and for "this one". (state from, to, user from, to, id below, limit)
NOTICES: Final = select(
    Notice,
    """FROM outbox WHERE state BETWEEN ? AND ? AND user_id BETWEEN ? AND ? AND id < ?
    ORDER BY id DESC LIMIT ?""",
)

# ---------------------------------------------------------------- receivers of callbacks

#: (user, host)
RECEIVER: Final = select(Receiver, "FROM receivers WHERE user_id = ? AND host = ?")
#: (id)
RECEIVER_BY_ID: Final = select(Receiver, "FROM receivers WHERE id = ?")
#: (id above, limit)
RECEIVERS: Final = select(Receiver, "FROM receivers WHERE id > ? ORDER BY id LIMIT ?")
#: The number of failing receivers, and of those that are off.
RECEIVER_COUNTS: Final = read("""
    SELECT COALESCE(SUM(CASE WHEN off_at = 0 THEN 1 ELSE 0 END), 0),
        COALESCE(SUM(CASE WHEN off_at > 0 THEN 1 ELSE 0 END), 0) FROM receivers""")
INSERT_RECEIVER: Final = insert("receivers", names(Receiver)[1:])
#: The number of failures is compared, so that each is counted once.
#: (failures + 1, now, off at, id, failures)
COUNT_FAILURE: Final = write("""
    UPDATE receivers SET failures = ?, last_at = ?, off_at = ?
    WHERE id = ? AND failures = ? AND off_at = 0""")
#: (user, host)
FORGET_RECEIVER: Final = write(
    "DELETE FROM receivers WHERE user_id = ? AND host = ? AND off_at = 0"
)
#: (failing since, off at, id)
SWITCH_RECEIVER: Final = write("""
    UPDATE receivers SET failures = 0, failing_since = ?, off_at = ? WHERE id = ?""")
#: (user)
WEBHOOK_SECRET: Final = select(SecretRotation, "FROM webhook_secrets WHERE user_id = ?")
#: (name)
SECRET: Final = read("SELECT value FROM secrets WHERE name = ?")
INSERT_SECRET: Final = insert("secrets", ("name", "value"))
INSERT_WEBHOOK_SECRET: Final = insert("webhook_secrets", names(SecretRotation))
#: (generation, overlap until, user, generation before)
ROTATE_WEBHOOK_SECRET: Final = write("""
    UPDATE webhook_secrets SET generation = ?, overlap_until = ?
    WHERE user_id = ? AND generation = ?""")

# ---------------------------------------------------------------- reports

INSERT_REPORT: Final = insert("reports", names(LateReport)[1:])
#: (now, task_id, status)
COUNT_REPORT: Final = write("""
    UPDATE reports SET seen = seen + 1, last_at = ? WHERE task_id = ? AND status = ?""")
#: (task_id, status)
REPORT: Final = select(LateReport, "FROM reports WHERE task_id = ? AND status = ?")
#: (id below, limit)
REPORTS: Final = select(LateReport, "FROM reports WHERE id < ? ORDER BY id DESC LIMIT ?")

# ---------------------------------------------------------------- operations

#: A beat of a process. (now, padding, name)
BEAT: Final = write(
    "UPDATE processes SET beats = beats + 1, beat_at = ?, padding = ? WHERE name = ?"
)
INSERT_PROCESS: Final = insert("processes", ("name", "beats", "beat_at", "padding"))
#: Processes that have ended, or have another clock. (last beat before, or after)
DELETE_PROCESSES: Final = write("DELETE FROM processes WHERE beat_at < ? OR beat_at > ?")
#: (own name)
OTHER_PROCESSES: Final = read("SELECT name, beats, beat_at FROM processes WHERE name <> ?")
#: (name)
DELETE_PROCESS: Final = write("DELETE FROM processes WHERE name = ?")
#: Statements that wait if a table is locked against changes, but do not lock a row themselves.
CHANGE_NOTHING: Final = tuple(
    write(f"UPDATE {table} SET {column} = {column} WHERE 1 = 0")  # noqa: S608 - names of our own
    for table, column in (
        ("users", "status"),
        ("tokens", "status"),
        ("videos", "status"),
        ("ledger", "note"),
        ("outbox", "state"),
    )
)
#: The version of the tables.
SCHEMA_VERSION: Final = read("SELECT MAX(version) FROM schema_version")
#: (version)
INSERT_SCHEMA_VERSION: Final = insert("schema_version", ("version",))

# Each of the following takes (user from, to).

USERS_BETWEEN: Final = select(User, "FROM users WHERE id BETWEEN ? AND ? ORDER BY id")
LEDGER_SUMS: Final = read("""
    SELECT user_id, kind, SUM(amount), SUM(uncollected) FROM ledger
    WHERE user_id BETWEEN ? AND ? GROUP BY user_id, kind""")
OPEN_HOLDS: Final = read("""
    SELECT user_id, SUM(held_quota) FROM videos
    WHERE status NOT IN ('succeed', 'failed') AND legacy = 0 AND user_id BETWEEN ? AND ?
    GROUP BY user_id""")
#: Charged tasks with the report that has ended them, in pages; COALESCE keeps planners off the
#: index of status, from which each page would be sorted. (user from, to, id above, limit)
CHARGED_REPORTS: Final = read("""
    SELECT v.id, v.user_id, v.task_id, v.type, v.json_data, c.uncollected - c.amount
    FROM videos v JOIN ledger c ON c.reference = v.task_id AND c.kind = 'charge'
    WHERE COALESCE(v.status, '') = 'succeed' AND v.legacy = 0
        AND v.user_id BETWEEN ? AND ? AND v.id > ? ORDER BY v.id LIMIT ?""")
LATE_SUCCESSES: Final = read("""
    SELECT user_id, COUNT(*) FROM reports
    WHERE status = 'succeed' AND user_id BETWEEN ? AND ? GROUP BY user_id""")
# The repairs of `transactions.repair`.

LAST_ENTRY: Final = read("SELECT MAX(id) FROM ledger")
#: One repair at a time: the row stays as it is, and locked.
LOCK_REPAIRS: Final = write("UPDATE schema_version SET version = version")
#: Open tasks with a hold but without its entry, created by a process that writes no such entries.
WITHOUT_HOLD: Final = read("""
    SELECT v.task_id, v.user_id, v.token_id, v.held_quota FROM videos v
    LEFT JOIN ledger h ON h.reference = v.task_id AND h.kind = 'hold'
    WHERE v.next_poll_at IS NOT NULL AND v.held_quota > 0 AND h.id IS NULL ORDER BY v.id""")
#: Holds of tasks whose rows were deleted while they were open.
WITHOUT_TASK: Final = read("""
    SELECT h.reference, h.user_id, h.token_id, h.amount FROM ledger h
    LEFT JOIN videos v ON v.task_id = h.reference
    LEFT JOIN ledger e ON e.reference = h.reference AND e.kind IN ('release', 'charge')
    WHERE h.kind = 'hold' AND v.id IS NULL AND e.id IS NULL ORDER BY h.id""")
#: Ended tasks that have a hold but not its release. (hold's id from, to)
WITHOUT_RELEASE: Final = read("""
    SELECT v.task_id, v.user_id, v.token_id, v.channel_id, h.amount, COALESCE(c.uncollected, 0)
    FROM ledger h JOIN videos v ON v.task_id = h.reference AND v.user_id = h.user_id
    LEFT JOIN ledger r ON r.reference = h.reference AND r.kind = 'release'
    LEFT JOIN ledger c ON c.reference = h.reference AND c.kind = 'charge'
    WHERE h.kind = 'hold' AND r.id IS NULL AND v.status IN ('succeed', 'failed')
        AND h.id BETWEEN ? AND ? ORDER BY v.id""")
#: Charges of a process that names neither token nor channel in entries get those of the task.
#: (id from, to)
NAME_CHARGES: Final = write("""
    UPDATE ledger SET
        token_id = (SELECT v.token_id FROM videos v WHERE v.task_id = ledger.reference),
        channel_id = (SELECT v.channel_id FROM videos v WHERE v.task_id = ledger.reference)
    WHERE id BETWEEN ? AND ? AND kind = 'charge' AND token_id = 0 AND channel_id = 0 AND EXISTS (
        SELECT 1 FROM videos v WHERE v.task_id = ledger.reference
            AND (v.token_id <> 0 OR v.channel_id <> 0))""")
LAST_TASK: Final = read("SELECT MAX(id) FROM videos")
_UNLABELLED: Final = "v.id BETWEEN ? AND ? AND v.service IS NULL AND v.kling_task_id IS NOT NULL"
#: Channels of the tasks that have an upstream id and no service. (id from, to)
UNLABELLED_CHANNELS: Final = read(
    f"SELECT DISTINCT v.channel_id FROM videos v WHERE {_UNLABELLED}"  # noqa: S608 - a constant
)
#: Tasks with an upstream id and no service that share it, each paired with another one.
#: (id from, to)
SHARED_IDS: Final = read(f"""
    SELECT {", ".join(f"v.{name}" for name in names(SentTask))},
        {", ".join(f"o.{name}" for name in names(SentTask))}
    FROM videos v JOIN videos o ON o.kling_task_id = v.kling_task_id AND o.id <> v.id
    WHERE {_UNLABELLED} ORDER BY v.id, o.id""")  # noqa: S608 - our column names
#: (service, id from, to, channel)
LABEL_TASKS: Final = write("""
    UPDATE videos SET service = ? WHERE id BETWEEN ? AND ? AND channel_id = ?
        AND service IS NULL AND kling_task_id IS NOT NULL""")
#: Take a label back, if the task has not ended meanwhile. (id, status)
CLEAR_SERVICE: Final = write("""
    UPDATE videos SET service = NULL WHERE id = ? AND status = ? AND service IS NOT NULL""")
#: Change a column that is a sum of entries, by table and column. (amount, id)
ADD_TO: Final = {
    (table, column): write(f"UPDATE {table} SET {column} = {column} + ? WHERE id = ?")  # noqa: S608 - our own names
    for table, column in (
        ("users", "credited_quota"),
        ("users", "held_quota"),
        ("users", "used_quota"),
        ("users", "request_count"),
        ("tokens", "held_quota"),
        ("tokens", "used_quota"),
    )
}

#: Days are UTC. (since)
STATS: Final = read("""
    SELECT created_at - created_at % 86400 AS day, COUNT(*),
        SUM(CASE WHEN status = 'succeed' THEN 1 ELSE 0 END),
        SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END),
        SUM(CASE WHEN status = 'succeed' THEN quota ELSE 0 END)
    FROM videos WHERE created_at >= ? GROUP BY created_at - created_at % 86400
    ORDER BY day DESC""")
_OPEN_STATE: Final = """CASE WHEN kling_task_id IS NULL THEN 'unknown'
        WHEN status = 'processing' THEN 'processing' ELSE 'submitted' END"""
#: Open rows by state, over the index of next polls, which has a number for open rows alone. With
#: IS NOT NULL, or grouped by a column, SQLite would read the whole table. (now, created until)
BACKLOG: Final = read(f"""
    SELECT {_OPEN_STATE}, COUNT(*), SUM(CASE WHEN next_poll_at <= ? THEN 1 ELSE 0 END),
        SUM(CASE WHEN created_at <= ? THEN 1 ELSE 0 END), MIN(next_poll_at)
    FROM videos WHERE next_poll_at >= 0 GROUP BY {_OPEN_STATE}""")  # noqa: S608 - a constant
#: (now)
SUMMARY: Final = read("""
    SELECT (SELECT COUNT(*) FROM videos WHERE next_poll_at IS NOT NULL),
        (SELECT COUNT(*) FROM videos WHERE next_poll_at <= ?),
        (SELECT COUNT(*) FROM outbox WHERE state = 'pending'),
        (SELECT COUNT(*) FROM outbox WHERE state IN ('dead', 'gone')),
        (SELECT COUNT(*) FROM reports)""")

#: The statements that a transaction may begin to use while it has locked rows that users' tasks
#: need. The PostgreSQL adapter prepares them before that.
AFTER_LOCKS: Final = (
    ACCEPT_QUIETLY,
    CHARGE_TOKEN,
    CHARGE_USER,
    COUNT_REPORT,
    CREDIT_USER,
    END,
    FREE_EXTERNAL_ID,
    HOLD_TOKEN,
    INSERT_LEDGER,
    INSERT_NOTICE,
    INSERT_REPORT,
    INSERT_TWO_ENTRIES,
    INSERT_VIDEO,
    LEDGER_ENTRY,
    NOTICE,
    OLD_USER,
    RELEASE_TOKEN,
    RELEASE_USER,
    TOKEN_BY_ID,
    USER_BY_ID,
    VIDEO,
)

# ---------------------------------------------------------------- parameters

#: The highest number that a BIGINT holds.
HIGHEST: Final = 2**63 - 1


def ceiling(before: int | None) -> int:
    """Return the upper bound of ids: *before*, or a number above any id."""
    return HIGHEST if before is None else max(-1, min(before, HIGHEST))


def between(only: int | None) -> tuple[int, int]:
    """Return the range of ids, lowest and highest: *only* that one, or all ids if it is None."""
    return (0, HIGHEST) if only is None else (only, only)
