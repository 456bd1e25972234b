"""The product's settings with a place of the tests' own, and password hashes that cost nothing."""

import os
import tempfile
from pathlib import Path

DIRECTORY = Path(tempfile.mkdtemp(prefix="chatjuicer-tests-"))

os.environ.update(
    ENV_FILE="",
    DATA_DIR=str(DIRECTORY),
    SECRET_KEY="not a secret: the key that the tests sign their tokens with",
    DATABASE_URL=os.environ.get("TEST_DATABASE_URL", ""),
    REDIS_URL=os.environ.get("TEST_REDIS_URL", ""),
    DEFAULT_USER_PASSWORD="",
)
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "DEFAULT_MODEL"):
    os.environ[name] = ""

from chatjuicer.settings import *  # noqa: E402, F403
from chatjuicer.settings import DATABASES  # noqa: E402

ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1", "[::1]"]
ALLOW_LOCALHOST_NOAUTH = False
ALLOW_REGISTRATION = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A file, as in life: a database in memory knows neither WAL nor two connections.
DATABASES["default"].setdefault("TEST", {})
if not os.environ["DATABASE_URL"]:
    DATABASES["default"]["TEST"]["NAME"] = str(DIRECTORY / "test.db")
