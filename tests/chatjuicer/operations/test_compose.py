"""docker-compose.yml and Dockerfile: what they start is what is started here, in the environment that they give."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
import yaml

from chatjuicer.operations import sbom
from tests.harness import databases, services
from tests.harness.client import Client, text_of
from tests.harness.server import PASSWORD, ROOT
from tests.harness.services import free_port, until
from tests.settings import MIGRATE

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


def test_there_are_no_default_passwords_and_nothing_is_without_bounds() -> None:
    """compose itself refuses to start where one is missing."""
    text = (ROOT / "docker-compose.yml").read_text()
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)(:[-?])([^}]*)\}", text)
    assert {name for name, operator, _ in secrets if operator == ":?"} == {
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "MINIO_ROOT_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
    }
    assert [default for _, operator, default in secrets if operator == ":-" and default] == []
    for name, service in SERVICES.items():
        assert {"mem_limit", "pids_limit", "security_opt"} <= service.keys(), name
        assert "MINIO_ROOT_PASSWORD" not in service.get("environment", {}) or name in ("s3", "bucket")


def test_settings_that_are_not_named_are_given_to_the_servers_and_to_nobody_else() -> None:
    """And none that is: what stands in `environment` is stronger, also where it is empty."""
    files = {name: service.get("env_file") for name, service in SERVICES.items()}
    assert {name for name, given in files.items() if given} == OURS.keys()
    assert [path for given in files.values() for path in given or []] == [SETTINGS_FILE] * len(OURS)
    assert "settings.env" in (ROOT / ".gitignore").read_text().splitlines()


SETTINGS_FILE = {"path": "settings.env", "required": False}


def test_the_servers_keys_open_one_bucket() -> None:
    allowed = json.loads(SERVICES["bucket"]["environment"]["POLICY"])["Statement"]
    assert {one["Resource"] for one in allowed} == {"arn:aws:s3:::chatjuicer", "arn:aws:s3:::chatjuicer/*"}
    assert not [action for one in allowed for action in one["Action"] if "*" in action]


def test_what_is_installed_is_what_was_locked() -> None:
    """Each pin has the hashes of its files, and every way to install insists on them."""
    for name in ("requirements.txt", "requirements-test.txt"):
        pins = re.findall(
            r"^(\S+==\S+)(.*\n(?: +--hash=sha256:[0-9a-f]{64}.*\n)*)", (ROOT / name).read_text(), re.MULTILINE
        )
        assert len(pins) > 80
        assert [pin for pin, files in pins if "--hash" not in files] == []
    for text in (DOCKERFILE, (ROOT / "Makefile").read_text()):
        installs = re.findall(r".*(?:pip install|PIP_INSTALL\)).* -r .*", text)
        assert installs
        assert [line for line in installs if "--require-hashes" not in line] == []


def test_the_bill_of_materials_names_what_is_installed_and_what_browsers_are_sent() -> None:
    bill = sbom.bill()
    named = {one["purl"]: one for one in bill["components"]}
    assert len(named) == len(bill["components"]) > 80
    assert named[f"pkg:pypi/django@{django.__version__}"]["licenses"] == [{"expression": "BSD-3-Clause"}]
    sent = [one for purl, one in named.items() if purl.startswith("pkg:npm/")]
    folders = [path for path in (ROOT / "chat_app/static/chat/vendor").iterdir() if path.is_dir()]
    assert len(sent) == len(folders)
    assert all(len(one["hashes"][0]["content"]) == 64 for one in sent)
    assert {ref for line in bill["dependencies"] for ref in line["dependsOn"]} <= named.keys()


def resolved(value: object) -> str:
    """As compose does where only what must be set is set."""
    return re.sub(r"\$\{\w+:\?[^}]*\}", "set", re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value)))


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a container has: compose's variables, the Dockerfile's, and the addresses of real servers."""
    database_url = services.postgres().create_database(databases.postgres_template(*MIGRATE))
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
    until(lambda: listens(int(environment["PORT"])), f"the server listens, see {tmp_path}")  # each check is a process
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


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def healthy(environment: dict[str, str]) -> bool:
    """The image's own health check."""
    (check,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.*?\])$", DOCKERFILE.replace("\\\n", ""), re.MULTILINE)
    return subprocess.run(json.loads(check), env=environment, capture_output=True, check=False).returncode == 0
