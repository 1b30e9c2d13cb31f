"""The deployment guide of the relay, phases 1 to 5, rollback and questions, one line at a time.

Each command, statement and stated result has the number of its section, in the guide's order and
words. Where the guide has several ways to do a thing, one is taken. What cannot be run as it stands
is in `EXCEPTIONS`, with the reason and what is run in its place; `SQLITE` has the words of SQLite
for those that only MySQL knows. The guide itself is not part of this project.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from tests.mock.relay.migration import legacy

Kind = Literal["shell", "sql", "result", "other way"]


class Step(NamedTuple):
    """One line of the guide.

    Attributes:
        section: Its number; `rollback` and questions have names.
        kind: A command of a shell, a statement in the database's client, a stated result of what
            stands before it, or a command of a way that is not taken.
        text: As the guide writes it.
    """

    section: str
    kind: Kind
    text: str


class Difference(NamedTuple):
    """A difference from what the guide writes.

    Attributes:
        reason: Why.
        instead: What is run in its place; "" for nothing.
        error: What the database answers to the guide's own words; "" if they are not run.
    """

    reason: str
    instead: str = ""
    error: str = ""


CREATE: Final = """curl -X POST http://localhost:3000/kling/v1/videos/text2video \\
  -H "Authorization: Bearer YOUR_API_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "kling-v1-5-std",
    "prompt": "一只可爱的小猫在草地上玩耍",
    "duration": 5,
    "aspect_ratio": "16:9"
  }'
"""
QUERY: Final = """curl -X GET http://localhost:3000/kling/v1/videos/kling_abc123... \\
  -H "Authorization: Bearer YOUR_API_TOKEN"
"""
CALLBACK: Final = """curl -X POST http://localhost:3000/kling/callback/kling_abc123... \\
  -H "Content-Type: application/json" \\
  -d '{
    "task_id": "kl_xyz789...",
    "task_status": "succeed",
    "task_status_msg": "",
    "task_result": {
      "videos": [{
        "id": "video_123",
        "url": "https://cdn.klingai.com/video_123.mp4",
        "duration": "5"
      }]
    }
  }'
"""
CREATED: Final = """{
  "task_id": "kling_abc123...",
  "kling_task_id": "kl_xyz789...",
  "status": "submitted"
}"""
QUERIED: Final = """{
  "task_id": "kling_abc123...",
  "kling_task_id": "kl_xyz789...",
  "status": "processing",
  "video_url": "",
  "duration": "",
  "fail_reason": ""
}"""
DELIVERED: Final = """{
  "message": "success"
}"""
BILLED: Final = """SELECT
    user_id,
    COUNT(*) as success_count,
    SUM(quota) as total_quota
FROM videos
WHERE status = 'succeed'
GROUP BY user_id;"""
_DAYS: Final = """SELECT
    DATE(FROM_UNIXTIME(created_at)) as date,
    COUNT(*) as task_count,
    SUM(CASE WHEN status = 'succeed' THEN 1 ELSE 0 END) as success_count,
    SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) as failed_count
FROM videos
WHERE created_at > UNIX_TIMESTAMP(DATE_SUB(NOW(), INTERVAL 7 DAY))
GROUP BY DATE(FROM_UNIXTIME(created_at))
ORDER BY date DESC;"""
BALANCES: Final = """SELECT
    id,
    username,
    quota,
    used_quota
