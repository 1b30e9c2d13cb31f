"""The deployment guide from its first line to its last, on MariaDB and MySQL, in its own words."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.guide import BILLED, CALLBACK, CREATE, EXCEPTIONS, QUERY, STEPS, Step
from tests.clusters.fixtures import FULL, galera, mysql9, postgres_cluster
from tests.clusters.mysql9 import mysql_programs
from tests.clusters.servers import free_ports
from tests.mock.relay.migration import legacy
from tests.mock.relay.storage.databases import MYSQL, need

__all__ = ["galera", "mysql9", "postgres_cluster"]

TOOLS: Final = ("bash", "curl", "grep", "mysql", "mysqldump", "ps")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(shutil.which, TOOLS)), reason="apt-get install mariadb-client curl procps"
    ),
]

ROOT: Final = Path(__file__).parents[2]
USERS: Final = 20  # users of the old table, which has a hundred rows of each
OLD_ROWS: Final = 2000
KEYS: Final = {
    "task_id": "kling_abc123...",
    "kling_task_id": "kl_xyz789...",
}


class Operator:
    """Somebody who follows the guide, in a folder and on a database server of their own.

    The guide's `one-api` is this package's program, its database one of the test's, and what it
    writes for an address, a port, a token or an id is what they are here.
    """

    def __init__(self, folder: Path, kind: str, port: int, programs: Path | None) -> None:
        self.folder = folder
        self.kind = kind
        self.database = f"kling_test_{os.urandom(6).hex()}"
        self.port = free_ports(1)[0]
        self.outputs: dict[str, Any] = {}  # what each step brought, by its words
        self.answers: list[str] = []  # answers to the guide's calls
        self.replacements = {"one-api;": f"{self.database};", "3000": f"{self.port}"}
        self._write("kling-mock", f'exec "{sys.executable}" -m kling_mock "$@"')
        login = f"--host=127.0.0.1 --port={port} --protocol=tcp"
        for name in ("mysql", "mysqldump"):
            program = f"{programs}/usr/bin/{name}" if programs else str(shutil.which(name))
            libraries = f"LD_LIBRARY_PATH={programs}/usr/lib/x86_64-linux-gnu " if programs else ""
            # -p asks a person; the database has another name.
            self._write(
                name,
                'for word; do shift; case "$word" in -p) ;; '
                f'one-api) set -- "$@" {self.database} ;; *) set -- "$@" "$word" ;; esac; done\n'
                f'{libraries}exec {program} --no-defaults {login} "$@"',
            )
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("KLING_")
        } | {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT),
            "KLING_MOCK_DB": f"mysql://root@127.0.0.1:{port}/{self.database}",
            "no_proxy": "*",
        }

    def _write(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def shell(self, command: str) -> str:
        """Run a command; return what it prints."""
        for placeholder, replacement in self.replacements.items():
            command = command.replace(placeholder, replacement)
        command = command.replace("curl ", "curl -sS ", 1)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        # Where no process has the name, `ps aux | grep` finds itself, or was listed too early.
        listed_too_early = "| grep " in command and (done.returncode, done.stderr) == (1, "")
        assert done.returncode == 0 or listed_too_early, (command, done.stdout, done.stderr)
        return done.stdout

    def client(self, statement: str) -> subprocess.CompletedProcess[str]:
        """Run a statement in the database's client."""
        for placeholder, replacement in self.replacements.items():
            statement = statement.replace(placeholder, replacement)
        words = ["mysql", "-u", "root", "--default-character-set=utf8mb4", "--batch", "one-api"]
        return subprocess.run(
            [self.folder / words[0], *words[1:]],
            input=statement,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def sql(self, statement: str) -> list[dict[str, str]]:
        """Run a statement; return its rows."""
        done = self.client(statement)
        assert done.returncode == 0, (statement, done.stderr)
        names, *rows = [line.split("\t") for line in done.stdout.splitlines()] or [[]]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def take(self, step: Step) -> None:
        """Take a step of the guide, or what stands for it."""
        if step.kind == "result":
            if f"= {step.text}" not in EXCEPTIONS:
                CHECKS[step.text](self)
            return
        difference = next(
            (
                EXCEPTIONS[key]
                for key in (
                    (self.kind, step.text),
                    (step.section, step.text),
                    step.text,
                )
                if key in EXCEPTIONS
            ),
            None,
        )
        if difference is not None and difference.error:
            refusal = self.client(step.text)
            assert refusal.returncode, step
            assert f"ERROR {difference.error} " in refusal.stderr, step
        words = step.text if difference is None else difference.instead
        if not words:
            return
        is_sql = step.kind == "sql" and not words.startswith("$ ")
        result = self.sql(words) if is_sql else self.shell(words.removeprefix("$ "))
        self.outputs[step.text] = result
        if step.text in {CREATE, QUERY, CALLBACK}:
            self.answers.append(str(result))
        if step.text == CREATE:
            self._create(json.loads(str(result)))
        if "./one-api" in step.text and step.section == "3.4":
            self._start()

    def _start(self) -> None:
        log = (self.folder / "logs/oneapi.out").read_text("utf-8")
        ready = json.loads(next(line for line in log.splitlines() if "relay_token" in line))
        self.replacements["YOUR_API_TOKEN"] = ready["relay_token"]

    def _create(self, created: Mapping[str, str]) -> None:
        self.replacements |= {KEYS[name]: created[name] for name in KEYS}
        self.replacements["{task_id}"] = created["task_id"]

    def end(self) -> None:
        """Remove everything."""
        pid = self.folder / "one-api.pid"
        if pid.exists():
            with suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGKILL)


