"""The pages on coverage: one table for each language, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from tests.vendor_coverage.rows import Check, Row


class _Words(NamedTuple):
    """The words of a page in one language."""

    head: str
    numbers: str
    groups: Mapping[str, str]
    columns: tuple[str, ...]
    states: Mapping[str, str]
    kinds: Mapping[str, str]
    emulated: Mapping[str, str]
    nothing: str
    on_request: str
    not_found: str
    checks: str
    check_columns: tuple[str, ...]
    sum_of_checks: str


_NOTICE = "python -m tests.vendor_coverage"
_ENGLISH: Final = _Words(
    head=f"""\
# Coverage

Written by `{_NOTICE}`; do not edit. In Chinese:
[coverage.zh-CN.md](coverage.zh-CN.md). As JSON: [coverage.json](coverage.json).

Every path of the vendor's API that we have read of, those that are gone and those that never were
included, and who has it here. The paths are a list, in `tests/vendor_coverage/paths.py`; all else
is computed from the records of the client and the emulator. How far a path is known:
**documented** (the vendor's pages state it), **observed** (it was seen on the wire), **assumed**
(this project had to decide) or **unknown**; the date is that of the newest source. How far the
fields of an endpoint are known is in [fidelity.md](fidelity.md).
""",
    numbers=(
        "{paths} paths: {live} are served by the vendor as far as is known, {retired} was seen "
        "retired, {missing} do not exist, {unknown} are unknown. The client names {sdk} of the "
        "served paths, and the emulator serves {emulator}.\n"
    ),
    groups={
        "videos": "Videos",
        "images": "Pictures",
        "audio": "Sounds",
        "library": "Voices and elements",
        "account": "Account",
        "model-path": "The model in the path",
        "solutions": "Solutions",
        "none": "Unknown, and missing",
    },
    columns=("path", "calls", "vendor", "client", "emulator", "evidence", "as of", "tests", "note"),
    states={"served": "served", "retired": "retired", "missing": "none", "unknown": "unknown"},
    kinds={name: name for name in ("documented", "observed", "assumed", "unknown")},
    emulated={"yes": "yes", "partly": "partly", "no": "no"},
    nothing="no",
    on_request='yes; refused with `mock.retired = {{"{name}"}}`',
    not_found="404, as the vendor",
    checks="Tests of every endpoint",
    check_columns=("test", "endpoints", "runs"),
    sum_of_checks=(
        "{checks} tests run for each endpoint that they are about, {endpoints} endpoints in all: "
        "{runs} runs. The column of tests above counts those of a path's endpoint.\n"
    ),
)
_CHINESE: Final = _Words(
    head=f"""\
# 接口覆盖情况

由 `{_NOTICE}` 生成，请勿手工修改。英文版：[coverage.md](coverage.md)；
JSON：[coverage.json](coverage.json)。

本页列出我们读到过的可灵 API 的全部路径（包括已停用的和从未存在过的），以及本项目中谁支持它。
路径清单在 `tests/vendor_coverage/paths.py`；其余各列都由客户端与模拟服务的记录计算得出。依据分为：
**有文档**（厂商页面写明）、**实测**（在真实应答中见过）、**推定**（由本项目决定）、**未知**；日期是最新来源的日期。
各接口字段的依据见 [fidelity.md](fidelity.md)。
""",
    numbers=(
        "共 {paths} 个路径：据目前所知，{live} 个由厂商提供服务，{retired} 个已见停用，"
        "{missing} 个不存在，{unknown} 个情况未知。在提供服务的路径中，"
        "客户端支持 {sdk} 个，模拟服务支持 {emulator} 个。\n"
    ),
    groups={
        "videos": "视频",
        "images": "图片",
        "audio": "音频",
        "library": "音色与主体",
        "account": "账号",
        "model-path": "模型在路径中的接口",
        "solutions": "解决方案",
        "none": "未知与不存在",
    },
    columns=("路径", "调用", "厂商", "客户端", "模拟服务", "依据", "日期", "测试", "说明"),
    states={"served": "提供", "retired": "已停用", "missing": "不存在", "unknown": "未知"},
    kinds={"documented": "有文档", "observed": "实测", "assumed": "推定", "unknown": "未知"},
    emulated={"yes": "支持", "partly": "部分支持", "no": "不支持"},
    nothing="不支持",
    on_request='支持；设置 `mock.retired = {{"{name}"}}` 后拒绝',
    not_found="404，与厂商一致",
    checks="逐接口运行的测试",
    check_columns=("测试", "接口数", "运行次数"),
    sum_of_checks=(
        "{checks} 个测试对其涉及的每个接口各运行一次或多次，共 {endpoints} 个接口、{runs} 次运行。"
        "上表的“测试”列是该路径所属接口的运行次数。\n"
    ),
)
_LANGUAGES: Final[Mapping[str, _Words]] = {"en": _ENGLISH, "zh-CN": _CHINESE}


def page(language: str, rows: Sequence[Row], checks: Sequence[Check], endpoints: int) -> str:
    """Return a page.

    Args:
        language: `en` or `zh-CN`.
        rows: The paths.
        checks: The tests that run for many endpoints.
        endpoints: How many endpoints these run for in all.
    """
    words = _LANGUAGES[language]
    return "\n".join(_parts(words, language, rows, checks, endpoints))


def _parts(
    words: _Words, language: str, rows: Sequence[Row], checks: Sequence[Check], endpoints: int
) -> Iterator[str]:
    yield words.head
    yield words.numbers.format(**_numbers(rows))
    for group, title in words.groups.items():
        group_rows = [row for row in rows if row.path.group == group]
        yield f"## {title}\n"
        yield _table(words.columns, (_cells(words, language, row) for row in group_rows))
    yield f"## {words.checks}\n"
    runs = sum(check.runs for check in checks)
    yield words.sum_of_checks.format(checks=len(checks), endpoints=endpoints, runs=runs)
    yield _table(
        words.check_columns,
        ((f"`{check.name}`", str(check.endpoints), str(check.runs)) for check in checks),
    )


def _numbers(rows: Sequence[Row]) -> dict[str, int]:
    states = [row.path.state for row in rows]
    live = [row for row in rows if row.path.state == "served"]
    return {
        "paths": len(rows),
        "live": len(live),
        "retired": states.count("retired"),
        "missing": states.count("missing"),
        "unknown": states.count("unknown"),
        "sdk": sum(bool(row.sdk) for row in live),
        "emulator": sum(row.emulator == "yes" for row in live),
    }


def _cells(words: _Words, language: str, row: Row) -> Sequence[str]:
    path = row.path
    return (
        f"`{path.path}`",
        ", ".join(f"{method} {more}".strip() for method, more in path.calls),
        words.states[path.state],
        f"`{row.sdk}`" if row.sdk else words.nothing,
        _emulated(words, row),
        words.kinds[row.kind],
        row.as_of,
        str(row.tests or ""),
        path.note_zh if language == "zh-CN" else path.note,
    )


def _emulated(words: _Words, row: Row) -> str:
    if row.refused_by:
        return words.on_request.format(name=row.refused_by)
    if row.path.state == "missing" and row.emulator == "no":
        return words.not_found
    return words.emulated[row.emulator]


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def as_json(rows: Sequence[Row], checks: Sequence[Check], endpoints: int) -> str:
    """Return all of it as JSON; see `page`."""
    document = {
        "numbers": {
            **_numbers(rows),
            "tests": len(checks),
            "endpoints_tested": endpoints,
            "runs": sum(check.runs for check in checks),
        },
        "paths": [
            {
                "path": row.path.path,
                "calls": [f"{method} {row.path.path}{more}" for method, more in row.path.calls],
                "group": row.path.group,
                "vendor": row.path.state,
                "sdk": row.sdk or None,
                "emulator": row.emulator,
                "retired_by": row.refused_by or None,
                "evidence": row.kind,
                "as_of": row.as_of or None,
                "tests": row.tests,
                "note": row.path.note,
            }
            for row in rows
        ],
        "tests": [check._asdict() for check in checks],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
