import os
from datetime import timedelta
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from chatjuicer import __version__, env
from chatjuicer.api.loopback import is_loopback

# Nothing leaves the machine but the model call.
os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"

VERSION = __version__
BASE_DIR = env.BASE_DIR
DATA_DIR = env.DATA_DIR
# What people say is nobody else's on this machine.
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

HOST = env.HOST
PORT = env.PORT
RUN_LOCALLY = env.RUN_LOCALLY
DEBUG = env.DEBUG
SECRET_KEY = env.SECRET_KEY
ALLOWED_HOSTS = env.ALLOWED_HOSTS

INSTALLED_APPS = [
    "django.contrib.admin",
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


def sqlite() -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "app.db",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": (
                "PRAGMA busy_timeout=20000;"
                "PRAGMA journal_mode=WAL;"
                "PRAGMA synchronous=FULL;"
                "PRAGMA foreign_keys=ON;"
                "PRAGMA cache_size=-16000;"
                "PRAGMA journal_size_limit=67108864;"
            ),
        },
    }


def postgresql(url: str) -> dict[str, Any]:
    parts: dict[str, Any] = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            **parts,
            "pool": {"min_size": env.DATABASE_POOL_MIN, "max_size": env.DATABASE_POOL_MAX, "timeout": 10},
        },
    }


DATABASES = {"default": postgresql(env.DATABASE_URL) if env.DATABASE_URL else sqlite()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.REDIS_URL
CHANNEL_LAYERS: dict[str, Any] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if REDIS_URL:
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            # redis-py gives a silent connection 5 seconds by default; a session may be silent for longer.
            "hosts": [
                {
                    "address": REDIS_URL,
                    "socket_timeout": 120,
                    "socket_connect_timeout": 5,
                    "socket_keepalive": True,
                    "health_check_interval": 30,
                }
            ],
        },
    }

CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "chatjuicer",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }

AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = [
    "chatjuicer.accounts.hashers.FrugalArgon2",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
]
ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
REFRESH_TOKEN_LIFETIME = timedelta(days=7)
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": SECRET_KEY,
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "USER_ID_CLAIM": "sub",
    "TOKEN_TYPE_CLAIM": "type",
}
ALLOW_LOCALHOST_NOAUTH = env.ALLOW_LOCALHOST_NOAUTH
RATE_LIMIT_USER = env.RATE_LIMIT_USER
RATE_LIMIT_ADDRESS = env.RATE_LIMIT_ADDRESS
RATE_LIMIT_LOGIN_ACCOUNT = env.RATE_LIMIT_LOGIN_ACCOUNT
RATE_LIMIT_LOGIN_ADDRESS = env.RATE_LIMIT_LOGIN_ADDRESS
RATE_LIMIT_LOOPBACK = env.RATE_LIMIT_LOOPBACK
TRUSTED_PROXIES = env.TRUSTED_PROXIES
ALLOW_REGISTRATION = env.ALLOW_REGISTRATION
DEFAULT_USER_EMAIL = env.DEFAULT_USER_EMAIL
DEFAULT_USER_PASSWORD = env.DEFAULT_USER_PASSWORD

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not (DEBUG or is_loopback(HOST))
# A proxy that ends TLS makes the admin's forms come from https:// while this server hears http://.
CSRF_TRUSTED_ORIGINS = [f"https://{'*' if host.startswith('.') else ''}{host}" for host in ALLOWED_HOSTS if host != "*"]
SECURE_REFERRER_POLICY = "same-origin"

CORS_ORIGINS = env.CORS_ORIGINS
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
CORS_EXPOSE_HEADERS = ["content-disposition", "etag", "retry-after", "x-request-id"]

