"""Every setting: first those that an operator sets, then what Django and its apps need.

Each is an environment variable, or a file named by `NAME_FILE`, or a line of the file `.env` at the root; the
environment wins over that file, and what is set and empty counts as unset (chatjuicer/environment.py).
"""

import os
from datetime import timedelta
from pathlib import Path

from chatjuicer import __version__
from chatjuicer.api.loopback import is_loopback
from chatjuicer.api.peer import SYSTEM_TELLS
from chatjuicer.backends import bucket, cache, channel_layer, local_files
from chatjuicer.databases import POSTGRESQL_MOST_S, postgresql, sqlite
from chatjuicer.environment import MOST_DAYS, Environment, expecting, parsed_email_url
from chatjuicer.openapi import openapi_document
from chatjuicer.secret_key import generated_secret, generated_vapid_key, make
from chatjuicer.shipped_mcp_servers import shipped_mcp_servers
from sessions_app.providers.provider import parsed_fallbacks, parsed_providers

BASE_DIR = Path(__file__).resolve().parent.parent
ENV_FILE = os.environ.get("ENV_FILE", ".env")
env = Environment(BASE_DIR / ENV_FILE if ENV_FILE else None)

# -- the server

HOST = env.text("HOST", "127.0.0.1")
PORT = env.number("PORT", 8000, most=65_535)
# Set by `make run` alone: the server is somebody's own, on their own machine.
RUN_LOCALLY = env.flag("RUN_LOCALLY", False)
DEBUG = env.flag("DEBUG", False)
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL")
# json, one object a line; text, lines for people; unset: text on a terminal.
LOG_FORMAT = env.choice("LOG_FORMAT", "", "text", "json")
# The SQLite file, the generated secret and local files.
DATA_DIR = BASE_DIR / env.path("DATA_DIR", "data")
# postgresql://…; unset: SQLite in DATA_DIR.
DATABASE_URL = env.text("DATABASE_URL")
# PostgreSQL connections of this process.
DATABASE_POOL_MAX = env.number("DATABASE_POOL_MAX", 20, least=1)
DATABASE_POOL_MIN = env.number("DATABASE_POOL_MIN", min(2, DATABASE_POOL_MAX), most=DATABASE_POOL_MAX)
# How long PostgreSQL may take for a statement, a lock and a pause in a transaction while a server asks; 0: any time.
DATABASE_STATEMENT_TIMEOUT_S = env.seconds("DATABASE_STATEMENT_TIMEOUT_S", 20, most=POSTGRESQL_MOST_S)
DATABASE_LOCK_TIMEOUT_S = env.seconds("DATABASE_LOCK_TIMEOUT_S", 10, most=POSTGRESQL_MOST_S)
DATABASE_IDLE_TRANSACTION_TIMEOUT_S = env.seconds("DATABASE_IDLE_TRANSACTION_TIMEOUT_S", 20, most=POSTGRESQL_MOST_S)
# Needed by more than one process; unset: in memory.
REDIS_URL = env.address("REDIS_URL", "redis", "rediss")
# How long a server that is asked to stop lets running answers go on; a second signal ends them at once.
SHUTDOWN_GRACE_S = env.seconds("SHUTDOWN_GRACE_S", 8)
# Open WebSockets of this process, and those of one user; further ones are closed with 4429.
MAX_SOCKETS = env.number("MAX_SOCKETS", 10_000)
MAX_SOCKETS_PER_USER = env.number("MAX_SOCKETS_PER_USER", 2_000)
# HTTP connections from one address, without WebSockets; not bounded at 0, nor where TRUSTED_PROXIES is set.
MAX_CONNECTIONS_PER_ADDRESS = env.number("MAX_CONNECTIONS_PER_ADDRESS", 500)
# Bytes of text in one page of messages, events or approvals; a page that is cut says that there are more.
MAX_PAGE_BYTES = env.number("MAX_PAGE_BYTES", 4_000_000)
# Where traces go; the OpenTelemetry SDK reads this and its other variables itself.
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
# Lets others than this machine read /metrics.
METRICS_TOKEN = env.text("METRICS_TOKEN")