def old_table(operator: Operator) -> None:
    """Make what the old relay has left: its table, with the last week's rows of some users."""
    operator.replacements["one-api"] = "mysql"  # a database that is always there
    operator.shell(f'mysql -u root -e "CREATE DATABASE {operator.database}"')
    operator.replacements.pop("one-api")
    for statement in legacy.MARIADB["gorm"][0]:
        operator.sql(statement)
    now = int(time.time())
    rows = ", ".join(
        f"('old', {now - 300 * number}, 'kling_{number:032x}', 'text2video', 'kling', 1, "
        f"{number % USERS + 1}, 'kling-v1-6', 'succeed', '{number}', 350000, 1)"
        for number in range(OLD_ROWS)
    )
    operator.sql(
        "INSERT INTO videos (prompt, created_at, task_id, type, provider, channel_id, user_id, "
        f"model, status, video_id, quota, n) VALUES {rows}"
    )


@pytest.fixture
def operator(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Operator]:
    if request.param == "mysql":
        port, programs = request.getfixturevalue("mysql9").ports[0], mysql_programs()
        operator = Operator(tmp_path, "mysql", port, programs)
    else:
        need("mysql")
        operator = Operator(tmp_path, "mariadb", MYSQL[1], None)
    old_table(operator)
    try:
        yield operator
    finally:
        operator.end()
        operator.sql(f"DROP DATABASE {operator.database}")


@pytest.mark.parametrize("operator", ["mariadb", *(["mysql"] if FULL else [])], indirect=True)
def test_the_guide_from_its_first_line_to_its_last(operator: Operator) -> None:
    """Each command and each statement runs, and the output matches what the guide states."""
    for step in STEPS:
        operator.take(step)


def test_every_exception_is_one_of_the_guide() -> None:
    """Each result that the guide states is checked, or excepted with a reason."""
    texts = {text for step in STEPS for text in (step.text, f"= {step.text}")}
    sections = {step.section for step in STEPS}
    for key, difference in EXCEPTIONS.items():
        where, text = key if isinstance(key, tuple) else ("", key)
        assert where in sections | {"", "mysql"}
        assert text in texts or text in "".join(step.text for step in STEPS), key
        assert difference.reason
    results = [step.text for step in STEPS if step.kind == "result"]
    assert [text for text in results if text not in CHECKS and f"= {text}" not in EXCEPTIONS] == []
    assert set(CHECKS) <= set(results)


# ---------------------------------------------------------------- what the guide states


def columns(operator: Operator) -> str:
    (table,) = operator.sql("SHOW CREATE TABLE videos;")
    return table["Create Table"].replace("\\n", "\n")


def has_numbered_key(operator: Operator) -> None:
    number = r"`id` bigint(\(20\))? unsigned NOT NULL AUTO_INCREMENT"
    assert re.search(number, columns(operator))
    assert "PRIMARY KEY (`id`)" in columns(operator)


def has_unique_index(operator: Operator) -> None:
    rows = operator.sql("SHOW INDEX FROM videos;")
    (index,) = (row for row in rows if row["Key_name"] == "idx_task_id")
    assert (index["Non_unique"], index["Column_name"]) == ("0", "task_id")


def has_other_indexes(operator: Operator) -> None:
    rows = operator.sql("SHOW INDEX FROM videos;")
    named = set(re.findall(r"`(idx_\w+)` \(", legacy.GUIDE[3]))
    assert len(named) == 7
    assert named <= {row["Key_name"] for row in rows}


def has_all_rows(operator: Operator) -> None:
    (count,) = operator.outputs["SELECT COUNT(*) FROM videos;"][0].values()
    (ids,) = operator.outputs["SELECT COUNT(DISTINCT task_id) FROM videos;"][0].values()
    (highest,) = operator.outputs["SELECT MAX(id) FROM videos;"][0].values()
    assert (int(count), int(ids)) == (OLD_ROWS, OLD_ROWS)
    assert int(highest) >= OLD_ROWS


def channel(operator: Operator) -> dict[str, Any]:
    """Return the channel as `kling-mock channel list` shows it, and its row's type and keys."""
    (line,) = operator.shell("./kling-mock channel list").splitlines()
    (row,) = operator.sql("SELECT type, api_keys FROM channels")
    listed: dict[str, Any] = json.loads(line)
    return listed | row


