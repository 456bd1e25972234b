import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.harness.server import EMAIL, PASSWORD, Site
from tests.harness.sites import Sites

pytestmark = pytest.mark.slow(reason="thousands of requests")

# Text with NUL is refused wherever it stands, also in fields nobody knows, which a schema cannot say.
CONFIGURATION = """
[generation]
allow-x00 = false

# Nor can it say which projects there are; and two clients, whose bodies overlap, share /api/v1/sessions.
[[operations]]
include-path-regex = "^/api/(v1/)?sessions(/[^/]+)?$"
checks.positive_data_acceptance.enabled = false
checks.negative_data_rejection.enabled = false

# Which passwords are common, which times are to come, which codes, tokens and cursors are right, what an archive is,
# which hosts and keys there are, and which accounts.
[[operations]]
include-path-regex = "^/api/(v1/)?(auth/(register|keys|.+/confirm)|accounts(/[^/]+)?|import|sessions/.+/share|search)$"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path-regex = "^/api/(groups/.+/members|service-accounts/.+/keys|budgets)$"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path-regex = "^/api/(webhooks(/[^/]+)?|mcp-servers(/[^/]+)?|providers(/[^/]+)?|push/subscriptions)$"
checks.positive_data_acceptance.enabled = false

# How many bytes a name has.
[[operations]]
include-path-regex = "^/api/(v1/)?(agents|sessions)/[^/]+/files"
checks.positive_data_acceptance.enabled = false

# A stream that goes on until its reader leaves.
[[operations]]
include-path = "/api/events"
request-timeout = 1

# A text that is too long may make a body that is too large.
[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
"""


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    return sites.get({"ALLOW_LOCALHOST_NOAUTH": "false"}, processes=1)


# It finds its own sign-in among the devices, and itself among the accounts, and would end what it goes by.
ENDS_SIGN_INS = ["/api/auth/devices/{device_id}", "/api/accounts/{account_id}/sign-out"]
# Which of its messages may be blank depends on those after them, which a schema cannot say either.
CHAT = "/api/chat"


@pytest.mark.parametrize(
    "which",
    [
        pytest.param(
            [argument for path in (CHAT, *ENDS_SIGN_INS) for argument in ("--exclude-path", path)],
            id="all but chat",
            marks=pytest.mark.only("postgres", reason="a minute; it takes less of what is no text or no number"),
        ),
        pytest.param(
            [
                *(argument for path in (CHAT, *ENDS_SIGN_INS) for argument in ("--include-path", path)),
                *("--exclude-checks", "positive_data_acceptance"),
            ],
            id="chat",
            marks=pytest.mark.only("sqlite", reason="the other database has the rest"),
        ),
    ],
)
def test_the_openapi_document_is_true(site: Site, tmp_path: Path, which: list[str]) -> None:
    """Of what the document allows and of what it forbids: sent, and the answers held against it."""
    credentials = {"email": EMAIL, "password": PASSWORD}
    grant = httpx.post(f"{site.url}/api/auth/login", json=credentials, trust_env=False).json()
    signed_in = {"Authorization": f"Bearer {grant['access_token']}"}
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    done = subprocess.run(
        [
            *(
                str(Path(sys.executable).with_name("schemathesis")),
                "--config-file",
                "schemathesis.toml",
                "run",
                f"{site.url}/api/schema",
            ),
            *("--header", f"Authorization: {signed_in['Authorization']}"),
            *("--phases", "coverage,fuzzing", "--mode", "all", "--max-examples", "3", "--generation-deterministic"),
            *(*which, "--no-color", "--request-timeout", "20"),
        ],
        cwd=tmp_path,
        env=os.environ | {"NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[done.stdout.find("= FAILURES =") :][:12_000]
    assert '"level":"error"' not in site.logs()
    # Else all that came after the end of its sign-in was answered by 401.
    assert httpx.get(f"{site.url}/api/auth/me", headers=signed_in, trust_env=False).status_code == 200
