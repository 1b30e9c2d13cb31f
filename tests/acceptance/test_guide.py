"""The deployment guide from its first line to its last, on each database, in its own words."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.guide import (
    BALANCES,
    BILLED,
    CALLBACK,
    CREATE,
    DOMAIN,
    ENDLESS,
    EXCEPTIONS,
    FOLDER,
    OPTIONAL,
    QUERY,
    STEPS,
    TIME,
    Step,
    in_sqlite,
)
from tests.clusters.fixtures import FULL, galera, mysql9, postgres_cluster
from tests.clusters.mysql9 import mysql_programs
from tests.clusters.servers import free_ports
from tests.first_minutes.terminal import running
from tests.mock.relay.migration import legacy
from tests.mock.relay.storage.databases import MYSQL, need

__all__ = ["galera", "mysql9", "postgres_cluster"]

TOOLS: Final = ("bash", "curl", "git", "grep", "mysql", "mysqldump", "ps", "sqlite3")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("one-api"),  # `pgrep one-api` finds all processes of this name
    pytest.mark.programs(*TOOLS),
]

ROOT: Final = Path(__file__).parents[2]
USERS: Final = 20  # users of the old table, which has a hundred rows of each
OLD_ROWS: Final = 2000
PATIENCE: Final = 30.0  # seconds
KEYS: Final = {
    "task_id": "kling_abc123...",
    "kling_task_id": "kl_xyz789...",
}
#: What stands for the old Go program: it serves at the same port, and says who it is.
OLD_PROGRAM: Final = """#!{python}
from http.server import BaseHTTPRequestHandler, HTTPServer

