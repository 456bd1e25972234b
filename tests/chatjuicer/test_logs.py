import json
import logging

import pytest

from chatjuicer.observability.context import request_id, run_id, session_id
from chatjuicer.observability.logs import JSONFormatter


def line(verbose: bool = False) -> dict[str, object]:
    try:
        raise ValueError("what Alice wrote")
    except ValueError:
        record = logging.getLogger("chat_app").makeRecord(
            "chat_app", logging.ERROR, __file__, 1, "the run failed", (), __import__("sys").exc_info()
        )
    written: dict[str, object] = json.loads(JSONFormatter(verbose).format(record))
    return written


@pytest.fixture
def about() -> object:
    marks = [(v, v.set(name)) for v, name in ((request_id, "r1"), (session_id, "chat_1"), (run_id, "u1"))]
    yield
    for variable, mark in marks:
        variable.reset(mark)


@pytest.mark.usefixtures("about")
def test_a_line_says_what_it_is_about() -> None:
    written = line()
    assert (written["request_id"], written["session"], written["run"]) == ("r1", "chat_1", "u1")
    assert (written["level"], written["message"], written["exception"]) == (
        "error",
        "the run failed",
        "ValueError",
    )


def test_an_exception_s_text_is_written_at_debug_only() -> None:
    assert "what Alice wrote" not in json.dumps(line())
    assert line(verbose=True)["exception_message"] == "what Alice wrote"


@pytest.mark.django_db
def test_a_request_s_line_has_no_query(client: object, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/api/health/live?token=secret")  # type: ignore[attr-defined]
    [record] = [record for record in caplog.records if record.name == "chatjuicer.request"]
    assert (record.method, record.path, record.status) == ("GET", "/api/health/live", 200)  # type: ignore[attr-defined]
    assert "secret" not in caplog.text


@pytest.mark.parametrize("door", ["get", "put"])
def test_an_address_that_lets_its_bearer_in_is_not_written(door: str) -> None:
    path, shown = f"/api/files/{door}/c23989e3:1xUJEA:dAUc2RkK", f"/api/files/{door}/…"
    logger = logging.getLogger("chatjuicer.request")
    record = logger.makeRecord("a", logging.ERROR, __file__, 1, "failed: %s", (path,), None, None, {"path": path})
    written = json.loads(JSONFormatter().format(record))
    assert (written["path"], written["message"]) == (shown, f"failed: {shown}")
