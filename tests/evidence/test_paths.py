"""The paths, and the sizes of their lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from kling_sdk import Kling, RequestValidationError
from tests.evidence.requests import Asked, model_request, plain
from tests.evidence.rows import Failures, name_of, rows
from tests.evidence.sides import CALLS, CLASSES, Emulator, Sdk

_START: Final = datetime(2026, 6, 1, tzinfo=UTC)
_END: Final = datetime(2026, 6, 2, tzinfo=UTC)
#: Uses of a client for paths that make no tasks.
USES: Final[Mapping[str, Callable[[Kling], object]]] = {
    "GET /v1/general/presets-voices": lambda kling: kling.voices.presets(),
    "POST /v1/general/delete-voices": lambda kling: kling.voices.delete("1"),
    "GET /v1/general/advanced-presets-elements": lambda kling: kling.elements.presets(),
    "POST /v1/general/delete-advanced-elements": lambda kling: kling.elements.delete("1"),
    "GET /v1/general/custom-elements": lambda kling: kling.legacy_elements.list(),
    "GET /v1/general/presets-elements": lambda kling: kling.legacy_elements.presets(),
    "POST /v1/general/delete-elements": lambda kling: kling.legacy_elements.delete("1"),
    "GET /tasks": lambda kling: kling.tasks.get_many(["1"]),
    "POST /tasks": lambda kling: kling.tasks.list(),
    "GET /account/costs": lambda kling: kling.account.costs(_START, _END),
    "POST /account/billing/balance": lambda kling: kling.account.balance(start=_START, end=_END),
    "POST /account/billing/package": lambda kling: kling.account.packages(start=_START, end=_END),
    "GET /solutions": lambda kling: kling.solutions.goods_studio.get("1"),
    "POST /solutions": lambda kling: kling.solutions.goods_studio.list(),
}


def resource(kling: Kling, path: str) -> Any:
    """Return what a client has for the tasks of a path."""
    return getattr(kling, CLASSES[path].record.attribute)


def use_of(row: Mapping[str, Any]) -> Callable[[Kling], object] | None:
    """Return what of a client asks for a path, or None where it has nothing that does."""
    method, path = row["method"], row["path"]
    if f"{method} {path}" in USES:
        return USES[f"{method} {path}"]
    own = path.removesuffix("/{id}")
    if own not in CLASSES or method == "POST":
        return None
    if own != path:
        return lambda kling: resource(kling, own).get("123")
    return lambda kling: resource(kling, own).list()


def creates(path: str) -> Asked | None:
    """Return a request that is sent to a path; None for one that makes nothing."""
    product, _, model = path.rpartition("/")
    if product in CLASSES and product.count("/") == 1:
        return model_request({"path": product, "model": model, "size": ""})
    if path.startswith("/v1/") and path in {*CLASSES, *CALLS}:
        return Asked(path, {}, plain(path))
    return None


def test_the_sdk_asks_at_the_vendors_paths(sdk: Sdk) -> None:
    """Creates, lists and queries of each endpoint, and the calls beside them."""
    failures, asked_for = Failures("paths", "sdk"), 0
    for row in rows("paths"):
        if row.get("absent"):
            continue
        use, create = use_of(row), creates(row["path"]) if row["method"] == "POST" else None
        if use is not None:
            sent = sdk.call(use)
        elif create is not None:
            product = (
                row["path"] if row["path"].startswith("/v1/") else row["path"].rpartition("/")[0]
            )
            sent = sdk.create(product, create.fields)
        else:
            continue
        asked_for += 1
        request_line = f"{sent.method} {sent.path.partition('?')[0]}"
        expected = f"{row['method']} {row['path']}".replace("{id}", "123")
        if request_line != expected:
            failures.add(name_of(row), sent.refused or f"it asks at {request_line}")
    assert asked_for > 80
    failures.report()


def test_the_emulator_serves_the_vendors_paths_and_no_others(emulator: Emulator) -> None:
    """What is there answers with an envelope, what is not as the web framework does."""
    failures = Failures("paths", "emulator")
    for row in rows("paths"):
        path = row["path"].replace("{id}", "123")
        reply = emulator.ask(row["method"], path, {} if row["method"] == "POST" else None)
        is_served = reply.code is not None and reply.code not in {1202, 1203}
        if is_served == bool(row.get("absent")):
            failures.add(name_of(row), str(reply))
    failures.report()


# ---------------------------------------------------------------- lists


def pages() -> Iterator[tuple[str, str, int, int, bool]]:
    """Yield existing and missing pages of lists: name, path, number, size, whether it exists."""
    for row in rows("pages"):
        if "page_num" not in row:
            continue
        (low, high), (least, most) = row["page_num"], row["page_size"]
        for number in (low, high, low - 1, high + 1):
            is_page = low <= number <= high
            yield f"{row['path']}: page {number}", row["path"], number, 30, is_page
        for size in (least, most, least - 1, most + 1):
            yield f"{row['path']}: {size} a page", row["path"], 1, size, least <= size <= most


def test_the_emulator_lists_in_pages_as_documented(emulator: Emulator) -> None:
    """The largest page, and the last one."""
    failures = Failures("pages", "emulator")
    for name, path, number, size, is_page in pages():
        reply = emulator.ask("GET", f"{path}?pageNum={number}&pageSize={size}")
        if (reply.code == 0) != is_page:
            failures.add(name, str(reply))
    for row in rows("pages"):
        for count in (row["ids"], row["ids"] + 1) if "ids" in row else ():
            query = ",".join(map(str, range(1, count + 1)))
            reply = emulator.ask("GET", f"{row['path']}?task_ids={query}")
            if (reply.code == 0) != (count == row["ids"]):
                failures.add(f"{row['path']}: {count} ids", str(reply))
    failures.report()


def test_the_sdk_asks_for_pages_that_there_are(sdk: Sdk) -> None:
    """They are the largest page, the last one, and as many ids at a time as are accepted."""
    failures = Failures("pages", "sdk")
    for name, path, number, size, is_page in pages():
        try:
            sent = sdk.call(
                lambda kling: resource(kling, path).list(page=number, page_size=size)  # noqa: B023 - called at once
            )
            refused = sent.refused
        except (RequestValidationError, ValueError) as error:
            refused = str(error)
        if bool(refused) == is_page:
            failures.add(name, refused or "it asks for it")
    for row in rows("pages"):
        if "ids" in row:
            ids = [str(number) for number in range(1, row["ids"] + 2)]
            sent = sdk.call(lambda kling: kling.tasks.get_many(ids))  # noqa: B023 - called at once
            sent_ids = sent.path.partition("task_ids=")[2].replace("%2C", ",").split(",")
            if len(sent_ids) != row["ids"]:
                failures.add(f"{row['path']}: ids", f"it asks for {len(sent_ids)} at a time")
    failures.report()
