from typing import Any


def refused(answer: Any, status: int, code: str) -> None:
    """In the one shape."""
    assert answer.status_code == status, answer.content[:300]
    body = answer.json()
    assert body["detail"] == body["message"] == body["error"]["message"] != ""
    assert body["error"]["code"] == code
    assert body["error"]["request_id"] == answer.headers["X-Request-ID"]