def replied(stated: str, last: int = -1) -> Callable[[Operator], None]:
    """Return a check of an answer: each of the stated members, with its value."""

    def check(operator: Operator) -> None:
        reply = json.loads(operator.answers[last])
        for name, value in json.loads(stated).items():
            if value == "kling_abc123...":
                assert re.fullmatch(r"kling_[0-9a-f]{32}", reply[name])
            elif ("4.2", f'"{value}"') in EXCEPTIONS:
                assert reply[name] == "submitted" or reply[name].isdecimal()
            else:
                assert reply[name] == value, name

    return check


def is_settled(operator: Operator) -> None:
    """Check that the callback's response is the guide's, and that the row has its data by then."""
    assert json.loads(operator.answers[-1]) == {"message": "success"}
    (row,) = operator.sql(
        f"SELECT status, store_url, duration, quota FROM videos "
        f"WHERE task_id = '{operator.replacements[KEYS['task_id']]}'"
    )
    assert (row["status"], row["duration"], row["quota"]) == ("succeed", "5", "140000")
    assert row["store_url"] == "https://cdn.klingai.com/video_123.mp4"


def plans(*statements: str, key: str, types: set[str]) -> Callable[[Operator], None]:
    """Return a check of plans that were asked for in section 4.4."""

    def check(operator: Operator) -> None:
        operator.sql("ANALYZE TABLE videos")
        for statement in statements:
            plan = explained(operator, statement)
            assert plan["key"] == key, plan
            assert plan["type"] in types, plan

    return check


def explained(operator: Operator, statement: str) -> dict[str, str]:
    if operator.kind == "mysql":  # its default is a tree since version 9
        statement = statement.replace("EXPLAIN ", "EXPLAIN FORMAT=TRADITIONAL ")
    return operator.sql(statement)[0]


def has_no_twins(operator: Operator) -> None:
    assert [rows for text, rows in operator.outputs.items() if "HAVING" in text] == [[], []]


def is_processed_once(operator: Operator) -> None:
    before = operator.sql("SELECT * FROM users")
    assert json.loads(operator.shell(CALLBACK)) == {"message": "already processed"}
    assert operator.sql("SELECT * FROM users") == before


def is_queried(operator: Operator) -> None:
    call = 'curl http://localhost:3000/kling/v1/videos/{task_id} -H "Authorization: Bearer {}"'
    token = operator.replacements["YOUR_API_TOKEN"]
    reply = json.loads(operator.shell(call.replace("{}", token)))
    assert reply["status"] == "succeed"


def agrees(operator: Operator) -> None:
    """Check that the user has paid the price of the successes, by the query beside the guide's."""
    (billed,) = operator.outputs[BILLED]
    balances = {
        row["id"]: row for row in operator.sql("SELECT id, username, quota, used_quota FROM users")
    }
    balance = balances[billed["user_id"]]
    assert (billed["success_count"], billed["total_quota"]) == ("1", "140000")
    assert balance["used_quota"] == billed["total_quota"]
    assert operator.shell("./kling-mock reconcile").count('"difference": 0') == len(balances)


def always(name: str, expected: Callable[[Any], bool]) -> Callable[[Operator], None]:
    """Return a check of a member of the channel."""

    def check(operator: Operator) -> None:
        assert expected(channel(operator)[name]), channel(operator)

    return check


_RESULTS: Final = [step.text for step in STEPS if step.kind == "result"]
_CREATED, _QUERIED, _DELIVERED = (text for text in _RESULTS if text.startswith("{"))
_PLANS: Final = [step.text for step in STEPS if step.section == "4.4" and step.kind == "sql"]
CHECKS: Final[dict[str, Callable[[Operator], None]]] = {
    "`id` 字段为 `BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY`": has_numbered_key,
    "`task_id` 字段有 `UNIQUE INDEX idx_task_id`": has_unique_index,
    "其他索引正常创建": has_other_indexes,
    "数据行数与变更前一致": has_all_rows,
    "渠道类型: Keling (41)": always("type", "41".__eq__),
    "渠道名称: Kling AI": always("name", "Kling AI".__eq__),
    "密钥格式: `AK|SK` (例如: `your_access_key|your_secret_key`)": always(
        "api_keys", lambda keys: re.match(r"[^|]+\|[^|]+", keys) is not None
    ),
    "模型映射: 根据需要配置": always("model_mapping", bool),
    "优先级: 设置合适的优先级": always("priority", lambda priority: isinstance(priority, int)),
    "状态: 启用": always("status", "enabled".__eq__),
    _CREATED: replied(_CREATED),
    _QUERIED: replied(_QUERIED),
    _DELIVERED: is_settled,
    "主键查询使用 `PRIMARY KEY` (type: const)": plans(_PLANS[0], key="PRIMARY", types={"const"}),
    "task_id 查询使用 `idx_task_id` (type: const)": plans(
        _PLANS[1], key="idx_task_id", types={"const"}
    ),
    "用户查询使用 `idx_user_created` (type: range/ref)": plans(
        *_PLANS[2:], key="idx_user_created", types={"range", "ref"}
    ),
    "如果返回结果为空,说明 task_id 唯一。": has_no_twins,
    "系统使用原子更新防止重复处理": is_processed_once,
    "通过 GET /kling/v1/videos/{task_id} 主动查询状态": is_queried,
    "与用户表的额度变化对比": agrees,
}
