"""Pages of other origins: one that is listed may call the admin API from a browser, no other."""

from __future__ import annotations

import pytest

from kling_mock import KlingMock
from tests.mock.admin_client import Admin

PAGE = "http://localhost:5173"
OTHER = "http://evil.example"
QUESTION = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}


def test_a_listed_page_may_ask_and_read() -> None:
    """The browser's question needs no token; all that follows does, and carries the origin."""
    with KlingMock(admin_origins=f"{PAGE}/") as mock, Admin(mock) as admin, Admin(mock, "") as none:
        reply = none.send("OPTIONS", "/clock/advance", headers={"Origin": PAGE, **QUESTION})
        assert (reply.status_code, reply.content) == (204, b"")
        assert reply.headers["access-control-allow-origin"] == PAGE
        assert "Authorization" in reply.headers["access-control-allow-headers"]
        assert "POST" in reply.headers["access-control-allow-methods"]
        for method, path, status in [("GET", "/clock", 200), ("GET", "/nothing", 404)]:
            reply = admin.send(method, path, headers={"Origin": PAGE})
            assert reply.status_code == status
            assert reply.headers["access-control-allow-origin"] == PAGE
            assert reply.headers["vary"] == "Origin"
        with admin.http.stream("GET", "/__kling/events", headers={"Origin": PAGE}) as events:
            assert events.headers["access-control-allow-origin"] == PAGE
        assert none.send("GET", "/clock", headers={"Origin": PAGE}).status_code == 401


@pytest.mark.parametrize("listed", [(), (PAGE,)])
def test_a_page_that_is_not_listed_is_refused(listed: tuple[str, ...]) -> None:
    """The refusal says how to list it; a reply to it cannot be read by the page."""
    with KlingMock(admin_origins=listed) as mock, Admin(mock) as admin:
        reply = admin.send("OPTIONS", "/clock", headers={"Origin": OTHER, **QUESTION})
        assert reply.status_code == 403
        assert "--admin-origin" in reply.json()["error"]["message"]
        assert "access-control-allow-origin" not in reply.headers
        reply = admin.send("GET", "/clock", headers={"Origin": OTHER})
        assert "access-control-allow-origin" not in reply.headers