# -- who may come in

# Signs tokens; unset: generated once into DATA_DIR.
SECRET_KEY = env.text("SECRET_KEY") or generated_secret(DATA_DIR)
# Former keys: they still read what was sealed with them, and check what was signed with them.
SECRET_KEY_FALLBACKS = env.names("SECRET_KEY_FALLBACKS")
# Signs access and refresh tokens, and nothing else; unset: SECRET_KEY does.
TOKEN_KEY = env.text("TOKEN_KEY")
# Former keys of tokens; SECRET_KEY is one of them where it signed tokens before.
TOKEN_KEY_FALLBACKS = env.names("TOKEN_KEY_FALLBACKS")
# Names that the server answers to.
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", "localhost", "127.0.0.1", "[::1]")
# Origins of other pages that may use it.
CORS_ORIGINS = env.names("CORS_ORIGINS")
# A client on this machine acts as the default user without signing in.
ALLOW_LOCALHOST_NOAUTH = env.flag("ALLOW_LOCALHOST_NOAUTH", RUN_LOCALLY and is_loopback(HOST))
# Whether it must first open the address that is printed at the start. Unset: only where the operating system does not
# tell which user a connection belongs to.
ONE_TIME_ADDRESS = env.flag("ONE_TIME_ADDRESS", not SYSTEM_TELLS)
ALLOW_REGISTRATION = env.flag("ALLOW_REGISTRATION", False)
# Whether people may show a conversation to whoever has its address.
ALLOW_SHARING = env.flag("ALLOW_SHARING", True)
# Asked for at registration; unset: none is.
REGISTRATION_INVITE_CODE = env.text("REGISTRATION_INVITE_CODE")
# The first user, an administrator; a password that is unset is generated and printed once.
DEFAULT_USER_EMAIL = env.text("DEFAULT_USER_EMAIL", "local@chatjuicer.dev").lower()
DEFAULT_USER_PASSWORD = env.text("DEFAULT_USER_PASSWORD")
# Whether staff need one-time passwords for what only staff may: unset or staff.
REQUIRE_TOTP = env.choice("REQUIRE_TOTP", "", "staff")
# Providers of OpenID Connect: {"name": {"issuer", "client_id", "client_secret", "match_by_email", "register"}}.
OIDC_PROVIDERS = env.json_object("OIDC_PROVIDERS", {})
# Where mail goes out: smtp://user:password@host:587/?tls=True; unset: none does.
EMAIL_URL = env.text("EMAIL_URL")
EMAIL_FROM = env.text("EMAIL_FROM", "Chat Juicer <chat-juicer@localhost>")
# The server's address as people know it, for links in mails; unset: the one of the request.
PUBLIC_URL = env.address("PUBLIC_URL", "https", "http")
# "count/unit"; "off" is no limit.
RATE_LIMIT_USER = env.text("RATE_LIMIT_USER", "1200/min")
RATE_LIMIT_ADDRESS = env.text("RATE_LIMIT_ADDRESS", "3000/min")
# Tries to sign in to one account from one address, to one account from everywhere, and from one address to any.
RATE_LIMIT_LOGIN_ACCOUNT = env.text("RATE_LIMIT_LOGIN_ACCOUNT", "10/min")
RATE_LIMIT_LOGIN_EVERYWHERE = env.text("RATE_LIMIT_LOGIN_EVERYWHERE", "300/hour")
RATE_LIMIT_LOGIN_ADDRESS = env.text("RATE_LIMIT_LOGIN_ADDRESS", "30/min")
# Whether clients on this machine are counted, too.
RATE_LIMIT_LOOPBACK = env.flag("RATE_LIMIT_LOOPBACK", False)
# How many proxies stand before the server and add to X-Forwarded-For; at 0 that header is not read.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0)
# Fernet keys; the first writes, all read. None: texts are stored as they are.
MESSAGE_ENCRYPTION_KEYS = env.names("MESSAGE_ENCRYPTION_KEYS")
# With them: whether what was said can be searched, by keyed hashes of words.
SEARCH_ENCRYPTED = env.choice("SEARCH_ENCRYPTED", "off", "hashed")