class Old(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the old program")

HTTPServer(("127.0.0.1", {port}), Old).serve_forever()
"""
#: Ends what the shell prints about one command; its status follows.
MARK: Final = "-- status"


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, is_so


class Operator:
    """Somebody who follows the guide, in a shell, a folder and a database of their own.

    The guide's `one-api` is this package's program, its database one of the test's, and what it
    writes for an address, a port, a folder, a token or an id is what they are here.
    """

    def __init__(self, folder: Path, kind: str, url: str) -> None:
        self.folder = folder / "one-api-folder"
        self.kind = kind
        self.port = free_ports(1)[0]
        self.outputs: dict[str, Any] = {}  # what each step brought, by its words
        self.answers: list[str] = []  # answers to the guide's calls
        self.replacements = {
            "3000": f"{self.port}",
            FOLDER: str(self.folder),
            DOMAIN: f"http://127.0.0.1:{self.port}",
        }
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("KLING_")
        } | {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "PYTHONPATH": str(self.folder),
            "KLING_MOCK_DB": url,
            "KLING_MOCK_PORT": f"{self.port}",
            "KLING_MOCK_KLING_PORT": "0",
            "KLING_MOCK_SPEED": "10",
            "TERM": "xterm",
            "no_proxy": "*",
        }
        self._origin = folder / "origin"
        self._release("the old release", "pyproject.toml", ".gitignore")
        self._git(folder, "clone", "-q", str(self._origin), str(self.folder))
        self._release("the new release", "kling_mock", "kling_sdk")
        self.errors = (folder / "errors").open("w+")
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            cwd=self.folder,
            env=self.environment,
            start_new_session=True,
        )
        self.shell("set -a")  # the settings of a file are variables

    def _git(self, folder: Path, *words: str) -> None:
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(folder)}
        who = ("-c", "user.name=x", "-c", "user.email=x")
        subprocess.run(["git", *who, *words], check=True, env=os.environ | own, cwd=folder)

    def _release(self, what: str, *paths: str) -> None:
        """Commit files of this project to the repository that the operator has cloned."""
        if not self._origin.exists():
            self._git(self._origin.parent, "init", "-q", "-b", "main", str(self._origin))
        here = (f"--git-dir={self._origin / '.git'}", f"--work-tree={ROOT}")
        self._git(ROOT, *here, "add", *paths)
        self._git(ROOT, *here, "commit", "-q", "-m", what)

    def write(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(script)
        path.chmod(0o755)

    def own_words(self, text: str) -> str:
        """Put in what the guide leaves to the operator."""
        for placeholder, replacement in self.replacements.items():
            text = text.replace(placeholder, replacement)
        return text

    def shell(self, command: str) -> str:
        """Run a command in the shell; return what it prints."""
        command = self.own_words(command).replace("curl ", "curl -sS ", 1)
        assert self._bash.stdin
        assert self._bash.stdout
        # A client without statements must not read the commands that follow.
        self._bash.stdin.write(f"{{ {command}\n}} < /dev/null\nprintf '\\n{MARK} %s\\n' $?\n")
        self._bash.stdin.flush()
        lines = list[str]()
        for line in self._bash.stdout:
            if line.startswith(MARK):
                break
            lines.append(line)
        output, status = "".join(lines)[:-1], line.split()[-1]
        # Where no process has the name, `ps aux | grep` finds itself, or was listed too early.
        listed_too_early = "ps aux | grep " in command and status == "1"
        assert status == "0" or listed_too_early, (command, output, self._complaints())
        return output

    def _complaints(self) -> str:
        self.errors.seek(0)
        return self.errors.read()[-2000:]

    def watch(self, command: str, mark: str) -> None:
        """Run a command that does not end by itself on a terminal, until it shows something."""
        with running(self.own_words(command), self.folder, self.environment) as terminal:
            output = terminal.read(mark, patience=PATIENCE)
        assert mark in output, (command, output)

    def client(self, statement: str) -> subprocess.CompletedProcess[str]:
        """Run a statement in the database's client."""
        words = ["mysql", "-u", "root", "--default-character-set=utf8mb4", "--batch", "one-api"]
        return subprocess.run(
            [self.folder / words[0], *words[1:]],
            input=self.own_words(statement),
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

    def words(self, step: Step) -> str:
        """Return what is run of a step: the guide's own words, or what stands for them."""
        difference = EXCEPTIONS.get((self.kind, step.text), EXCEPTIONS.get(step.text))
        if difference is None:
            return step.text
        if difference.error:
            refusal = self.client(step.text)
            assert refusal.returncode, step
            assert f"ERROR {difference.error} " in refusal.stderr, step
        return difference.instead

    def take(self, step: Step) -> None:
        """Take a step of the guide, or what stands for it."""
        if step.kind == "other way":
            return
        if step.kind == "result":
            if f"= {step.text}" not in EXCEPTIONS:
                CHECKS[step.text](self)
            return
        words = self.words(step)
        program = words.split()[0] if words else ""
        if not words or (program in OPTIONAL and not shutil.which(program)):
            return
        if TIME in words:
            (backup,) = self.folder.glob("one-api.backup_*")
            words = words.replace(f"one-api.backup_{TIME}", backup.name)
        if program in ENDLESS and " -100" not in words:
            self.watch(words, ENDLESS[program])
        else:
            is_sql = step.kind == "sql" and not words.startswith("$ ")
            self.outputs[step.text] = self._run(words, is_sql=is_sql)
        self._go_on(step.text)

    def _go_on(self, text: str) -> None:
        """Do what the guide expects after a step, without a word: wait, and note what it shows."""
        if text in {CREATE, QUERY, CALLBACK}:
            self.answers.append(self.outputs[text])
        if text == CREATE:
            created = json.loads(self.outputs[text])
            self.replacements |= {KEYS[name]: created[name] for name in KEYS}
            self.replacements["{task_id}"] = created["task_id"]
        elif text == QUERY:
            # Kling has not started at once: somebody who is quick asks again.
            until(lambda: '"submitted"' not in self._ask_again())
        elif "nohup" in text:
            until(lambda: self._listens)
        elif "kill $(" in text:
            until(lambda: not self._listens)
        elif text == "tail -f logs/oneapi.out":
            log = (self.folder / "logs/oneapi.out").read_text("utf-8")
            (ready,) = (line for line in log.splitlines() if "relay_token" in line)
            self.replacements["YOUR_API_TOKEN"] = json.loads(ready)["relay_token"]

    def _run(self, words: str, *, is_sql: bool) -> str | list[dict[str, str]]:
        return self.sql(words) if is_sql else self.shell(words.removeprefix("$ "))

    def _ask_again(self) -> str:
        self.answers[-1] = self.shell(QUERY)
        return self.answers[-1]

    @property
    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    # ------------------------------------------------------------ what the database says

    def columns(self) -> str:
        """Return the statement that makes the table."""
        (table,) = self.sql("SHOW CREATE TABLE videos;")
        return table["Create Table"].replace("\\n", "\n")

    def has_numbered_key(self) -> bool:
        number = r"`id` bigint(\(20\))? unsigned NOT NULL AUTO_INCREMENT"
        table = self.columns()
        return bool(re.search(number, table)) and "PRIMARY KEY (`id`)" in table

    def indexes(self) -> dict[str, bool]:
        """Return the names of the indexes, and whether each is unique."""
        return {
            row["Key_name"]: row["Non_unique"] == "0" for row in self.sql("SHOW INDEX FROM videos;")
        }

    def plan(self, statement: str) -> tuple[str, str]:
        """Return the index that a statement uses, and how."""
        if self.kind == "mysql":  # its default is a tree since version 9
            statement = statement.replace("EXPLAIN ", "EXPLAIN FORMAT=TRADITIONAL ")
        self.sql("ANALYZE TABLE videos")
        row = self.sql(statement)[0]
        return row["key"], row["type"]

    # ------------------------------------------------------------ before and after

    def old_program(self) -> None:
        """Start what stands for the old program."""
        (self.folder / "logs").mkdir()
        self.write("one-api", OLD_PROGRAM.format(python=sys.executable, port=self.port))
        self.shell("nohup ./one-api > logs/oneapi.out 2>&1 &")
        self.shell("echo $! > one-api.pid")
        until(lambda: self._listens)

    def end(self) -> None:
        """End everything that was started in the shell."""
        os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.communicate()
        self.errors.close()


class MysqlOperator(Operator):
    """One whose database is on a MariaDB or a MySQL."""

    def __init__(self, folder: Path, kind: str, port: int, programs: Path | None) -> None:
        self.database = f"kling_test_{os.urandom(6).hex()}"
        super().__init__(folder, kind, f"mysql://root@127.0.0.1:{port}/{self.database}")
        self.replacements["USE one-api;"] = f"USE {self.database};"
        login = f"--host=127.0.0.1 --port={port} --protocol=tcp"
        for name in ("mysql", "mysqldump"):
            program = f"{programs}/usr/bin/{name}" if programs else str(shutil.which(name))
            libraries = f"LD_LIBRARY_PATH={programs}/usr/lib/x86_64-linux-gnu " if programs else ""
            # -p asks a person; the database has another name.
            self.write(
                name,
                '#!/bin/sh\nfor word; do shift; case "$word" in -p) ;; '
                f'one-api) set -- "$@" {self.database} ;; *) set -- "$@" "$word" ;; esac; done\n'
                f'{libraries}exec {program} --no-defaults {login} "$@"\n',
            )
        self.shell(f'mysql -u root -e "CREATE DATABASE {self.database}"')

    def end(self) -> None:
        """End everything, and drop the database."""
        super().end()
        self.sql(f"DROP DATABASE {self.database}")


class SqliteOperator(Operator):
    """One whose database is a file, and who says in SQLite's words what only MySQL knows."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "one-api.db"
        super().__init__(folder, "sqlite", f"sqlite:///{self._path}")
        self.shell(f"DATABASE={self._path}")

    def words(self, step: Step) -> str:
        """Return what is run of a step."""
        words = in_sqlite(step.text)
        return words if words != step.text and "bin/" not in words else super().words(step)

    def sql(self, statement: str) -> list[dict[str, str]]:
        """Run a statement; return its rows."""
        with sqlite3.connect(self._path) as database:
            cursor = database.execute(self.own_words(in_sqlite(statement)))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, map(str, row), strict=True)) for row in cursor]

    def has_numbered_key(self) -> bool:
        """Return whether the key is numbered."""
        (table,) = self.sql("SHOW CREATE TABLE videos;")
        return bool(re.search(r'"?id"? INTEGER PRIMARY KEY AUTOINCREMENT', table["sql"]))

    def indexes(self) -> dict[str, bool]:
        """Return the names of the indexes, and whether each is unique."""
        return {row["name"]: row["unique"] == "1" for row in self.sql("SHOW INDEX FROM videos;")}

    def plan(self, statement: str) -> tuple[str, str]:
        """Return the index that a statement uses, and how: with one row, it is MySQL's const."""
        self.sql("ANALYZE")
        (row,) = self.sql(statement)
        index = re.fullmatch(r"SEARCH videos USING (?:INDEX )?(\w+).*", row["detail"])
        assert index, row
        key = "PRIMARY" if "INTEGER PRIMARY KEY" in row["detail"] else index[1]
        is_const = key == "PRIMARY" or self.indexes()[key]
        return key, "const" if is_const else "ref"


def old_table(operator: Operator, statements: tuple[str, ...]) -> None:
    """Make what the old relay has left: its table, with the last week's rows of some users."""
    for statement in statements:
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
    operator: Operator
    if request.param == "sqlite":
        operator = SqliteOperator(tmp_path)
    elif request.param == "mysql":
        port, programs = request.getfixturevalue("mysql9").ports[0], mysql_programs()
        operator = MysqlOperator(tmp_path, "mysql", port, programs)
    else:
        need("mysql")
        operator = MysqlOperator(tmp_path, "mariadb", MYSQL[1], None)
    try:
        shapes = legacy.SQLITE if request.param == "sqlite" else legacy.MARIADB
        old_table(operator, shapes["gorm"][0])
        operator.old_program()
        yield operator
    finally:
        operator.end()


@pytest.mark.parametrize(
    "operator", ["mariadb", "sqlite", *(["mysql"] if FULL else [])], indirect=True
)
def test_the_guide_from_its_first_line_to_its_last(operator: Operator) -> None:
    """Each command and each statement runs, and the output matches what the guide states."""
    for step in STEPS:
        operator.take(step)
    assert operator.outputs["curl http://localhost:3000/health"] == "the old program"


def test_every_exception_is_one_of_the_guide() -> None:
    """Each result that the guide states is checked, or excepted with a reason; there are few."""
    texts = {text for step in STEPS for text in (step.text, f"= {step.text}")}
    assert len(EXCEPTIONS) <= 10
    for key, difference in EXCEPTIONS.items():
        server, text = key if isinstance(key, tuple) else ("mysql", key)
        assert server == "mysql"
        assert text in texts, key
        assert difference.reason
    results = [step.text for step in STEPS if step.kind == "result"]
    assert [text for text in results if text not in CHECKS and f"= {text}" not in EXCEPTIONS] == []
    assert set(CHECKS) <= set(results)


def test_one_of_the_guide_s_ways_is_taken() -> None:
    """The section of each command that is left out for another one has another one."""
    run = {step.section for step in STEPS if step.kind in {"shell", "sql"}}
    assert {step.section for step in STEPS if step.kind == "other way"} <= run


# ---------------------------------------------------------------- what the guide states


def has_numbered_key(operator: Operator) -> None:
    assert operator.has_numbered_key()


def has_unique_index(operator: Operator) -> None:
    assert operator.indexes()["idx_task_id"]


def has_other_indexes(operator: Operator) -> None:
    named = set(re.findall(r"`(idx_\w+)` \(", legacy.GUIDE[3]))
    assert len(named) == 7
    assert named <= set(operator.indexes())


def has_all_rows(operator: Operator) -> None:
    (count,) = operator.outputs["SELECT COUNT(*) FROM videos;"][0].values()
    (ids,) = operator.outputs["SELECT COUNT(DISTINCT task_id) FROM videos;"][0].values()
    (highest,) = operator.outputs["SELECT MAX(id) FROM videos;"][0].values()
    assert (int(count), int(ids)) == (OLD_ROWS, OLD_ROWS)
    assert int(highest) >= OLD_ROWS


def channel(operator: Operator) -> dict[str, Any]:
    """Return the channel as `kling-mock channel list` shows it, and its row's type and keys."""
    (line,) = operator.shell("./one-api channel list").splitlines()
    (row,) = operator.sql("SELECT type, api_keys FROM channels")
    listed: dict[str, Any] = json.loads(line)
    return listed | row


def replied(stated: str, last: int = -1) -> Callable[[Operator], None]:
    """Return a check of an answer: each of the stated members, with its value."""

    def check(operator: Operator) -> None:
        reply = json.loads(operator.answers[last])
        for name, value in json.loads(stated).items():
            if value in KEYS.values():
                assert operator.replacements[value] == reply[name] != ""
            else:
                assert reply[name] == value, name
        assert re.fullmatch(r"kling_[0-9a-f]{32}", reply["task_id"])

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
        for statement in statements:
            used, how = operator.plan(statement)
            assert used == key, statement
            assert how in types, statement

    return check


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
    """Check that each user of this relay has paid the sum of the guide's query."""
    billed = {row["user_id"]: row for row in operator.outputs[BILLED]}
    assert len(billed) == USERS + 1  # the rows of the old program's users are nobody's here
    (balance,) = operator.outputs[BALANCES]
    row = billed[balance["id"]]
    assert (row["success_count"], row["total_quota"]) == ("1", "140000")
    assert balance["used_quota"] == row["total_quota"]
    assert operator.shell("./one-api reconcile").count('"difference": 0') == 1


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
