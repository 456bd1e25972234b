"""docker-compose.yml and Dockerfile: what they start is what is started here, in the environment that they give."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness import services
from tests.harness.client import Client, text_of
from tests.harness.server import PASSWORD, ROOT
from tests.harness.services import free_port, until

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def test_two_processes_serve_by_the_same_command_as_outside() -> None:
    serving = [service for service in OURS.values() if service["command"] == ["python", "manage.py", "serve"]]
    assert len(serving) >= 2
    assert "manage.py serve" in (ROOT / "Makefile").read_text()
    assert DOCKERFILE.rstrip().endswith('CMD ["python", "manage.py", "serve"]')


def test_what_lasts_has_a_volume_and_what_is_waited_for_has_a_health_check() -> None:
    assert {"postgres", "redis", "s3"} <= set(SERVICES)
    for service in SERVICES.values():
        for name, condition in service.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy":
                assert "test" in SERVICES[name]["healthcheck"], name
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]
    assert SERVICES["postgres"]["image"].split(":")[1] >= "16"


def test_the_image_has_no_secret_and_no_root() -> None:
    assert re.search(r"^USER (?!root|0)", DOCKERFILE, re.MULTILINE)
    assert DOCKERFILE.count("FROM ") == 2
    assert not re.search(r"^(ENV|ARG).*(SECRET|PASSWORD|KEY)", DOCKERFILE, re.MULTILINE)
    admitted = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((ROOT / line[1:]).exists() for line in admitted)
    assert {line[1:] for line in admitted}.isdisjoint({".env", "data", "tests", ".git", ".venv"})


def resolved(value: object) -> str:
    """As compose does where nothing is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a container has: compose's variables, the Dockerfile's, and the addresses of real servers."""
    database_url = services.postgres().create_database()
    (line,) = re.findall(r"^ENV (.*HOST=.*)$", DOCKERFILE, re.MULTILINE)
    image = dict(assignment.split("=", 1) for assignment in shlex.split(line))
    given = {name: resolved(value) for name, value in OURS["server-1"]["environment"].items()}
    yield (
        image
        | given
        | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DATA_DIR": str(tmp_path),
            "DATABASE_URL": database_url,
            "REDIS_URL": services.redis().url,
            "PORT": str(free_port()),
            "DEFAULT_USER_PASSWORD": PASSWORD,
        }
    )
    services.postgres().drop_database(database_url)


@pytest.fixture
def started(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The address of what compose starts, in its order."""
    subprocess.run(OURS["prepare"]["command"], cwd=ROOT, env=environment, check=True, capture_output=True)
    processes = []
    for name in ("server-1", "executor"):
        with (tmp_path / name).open("w") as log:
            processes.append(subprocess.Popen(OURS[name]["command"], cwd=ROOT, env=environment, stdout=log, stderr=log))
    until(lambda: healthy(environment), f"the health check succeeds, see {tmp_path}")
    yield f"http://127.0.0.1:{environment['PORT']}"
    for process in processes:
        process.terminate()
    assert {process.wait(30) for process in processes} <= {0, -signal.SIGTERM}


@pytest.mark.only("postgres", reason="it is the deployment on PostgreSQL and Redis")
async def test_its_commands_prepare_serve_and_execute(started: str, environment: dict[str, str]) -> None:
    client = await Client(started).login(environment["DEFAULT_USER_EMAIL"], PASSWORD)
    async with client.chat(await client.create_session()) as chat:
        assert text_of(await chat.ask("count to 3")).endswith("1, 2, 3.")
    await client.close()


def healthy(environment: dict[str, str]) -> bool:
    """The image's own health check."""
    (check,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.*?\])$", DOCKERFILE.replace("\\\n", ""), re.MULTILINE)
    return subprocess.run(json.loads(check), env=environment, capture_output=True, check=False).returncode == 0