# -- models and runs

# Without a key the offline demo model answers.
OPENAI_API_KEY = env.text("OPENAI_API_KEY")
OPENAI_BASE_URL = env.address("OPENAI_BASE_URL", "https", "http")
OPENAI_API = env.choice("OPENAI_API", "responses", "chat_completions")
# Azure OpenAI instead.
AZURE_OPENAI_ENDPOINT = env.address("AZURE_OPENAI_ENDPOINT", "https", "http")
AZURE_OPENAI_API_KEY = env.text("AZURE_OPENAI_API_KEY")
AZURE_OPENAI_API_VERSION = env.text("AZURE_OPENAI_API_VERSION")
# Further providers, a JSON list (docs/providers.md); those of the admin count before them.
with expecting("PROVIDERS"):
    PROVIDERS = parsed_providers(env.json_list("PROVIDERS"), env.text)
# Models that are asked where one's provider fails before it has said a word, as {"model": ["another"]}.
with expecting("MODEL_FALLBACKS"):
    MODEL_FALLBACKS = parsed_fallbacks(env.json_object("MODEL_FALLBACKS", {}), "models")
# How often providers are asked which models they have; 0: never.
MODEL_LIST_EVERY_S = env.seconds("MODEL_LIST_EVERY_S", 600)
# Of new sessions; unset: the provider's.
DEFAULT_MODEL = env.text("DEFAULT_MODEL")
# Tokens that models can be given, as {"model": tokens}; counts before what is known of them.
MODEL_WINDOWS = env.counts("MODEL_WINDOWS")
# Finds titles, by a small call of its own; unset: a title is the first words.
TITLE_MODEL = env.text("TITLE_MODEL")
# The model that embeds texts of files and messages, so that they are found by other words, too; `provider/model` names
# its provider. Unset: there are no vectors.
EMBEDDINGS = env.text("EMBEDDINGS")
# Tokens that are embedded in a day (UTC), of all texts together; 0: any number.
EMBEDDINGS_DAILY_TOKENS = env.number("EMBEDDINGS_DAILY_TOKENS", 10_000_000)
# With MESSAGE_ENCRYPTION_KEYS: whether there are vectors all the same, which lie there unencrypted.
EMBEDDINGS_ENCRYPTED = env.choice("EMBEDDINGS_ENCRYPTED", "off", "plain")
# Tokens that all models together may be asked in a day (UTC), of one user and of all, and US dollars that they may
# cost, as far as prices are known; 0: any number, any amount.
BUDGET_USER_DAILY_TOKENS = env.number("BUDGET_USER_DAILY_TOKENS", 0)
BUDGET_USER_DAILY_COST = env.amount("BUDGET_USER_DAILY_COST")
BUDGET_SERVER_DAILY_TOKENS = env.number("BUDGET_SERVER_DAILY_TOKENS", 0)
BUDGET_SERVER_DAILY_COST = env.amount("BUDGET_SERVER_DAILY_COST")
# A provider that says nothing for so long has failed.
MODEL_STALL_TIMEOUT_S = env.seconds("MODEL_STALL_TIMEOUT_S", 120)
# How long a turn that has said nothing yet is tried again while the provider fails.
MODEL_PATIENCE_S = env.seconds("MODEL_PATIENCE_S", 60)
# A run that works for longer is ended; 0: none is. Waiting for an approval does not count.
RUN_TIMEOUT_S = env.seconds("RUN_TIMEOUT_S", 3600)
# Model calls of one run.
AGENT_MAX_TURNS = env.number("AGENT_MAX_TURNS", 25, least=1)
# Whether this process claims queued runs, or leaves them to others.
SUPERVISE_RUNS = env.flag("SUPERVISE_RUNS", True)
# How often this process does the housekeeping; 0: never.
HOUSEKEEP_EVERY_S = env.seconds("HOUSEKEEP_EVERY_S", 60)
# How long after the end of a run its deltas are folded into few rows.
FOLD_AFTER_S = env.seconds("FOLD_AFTER_S", 600)
# Sessions that were not used for so long are archived; 0: none.
ARCHIVE_AFTER_DAYS = env.days("ARCHIVE_AFTER_DAYS", 0)
# How long a deleted session can be restored; 0: it is gone at once.
TRASH_DAYS = env.number("TRASH_DAYS", 30, most=MOST_DAYS)
# A process that is silent for so long has lost its runs.
LEASE_S = env.seconds("LEASE_S", 15, least=0.1)
# Runs of one user that this process executes at once; further ones wait, and past the second number are refused.
MAX_RUNS_PER_USER = env.number("MAX_RUNS_PER_USER", 250)
MAX_QUEUED_RUNS_PER_USER = env.number("MAX_QUEUED_RUNS_PER_USER", 1_000)