FROM users
WHERE id IN (SELECT DISTINCT user_id FROM videos WHERE status = 'succeed');"""
_ONLINE: Final = (
    'pt-online-schema-change --alter "ADD COLUMN id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT FIRST,'
    ' ADD PRIMARY KEY (id)" \\\n  D=one-api,t=videos --execute'
)
_SUMS: Final = "SELECT user_id, SUM(quota) as total_quota FROM videos WHERE status = 'succeed'"
_SINCE: Final = "EXPLAIN SELECT * FROM videos WHERE user_id = 1 AND created_at > 1700000000"


def _steps() -> Iterator[Step]:
    section = ""
    for text in _TEXT:
        if text.startswith("## "):
            section = text[3:]
        elif text.startswith("$ "):
            yield Step(section, "shell", text[2:])
        elif text.startswith("= "):
            yield Step(section, "result", text[2:])
        elif text.startswith("| "):
            yield Step(section, "other way", text[2:])
        else:
            yield Step(section, "sql", text)


#: `## ` begins a section, `$ ` a command, `= ` a stated result, `| ` a command of a way that is not
#: taken; the others are statements.
_TEXT: Final = (
    "## 1.1",
    "$ mysql --version",
    "$ go version",
    "$ df -h",
    '$ mysql -u root -p -e "SHOW PROCESSLIST;"',
    "## 1.2",
    "$ cd /path/to/one-api",
    "$ git pull origin main",
    "$ git diff HEAD~1 HEAD --name-only",
    "$ go build -o one-api-new main.go",
    "$ ./one-api-new --version",
    "## 1.3",
    "$ mysqldump -u root -p one-api > backup_one-api_$(date +%Y%m%d_%H%M%S).sql",
    "$ mysqldump -u root -p one-api videos > backup_videos_$(date +%Y%m%d_%H%M%S).sql",
    "$ ls -lh backup_*.sql",
    "## 2.1",
    "$ mysql -u root -p one-api",
    "## 2.2",
    "SHOW CREATE TABLE videos;",
    "SELECT COUNT(*) FROM videos;",
    "SHOW INDEX FROM videos;",
    "SELECT * FROM information_schema.innodb_trx;",
    "## 2.3",
    "USE one-api;",
    *(f"{statement};" for statement in legacy.GUIDE),
    "$ mysql -u root -p one-api < bin/migration_kling_dual_key.sql",
    "| tail -f /var/log/mysql/error.log",
    "## 2.4",
    "SHOW CREATE TABLE videos;",
    "SHOW INDEX FROM videos;",
    "SELECT COUNT(*) FROM videos;",
    "SELECT COUNT(DISTINCT task_id) FROM videos;",
    "SELECT MAX(id) FROM videos;",
    "EXPLAIN SELECT * FROM videos WHERE task_id = 'test_task_id';",
    "EXPLAIN SELECT * FROM videos WHERE user_id = 1 ORDER BY created_at DESC LIMIT 10;",
    "= `id` 字段为 `BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY`",
    "= `task_id` 字段有 `UNIQUE INDEX idx_task_id`",
    "= 其他索引正常创建",
    "= 数据行数与变更前一致",
    "## 3.1",
    "| sudo systemctl stop one-api",
    "$ kill $(cat one-api.pid)",
    "$ ps aux | grep one-api",
    "| kill -15 <PID>",
    "$ ps aux | grep one-api",
    "## 3.2",
    "$ mv one-api one-api.backup_$(date +%Y%m%d_%H%M%S)",
    "$ mv one-api-new one-api",
    "$ chmod +x one-api",
    "$ ls -l one-api",
    "## 3.3",
    "$ vim config.yaml",
    "$ CALLBACK_DOMAIN=https://your-domain.com",
    "$ KLING_BASE_URL=https://api.klingai.com",
    "## 3.4",
    "| sudo systemctl start one-api",
    "| sudo systemctl status one-api",
    "$ nohup ./one-api > logs/oneapi.out 2>&1 &",
    "$ echo $! > one-api.pid",
    "$ tail -f logs/oneapi.out",
    "## 3.5",
    "$ ps aux | grep one-api",
    "$ netstat -tuln | grep 3000",
    "$ curl http://localhost:3000/health",
    "$ tail -100 logs/oneapi.out",
    "## 4.1",
    "= 渠道类型: Keling (41)",
    "= 渠道名称: Kling AI",
    "= Base URL: `https://api.klingai.com`",
    "= 密钥格式: `AK|SK` (例如: `your_access_key|your_secret_key`)",
    "= 模型映射: 根据需要配置",
    "= 优先级: 设置合适的优先级",
    "= 状态: 启用",
    "## 4.2",
    f"$ {CREATE}",
    f"= {CREATED}",
    f"$ {QUERY}",
    f"= {QUERIED}",
    f"$ {CALLBACK}",
    f"= {DELIVERED}",
    "## 4.3",
    "SELECT * FROM videos ORDER BY id DESC LIMIT 5;",
    "SELECT task_id, COUNT(*) FROM videos GROUP BY task_id HAVING COUNT(*) > 1;",
    "SELECT status, COUNT(*) FROM videos GROUP BY status;",
    f"{_SUMS} GROUP BY user_id;",
    "## 4.4",
    "EXPLAIN SELECT * FROM videos WHERE id = 1;",
    "EXPLAIN SELECT * FROM videos WHERE task_id = 'kling_abc123...';",
    "EXPLAIN SELECT * FROM videos WHERE user_id = 1 ORDER BY created_at DESC LIMIT 10;",
    f"{_SINCE} ORDER BY created_at DESC;",
    "= 主键查询使用 `PRIMARY KEY` (type: const)",
    "= task_id 查询使用 `idx_task_id` (type: const)",
    "= 用户查询使用 `idx_user_created` (type: range/ref)",
    "## 5.1",
    "$ tail -f logs/oneapi.out",
    '$ grep -i "kling" logs/oneapi.out',
    '$ grep -i "error" logs/oneapi.out | tail -20',
    "## 5.2",
    _DAYS,
    "SHOW PROCESSLIST;",
    "SELECT * FROM information_schema.processlist WHERE time > 5;",
    "## 5.3",
    "$ top -p $(pgrep one-api)",
    "$ ps aux | grep one-api",
    "$ iostat -x 1",
    "$ netstat -antp | grep one-api",
    "## Q1",
    f"$ {_ONLINE}",
    "## Q2",
    "SELECT task_id, COUNT(*) as cnt\nFROM videos\nGROUP BY task_id\nHAVING cnt > 1;",
    "= 如果返回结果为空,说明 task_id 唯一。",
    "## Q3",
    "= 系统使用原子更新防止重复处理",
    "SELECT * FROM videos WHERE status IN ('submitted', 'processing');",
    "= 通过 GET /kling/v1/videos/{task_id} 主动查询状态",
    "## Q4",
    BILLED,
    BALANCES,
    "= 与用户表的额度变化对比",
    "## rollback 1",
    "| sudo systemctl stop one-api",
    "$ kill $(cat one-api.pid)",
    "## rollback 2",
    "$ mv one-api one-api.failed",
    "$ mv one-api.backup_YYYYMMDD_HHMMSS one-api",
    "$ chmod +x one-api",
    "## rollback 3",
    *(f"{statement};" for statement in legacy.GUIDE_ROLLBACK),
    "## rollback 4",
    "| sudo systemctl start one-api",
    "$ nohup ./one-api > logs/oneapi.out 2>&1 &",
    "## rollback 5",
    "$ curl http://localhost:3000/health",
    '$ mysql -u root -p one-api -e "SHOW CREATE TABLE videos;"',
)
STEPS: Final = tuple(_steps())

#: What stands in the guide for a value of the operator's own, apart from tokens and ids.
FOLDER: Final = "/path/to/one-api"
DOMAIN: Final = "https://your-domain.com"
TIME: Final = "YYYYMMDD_HHMMSS"
#: Programs whose commands are left out where they are not installed: the relay needs none of them.
OPTIONAL: Final = frozenset({"go", "iostat", "netstat", "top", "vim"})
#: Programs that run until a person ends them, and what they show by then.
ENDLESS: Final = {"iostat": "Device", "tail": "relay_token", "top": "one-api", "vim": "config.yaml"}

_UPGRADED: Final = "MySQL has no such words; `kling-mock db upgrade` reads the catalogue"
_PROGRAM: Final = """cat > one-api-new <<END
#!$PYTHON
import sys
from kling_mock.cli.main import main
sys.exit(main(sys.argv[1:] or ["serve"]))
END
chmod +x one-api-new"""

#: What is not run as the guide writes it, by the text; or by the kind of the server and the text,
#: where it is not so everywhere. A statement that is run instead begins with `$ ` if it is for the
#: shell.
EXCEPTIONS: Final[dict[str | tuple[str, str], Difference]] = {
    "go build -o one-api-new main.go": Difference(
        "the program is in Python, and pip has installed it: what is called one-api runs it, and "
        "serves if it gets no arguments",
        _PROGRAM,
    ),
    ("mysql", f"{legacy.GUIDE[1]};"): Difference(
        _UPGRADED, "ALTER TABLE `videos` DROP INDEX `idx_tid`;", error="1064"
    ),
    ("mysql", f"{legacy.GUIDE[3]};"): Difference(_UPGRADED, error="1064"),
    "mysql -u root -p one-api < bin/migration_kling_dual_key.sql": Difference(
        "the script is for the Go program, whose table a relay cannot use: the way here finishes "
        "what the guide's statements have started, whichever of them ran",
        "./one-api-new db upgrade",
    ),
    "= Base URL: `https://api.klingai.com`": Difference(
        "`serve` leads to its emulated Kling, which costs nothing; `relay` reads the address in "
        "`KLING_BASE_URL`",
    ),
    "netstat -antp | grep one-api": Difference(
        "netstat names the interpreter of a script, and not the script",
        "netstat -antp | grep $(cat one-api.pid)/",
    ),
    _ONLINE: Difference(
        "it wants a primary or unique key, which the old table lacks: `kling-mock db upgrade "
        "--online` is the way here, and has tests of its own"
    ),
    f"{legacy.GUIDE_ROLLBACK[0]};": Difference(
        "a numbered column must be a key: the next statement drops both", error="1075"
    ),
}

_DOWNGRADED: Final = "$ ./one-api.failed db downgrade --set-aside all"
#: The words of SQLite, where the guide's are MySQL's; "" where SQLite has nothing of the kind: it
#: has no sessions, and cannot add a key to a table, which is what `kling-mock db upgrade` is for.
SQLITE: Final[dict[str, str]] = {
    "mysql --version": "sqlite3 --version",
    "mysql -u root -p -e ": "",
    "mysql -u root -p one-api -e ": 'sqlite3 "$DATABASE" ',
    "mysqldump -u root -p one-api videos": 'sqlite3 "$DATABASE" ".dump videos"',
    "mysqldump -u root -p one-api": 'sqlite3 "$DATABASE" .dump',
    "mysql -u root -p one-api": 'sqlite3 "$DATABASE"',
    "SHOW CREATE TABLE videos;": "SELECT sql FROM sqlite_master WHERE name = 'videos';",
    "SHOW INDEX FROM videos;": "SELECT * FROM pragma_index_list('videos');",
    "SHOW PROCESSLIST;": "",
    "SELECT * FROM information_schema.": "",
    "USE one-api;": "",
    "EXPLAIN SELECT": "EXPLAIN QUERY PLAN SELECT",
    "FROM_UNIXTIME(created_at)": "created_at, 'unixepoch'",
    "UNIX_TIMESTAMP(DATE_SUB(NOW(), INTERVAL 7 DAY))": "unixepoch('now', '-7 days')",
    **dict.fromkeys((f"{statement};" for statement in legacy.GUIDE), ""),
    **dict.fromkeys((f"{statement};" for statement in legacy.GUIDE_ROLLBACK), ""),
    f"{legacy.GUIDE_ROLLBACK[0]};": _DOWNGRADED,
}


def in_sqlite(text: str) -> str:
    """Return a command or a statement in the words of SQLite; "" if it has nothing of the kind."""
    for words, own in SQLITE.items():
        if words in text:
            if not own:
                return ""
            text = text.replace(words, own)
    return text