# Bytes of a JSON body.
MAX_BODY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_SIZE

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["chatjuicer.accounts.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
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

SPECTACULAR_SETTINGS = {
    "TITLE": "Chat Juicer",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api",
    "COMPONENT_SPLIT_REQUEST": True,
    # The serializers of a PATCH say themselves what may be left out.
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_NAME_OVERRIDES": {
        "AuthorRole": ["user", "assistant", "system"],
        "MessageRole": "sessions_app.models.message.Message.Role",
        "ReasoningEffort": "sessions_app.catalogue.REASONING_EFFORTS",
    },
    "TAGS": [
        {"name": "MAI", "description": "For the MAI client: the caller's sessions, latest change first."},
        {
            "name": "Agent Sparrow",
            "description": "For the support desk Agent Sparrow: a few active sessions for each type of agent.",
        },
        {
            "name": "Persona Lens",
            "description": "For Persona Lens: one account, in which each of its users has a namespace.",
        },
    ],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "chatjuicer.api.schema.add_error_answers",
    ],
}

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
LOGGING = {"level": env.LOG_LEVEL}

OPENAI_API_KEY = env.OPENAI_API_KEY
OPENAI_BASE_URL = env.OPENAI_BASE_URL
OPENAI_API = env.OPENAI_API
AZURE_OPENAI_ENDPOINT = env.AZURE_OPENAI_ENDPOINT
AZURE_OPENAI_API_KEY = env.AZURE_OPENAI_API_KEY
AZURE_OPENAI_API_VERSION = env.AZURE_OPENAI_API_VERSION
DEFAULT_MODEL = env.DEFAULT_MODEL
MODEL_STALL_TIMEOUT_S = env.MODEL_STALL_TIMEOUT_S
LEASE_S = env.LEASE_S
SHUTDOWN_GRACE_S = env.SHUTDOWN_GRACE_S
HOUSEKEEP_EVERY_S = env.HOUSEKEEP_EVERY_S
FOLD_AFTER_S = env.FOLD_AFTER_S
ARCHIVE_AFTER_DAYS = env.ARCHIVE_AFTER_DAYS
AGENT_MAX_TURNS = env.AGENT_MAX_TURNS
MAX_SOCKETS = env.MAX_SOCKETS
MAX_SOCKETS_PER_USER = env.MAX_SOCKETS_PER_USER
MAX_RUNS_PER_USER = env.MAX_RUNS_PER_USER
MAX_QUEUED_RUNS_PER_USER = env.MAX_QUEUED_RUNS_PER_USER
SUPERVISE_RUNS = env.SUPERVISE_RUNS
METRICS_TOKEN = env.METRICS_TOKEN
OTEL_EXPORTER_OTLP_ENDPOINT = env.OTEL_EXPORTER_OTLP_ENDPOINT

MESSAGE_ENCRYPTION_KEYS = env.MESSAGE_ENCRYPTION_KEYS

FILE_STORAGE = env.FILE_STORAGE
S3_BUCKET = env.S3_BUCKET
S3_ENDPOINT = env.S3_ENDPOINT
AWS_ACCESS_KEY_ID = env.AWS_ACCESS_KEY_ID
AWS_SECRET_ACCESS_KEY = env.AWS_SECRET_ACCESS_KEY
AWS_REGION = env.AWS_REGION
MAX_FILE_SIZE = env.MAX_FILE_SIZE
USER_QUOTA_BYTES = env.USER_QUOTA_BYTES
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "files": {
        "BACKEND": "files_app.storage.LocalStorage",
        "OPTIONS": {"location": DATA_DIR / "files"},
    },
}
if FILE_STORAGE == "s3":
    STORAGES["files"] = {
        "BACKEND": "files_app.s3.BucketStorage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": S3_ENDPOINT or None,
            "access_key": AWS_ACCESS_KEY_ID or None,
            "secret_key": AWS_SECRET_ACCESS_KEY or None,
            "region_name": AWS_REGION or None,
        },
    }

MCP_SERVERS = env.MCP_SERVERS
MCP_CALL_TIMEOUT_S = env.MCP_CALL_TIMEOUT_S
TOOLS_REQUIRE_APPROVAL = env.TOOLS_REQUIRE_APPROVAL