# -- tools

# Ports that the fetch tool which comes with the server may reach.
FETCH_PORTS = env.names("FETCH_PORTS", "80", "443")
# As {"name": {"transport", …}} (docs/tools.md); unset: those that come with the server.
MCP_SERVERS = env.json_object("MCP_SERVERS", shipped_mcp_servers(BASE_DIR, FETCH_PORTS))
# Networks that MCP servers of people may be in beside the public internet, such as 10.1.0.0/16, also by http.
MCP_NETWORKS = env.names("MCP_NETWORKS")
# Hosts that a tool may fetch from without asking; ".example.org" is it and all below it. Others: docs/tools.md.
FETCH_ALLOWED_HOSTS = env.names("FETCH_ALLOWED_HOSTS")
# How long one call of an MCP server's tool may take.
MCP_CALL_TIMEOUT_S = env.seconds("MCP_CALL_TIMEOUT_S", 60)
# Whether the model may search all conversations of the person that it talks with.
SEARCH_CONVERSATIONS = env.flag("SEARCH_CONVERSATIONS", False)
# Names of tools that act only when a person has agreed.
TOOLS_REQUIRE_APPROVAL = env.names("TOOLS_REQUIRE_APPROVAL")

# -- who is told without a connection

# Networks that webhooks and push services may be in beside the public internet, such as 10.1.0.0/16, also by http.
NOTICE_NETWORKS = env.names("NOTICE_NETWORKS")
# Pause after a delivery that failed; six times longer after each further one, up to 12 hours.
NOTICE_RETRY_S = env.seconds("NOTICE_RETRY_S", 10)
# By this key push services know this server: base64url of a P-256 private key; unset: generated once into DATA_DIR.
VAPID_PRIVATE_KEY = env.text("VAPID_PRIVATE_KEY") or generated_vapid_key(DATA_DIR)
# Whom a push service may contact about this server: mailto:… or https://…
VAPID_SUBJECT = env.text("VAPID_SUBJECT") or (
    PUBLIC_URL if PUBLIC_URL.startswith("https://") else "mailto:" + DEFAULT_USER_EMAIL
)

# -- files

# local, in DATA_DIR, or s3.
FILE_STORAGE = env.text("FILE_STORAGE", "local")
S3_BUCKET = env.text("S3_BUCKET")
# The address of an S3 server that is not Amazon's; clients use it, too.
S3_ENDPOINT = env.address("S3_ENDPOINT", "https", "http")
AWS_ACCESS_KEY_ID = env.text("AWS_ACCESS_KEY_ID")
AWS_SECRET_ACCESS_KEY = env.text("AWS_SECRET_ACCESS_KEY")
AWS_REGION = env.text("AWS_REGION")
# An S3 server that says nothing for so long has failed; uploads and downloads are tried twice.
S3_TIMEOUT_S = env.seconds("S3_TIMEOUT_S", 10)
# With MESSAGE_ENCRYPTION_KEYS: whether bytes of files are encrypted, too.
ENCRYPT_FILES = env.flag("ENCRYPT_FILES", True)
# Bytes of one upload.
MAX_FILE_SIZE = env.number("MAX_FILE_SIZE", 50 * 1024 * 1024)
# Bytes of one archive that is imported.
MAX_IMPORT_SIZE = env.number("MAX_IMPORT_SIZE", 2 * 1024**3)
# Bytes of all files of one user.
USER_QUOTA_BYTES = env.number("USER_QUOTA_BYTES", 5 * 1024**3)

