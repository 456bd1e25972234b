"""The product's settings with a place of the tests' own, and password hashes that cost nothing.

TEST_PROFILE=postgres runs the tests on PostgreSQL and Redis instead of SQLite and memory.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from tests.harness import databases, services

PROFILE = os.environ.get("TEST_PROFILE", "sqlite")
DIRECTORY = Path(tempfile.mkdtemp(prefix="chatjuicer-tests-"))
atexit.register(shutil.rmtree, DIRECTORY, ignore_errors=True)
databases.run_directory()
if PROFILE == "postgres":
    # The first process of a run starts it, and its workers inherit it.
    os.environ["TEST_DATABASE_URL"] = services.postgres().url

os.environ.update(
    ENV_FILE="",
    DATA_DIR=str(DIRECTORY),
    SECRET_KEY="not a secret: the key that the tests sign their tokens with",
    DATABASE_URL=services.postgres().url if PROFILE == "postgres" else "",
    REDIS_URL=services.redis().url if PROFILE == "postgres" else "",
    DEFAULT_USER_PASSWORD="",
    OPENAI_API_KEY="",
    OPENAI_BASE_URL="",
    AZURE_OPENAI_ENDPOINT="",
    DEFAULT_MODEL="",
    PROVIDERS="",
    MODEL_FALLBACKS="",
    EMBEDDINGS="",
)

from chatjuicer.settings import *  # noqa: E402, F403
from chatjuicer.settings import DATABASES, INSTALLED_APPS, MIDDLEWARE  # noqa: E402

INSTALLED_APPS = ["tests.harness.emptying", *INSTALLED_APPS]
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1", "[::1]"]
# Too few for threads to keep a connection (chat_app/database.py): the database is dropped at the end.
DATABASE_POOL_MAX = 12
MIDDLEWARE = ["tests.attack.marked.LookAtAnswers", *MIDDLEWARE]
ALLOW_LOCALHOST_NOAUTH = False
ALLOW_REGISTRATION = True
# All tests sign in from one address; those that are about limits set their own.
RATE_LIMIT_LOGIN_ACCOUNT = RATE_LIMIT_LOGIN_EVERYWHERE = RATE_LIMIT_LOGIN_ADDRESS = "off"
# Else each client of a test looks at every static file again, which takes longer than what it asks for.
WHITENOISE_AUTOREFRESH = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MIGRATE = (dict(os.environ) | {"DJANGO_SETTINGS_MODULE": "chatjuicer.settings"}, "migrate")
if PROFILE == "sqlite":
    # A file, as in life: a database in memory knows neither WAL nor two connections.
    DATABASES["default"]["TEST"] = {"NAME": str(DIRECTORY / "test.db")}
else:
    DATABASES["default"]["TEST"] = {"TEMPLATE": databases.postgres_template(*MIGRATE)}
