"""Settings that can be read and are wrong: unsafe, or of no use. They stop `manage.py serve`."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning

from chat_app.notices.vapid import private_key
from chatjuicer.api.limits import Rate
from chatjuicer.api.loopback import is_loopback
from chatjuicer.encryption import ring


def unsafe_settings(**_: Any) -> list[CheckMessage]:
    return list(problems())


def problems() -> Iterator[CheckMessage]:
    here_only = is_loopback(settings.HOST)
    if settings.ALLOW_LOCALHOST_NOAUTH and not here_only:
        yield Error(
            f"ALLOW_LOCALHOST_NOAUTH asks for no password, and HOST {settings.HOST} is no loopback address.",
            hint="Unset ALLOW_LOCALHOST_NOAUTH, or listen on 127.0.0.1.",
            id="chatjuicer.E001",
        )
    if settings.DEBUG and not here_only:
        yield Error(
            "DEBUG shows settings and code to everybody who can reach the server.",
            hint="Unset DEBUG, or listen on 127.0.0.1.",
            id="chatjuicer.E002",
        )
    yield from problems_of_encryption()
    yield from problems_of_rates()
    yield from problems_of_mcp_servers(settings.MCP_SERVERS)
    yield from problems_of_networks()
    yield from problems_of_notices()
    yield from problems_of_identity_providers()
    if here_only and (settings.DEBUG or settings.RUN_LOCALLY):
        return
    yield from problems_of_keys()
    if "*" in settings.ALLOWED_HOSTS:
        yield Error(
            'ALLOWED_HOSTS "*" answers to every name, which lets a foreign page pose as this server.',
            hint="Name the hosts this server is reached by, separated by commas.",
            id="chatjuicer.E004",
        )
    if "*" in settings.CORS_ORIGINS:
        yield Error(
            'CORS_ORIGINS "*" lets every page use this server.',
            hint="Name the origins, such as https://chat.example.org, separated by commas.",
            id="chatjuicer.E005",
        )
    if settings.DEFAULT_USER_PASSWORD and len(settings.DEFAULT_USER_PASSWORD) < 8:
        yield Error(
            "DEFAULT_USER_PASSWORD is shorter than 8 characters, and the default user is an administrator.",
            hint="Give a longer one, or unset it to have one generated.",
            id="chatjuicer.E006",
        )


def problems_of_encryption() -> Iterator[CheckMessage]:
    try:
        ring(tuple(settings.MESSAGE_ENCRYPTION_KEYS))
    except ValueError:
        yield Error(
            "MESSAGE_ENCRYPTION_KEYS has an entry that is not a Fernet key.",
            hint="Make one: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
            id="chatjuicer.E009",
        )


def problems_of_rates() -> Iterator[CheckMessage]:
    for name in ("USER", "ADDRESS", "LOGIN_ACCOUNT", "LOGIN_EVERYWHERE", "LOGIN_ADDRESS"):
        rate = getattr(settings, f"RATE_LIMIT_{name}")
        try:
            Rate.of(rate)
        except ValueError:
            yield Error(
                f"RATE_LIMIT_{name} is {rate[:50]!r}, which is not a rate.",
                hint="Give a count and a unit, such as 600/min, or off.",
                id="chatjuicer.E008",
            )


def problems_of_identity_providers() -> Iterator[CheckMessage]:
    for name, entry in settings.OIDC_PROVIDERS.items():
        given = entry if isinstance(entry, dict) else {}
        if not all(isinstance(given.get(key), str) for key in ("issuer", "client_id")):
            yield Error(
                f"OIDC_PROVIDERS: the entry {name[:50]!r} has no issuer or no client_id.",
                hint='Give both: {"NAME": {"issuer": "https://…", "client_id": "…", "client_secret": "…"}}.',
                id="chatjuicer.E012",
            )


def problems_of_keys() -> Iterator[CheckMessage]:
    for name, instead in (("SECRET_KEY", "one is generated into DATA_DIR"), ("TOKEN_KEY", "SECRET_KEY signs tokens")):
        if is_guessable(getattr(settings, name)):
            yield Error(
                f"{name} is too short or too simple: who guesses it can sign in as anybody.",
                hint=f"Unset it, and {instead}; or give 50 random characters.",
                id="chatjuicer.E003",
            )
        if any(map(is_guessable, getattr(settings, f"{name}_FALLBACKS"))):
            yield Error(
                f"A former {name} is too short or too simple: who guesses it can sign in as anybody.",
                hint=f"Take it out of {name}_FALLBACKS: what it has signed and sealed is then no longer valid.",
                id="chatjuicer.E003",
            )


def is_guessable(key: str) -> bool:
    """Whether a key that is set is too short or too simple."""
    return bool(key) and (len(key) < 32 or len(set(key)) < 5)


def problems_of_networks() -> Iterator[CheckMessage]:
    for name, code in (("NOTICE_NETWORKS", "E013"), ("MCP_NETWORKS", "E015")):
        for network in getattr(settings, name):
            try:
                ip_network(network)
            except ValueError:
                yield Error(
                    f"{name} has an entry that is no network: {network[:50]!r}.",
                    hint="Give addresses as in 10.1.0.0/16 or 192.168.7.9, separated by commas.",
                    id=f"chatjuicer.{code}",
                )


def problems_of_notices() -> Iterator[CheckMessage]:
    try:
        private_key()
    except ValueError:
        yield Error(
            "VAPID_PRIVATE_KEY is no private key of the curve P-256 in base64url.",
            hint="Unset it, and one is generated into DATA_DIR.",
            id="chatjuicer.E014",
        )


# Of each transport, what an entry must say besides.
MCP_TRANSPORTS = {"stdio": "command", "streamable_http": "url"}
MCP_HINT = (
    'Give each a transport: {"NAME": {"transport": "stdio", "command": "…", "args": […]}} or '
    '{"NAME": {"transport": "streamable_http", "url": "https://…"}}.'
)


def problems_of_mcp_servers(servers: Mapping[str, Any]) -> Iterator[CheckMessage]:
    """An entry that describes no server costs that server's tools, and the rest works."""
    for name, entry in servers.items():
        where = f"MCP_SERVERS: the entry {name[:50]!r}"
        if not isinstance(entry, dict):
            yield Error(f"{where} is not an object.", hint=MCP_HINT, id="chatjuicer.E010")
        elif entry.get("transport") not in MCP_TRANSPORTS:
            transports = " nor ".join(MCP_TRANSPORTS)
            yield CheckWarning(
                f"{where} has a transport that is neither {transports}.", hint=MCP_HINT, id="chatjuicer.W011"
            )
        elif not isinstance(entry.get(needed := MCP_TRANSPORTS[entry["transport"]]), str):
            yield CheckWarning(f"{where} has no {needed}.", hint=MCP_HINT, id="chatjuicer.W011")