# -- what follows is not for operators

VERSION = __version__
# Model calls alone leave the machine: the SDK sends no traces to OpenAI.
os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
# Other accounts of this machine must not read what people say.
make(DATA_DIR)

INSTALLED_APPS = [
    "chatjuicer.accounts.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "chatjuicer",
    "chatjuicer.accounts",
    "chatjuicer.operations",
    "sessions_app",
    "files_app",
    "chat_app",
]

MIDDLEWARE = [
    "chatjuicer.middleware.RequestMiddleware",
    "chatjuicer.middleware.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "chatjuicer.middleware.AddressLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "chatjuicer.urls"
ASGI_APPLICATION = "chatjuicer.asgi.application"
# Both spellings of a route are served (chatjuicer.middleware); neither redirects.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

_pool = {"min_size": DATABASE_POOL_MIN, "max_size": DATABASE_POOL_MAX, "timeout": 10}
with expecting("DATABASE_URL"):
    DATABASES = {"default": postgresql(DATABASE_URL, _pool) if DATABASE_URL else sqlite(DATA_DIR / "app.db")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS = {"default": channel_layer(REDIS_URL)}
CACHES = {"default": cache(REDIS_URL)}

AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = [
    "chatjuicer.accounts.hashers.FrugalArgon2",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "chatjuicer.accounts.hashers.BroughtBcrypt",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email"]},
    },
]
ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
REFRESH_TOKEN_LIFETIME = timedelta(days=7)
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": TOKEN_KEY or SECRET_KEY,
    "LEEWAY": timedelta(seconds=30),  # between the clocks of two machines
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "USER_ID_CLAIM": "sub",
    "TOKEN_TYPE_CLAIM": "type",
}

PASSWORD_RESET_TIMEOUT = 3600  # seconds
if EMAIL_URL:
    globals().update(parsed_email_url(EMAIL_URL))
EMAIL_TIMEOUT = 20  # seconds

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not (DEBUG or is_loopback(HOST))
# A proxy that ends TLS makes the admin's forms come from https:// while this server hears http://.
CSRF_TRUSTED_ORIGINS = [f"https://{'*' if host.startswith('.') else ''}{host}" for host in ALLOWED_HOSTS if host != "*"]
SECURE_REFERRER_POLICY = "same-origin"

CORS_ALLOW_ALL_ORIGINS = "*" in CORS_ORIGINS
CORS_ALLOWED_ORIGINS = [origin for origin in CORS_ORIGINS if origin != "*"]
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "range",
    "x-request-id",
]
CORS_EXPOSE_HEADERS = ["content-disposition", "etag", "link", "retry-after", "x-request-id"]

# Bytes of a JSON body.
MAX_BODY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_SIZE

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["chatjuicer.accounts.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "chatjuicer.accounts.scopes.HasScope",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["chatjuicer.api.limits.UserLimit"],
    "DEFAULT_PARSER_CLASSES": ["chatjuicer.api.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["chatjuicer.api.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "chatjuicer.api.renderers.AlwaysJSON",
    "EXCEPTION_HANDLER": "chatjuicer.api.errors.exception_handler",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
}

SPECTACULAR_SETTINGS = openapi_document(VERSION)

STATIC_URL = "static/"
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_USE_FINDERS = True
# The finders are asked once, at the start, and not for each request.
WHITENOISE_AUTOREFRESH = DEBUG

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

LOGGING_CONFIG = "chatjuicer.observability.logs.configure"
LOGGING = {"level": LOG_LEVEL, "format": LOG_FORMAT}

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "files": local_files(DATA_DIR / "files"),
}
if FILE_STORAGE == "s3":
    STORAGES["files"] = bucket(
        bucket_name=S3_BUCKET,
        endpoint_url=S3_ENDPOINT or None,
        access_key=AWS_ACCESS_KEY_ID or None,
        secret_key=AWS_SECRET_ACCESS_KEY or None,
        region_name=AWS_REGION or None,
        timeout_s=S3_TIMEOUT_S,
    )
