import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser

from chatjuicer.observability.logs import JSONFormatter, TextFormatter
from tests.harness.client import signed_in
from tests.harness.server import ROOT
from tests.harness.services import until
from tests.harness.sites import Sites

pytestmark = pytest.mark.slow(reason="each test starts processes")


def failure(text: str = "the run failed") -> logging.LogRecord:
    try:
        raise ValueError("what Alice wrote")
    except ValueError:
        logger = logging.getLogger("chat_app")
        return logger.makeRecord("chat_app", logging.ERROR, __file__, 1, text, (), sys.exc_info())


def answer(path: str) -> logging.LogRecord:
    about = {"method": "GET", "path": path, "status": 200, "duration_ms": 1.25}
    logger = logging.getLogger("chatjuicer.request")
    return logger.makeRecord("chatjuicer.request", logging.INFO, __file__, 1, "request", (), None, None, about)


def as_json(record: logging.LogRecord, verbose: bool = False) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(JSONFormatter(verbose).format(record))
    return written


async def test_a_run_s_lines_name_its_session_and_itself(sites: Sites) -> None:
    with sites.own(processes=1, demo=True) as site:
        async with signed_in(site.url) as alice:
            session = await alice.create_session(session_id="chat_logged")
            async with alice.chat(session) as chat:
                run_id = (await chat.ask("count to 3"))[-1]["run_id"]
        until(lambda: "run ended" in site.logs(), "the end of the run is logged")
        lines = [json.loads(line) for line in site.logs().splitlines() if line.startswith("{")]
    of_the_run = [line for line in lines if line["logger"] == "chat_app.runs.supervisor"]
    began, ended = (line["message"] for line in of_the_run)
    assert began.startswith("run started: model demo") and ended.startswith("run ended: finish_reason stop")
    assert {(line["session"], line["run"]) for line in of_the_run} == {(session, run_id)}
    requests = [line for line in lines if line["logger"] == "chatjuicer.request"]
    assert requests
    assert all(line["request_id"] and "run" not in line for line in requests)


async def test_an_answer_that_is_waited_for_is_told_of_by_its_name_and_as_it_became(sites: Sites) -> None:
    with sites.own(processes=1, demo=True) as site:
        async with signed_in(site.url) as alice:
            session = await alice.create_session()
            path = f"/api/sessions/{session}/continue"
            answer = await alice.http.post(path, headers={"X-Request-ID": "the-one-that-is-refused"})
        assert (answer.status_code, answer.headers["X-Request-ID"]) == (409, "the-one-that-is-refused")
        assert answer.json()["error"]["request_id"] == "the-one-that-is-refused"
        until(lambda: path in site.logs(), "the answer is logged")
        lines = [json.loads(line) for line in site.logs().splitlines() if path in line]
    assert [(line["request_id"], line["status"]) for line in lines] == [("the-one-that-is-refused", 409)]


def test_a_failure_says_where_it_happened() -> None:
    written = as_json(failure())
    assert (written["level"], written["message"], written["exception"]) == ("error", "the run failed", "ValueError")
    assert any(place.endswith(" failure") for place in written["stack"])
    assert "ValueError" in TextFormatter().format(failure())


@pytest.mark.parametrize("kind", [JSONFormatter, TextFormatter])
def test_an_exception_s_text_is_written_at_debug_only(kind: type[JSONFormatter | TextFormatter]) -> None:
    assert "what Alice wrote" not in kind().format(failure())
    assert "what Alice wrote" in kind(verbose=True).format(failure())


@pytest.mark.parametrize("kind", [JSONFormatter, TextFormatter])
def test_a_line_is_bounded(kind: type[JSONFormatter | TextFormatter]) -> None:
    assert len(kind().format(failure("x" * 1_000_000))) < 4_000


@pytest.mark.django_db
def test_a_request_s_line_has_no_query(client: Browser, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/api/health/live?token=secret")
    [record] = [record for record in caplog.records if record.name == "chatjuicer.request"]
    about = as_json(record)
    assert (about["method"], about["path"], about["status"]) == ("GET", "/api/health/live", 200)
    assert "secret" not in caplog.text


@pytest.mark.parametrize("kind", [JSONFormatter, TextFormatter])
@pytest.mark.parametrize("door", ["/api/files/get/", "/api/files/put/", "/share/", "/api/shares/", "/api/sessions/cj_"])
def test_an_address_that_lets_its_bearer_in_is_not_written(
    door: str, kind: type[JSONFormatter | TextFormatter]
) -> None:
    path, shown = f"{door}c23989e3-4f2c-1b7a-9d-11-1xUJEA-dAUc2RkK", f"{door}…"
    for record in (answer(path), failure(f"failed: {path}")):
        written = kind().format(record)
        assert shown in written
        assert "dAUc2RkK" not in written


def test_a_line_for_people_says_what_was_answered() -> None:
    line = TextFormatter().format(answer("/api/health"))
    assert line.split(" ", 1)[1].split() == ["INFO", "GET", "/api/health", "200", "1.25", "ms"]
    assert "\x1b[32m200\x1b[0m" in TextFormatter(colour=True).format(answer("/api/health"))


def test_no_path_draws_on_the_operator_s_terminal() -> None:
    assert "\x1b" not in TextFormatter().format(answer("/api/\x1b[2J\n"))
    assert "\n" not in TextFormatter().format(answer("/api/\x1b[2J\n"))


def written(data: Path, terminal: bool, **environment: str) -> str:
    """What a process logs whose stderr is a terminal, or a pipe."""
    read, write = os.openpty() if terminal else os.pipe()
    code = "import logging; logging.getLogger('chat_app').warning('hello')"
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        cwd=ROOT,
        env=inherited | {"ENV_FILE": "", "DATA_DIR": str(data)} | environment,
        stderr=write,
        check=True,
    )
    text = os.read(read, 10_000).decode()
    os.close(read)
    os.close(write)
    return text.strip()


@pytest.mark.parametrize(
    ("terminal", "environment", "is_json"),
    [
        (True, {}, False),
        (False, {}, True),
        (True, {"LOG_FORMAT": "json"}, True),
        (False, {"LOG_FORMAT": "text"}, False),
    ],
)
def test_on_a_terminal_lines_are_for_people(
    tmp_path: Path, terminal: bool, environment: dict[str, str], is_json: bool
) -> None:
    line = written(tmp_path, terminal, **environment)
    if is_json:
        assert json.loads(line)["message"] == "hello"
    else:
        assert line.endswith("chat_app: hello")
        assert ("\x1b[33mWARNING" in line) == terminal
