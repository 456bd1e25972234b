"""Which scope of an API key each route takes. A new route stands here, or fails."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLResolver, get_resolver
from rest_framework.permissions import IsAuthenticated
from rest_framework.views import APIView

from chatjuicer.accounts.models import Scope
from chatjuicer.accounts.scopes import HasScope, scope_needed


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Path and callback of whatever is served."""
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, path)
        else:
            yield path, pattern.callback


def methods_of(callback: Any) -> list[str]:
    view = callback.cls
    names = getattr(callback, "actions", None) or [name for name in view.http_method_names if hasattr(view, name)]
    return [name.upper() for name in names if name not in ("head", "options")]


ROUTES = [(path, callback) for path, callback in patterns(get_resolver()) if hasattr(callback, "cls")]  # DRF's

MESSAGE = "api/sessions/<str:key>/messages/<uuid:mid>"
SESSION, PROJECT = "api/sessions/<str:key>", "api/v1/projects/<uuid:project_id>"
WEBHOOK = "api/webhooks/<uuid:webhook_id>"
OWN_SERVER = "api/mcp-servers/<uuid:server_id>"
GROUP, SERVICE = "api/groups/<int:group_id>", "api/service-accounts/<uuid:service_id>"
PROVIDER = "api/providers/<int:provider_id>"
ACCOUNT = "api/accounts/<uuid:account_id>"
ADMIN = {
    "GET api/auth/devices", "DELETE api/auth/devices/<uuid:device_id>", "POST api/auth/logout-everywhere",
    "GET api/auth/identities", "DELETE api/auth/identities/<int:identity_id>",
    "GET api/auth/keys", "POST api/auth/keys", "DELETE api/auth/keys/<uuid:key_id>",
    "PATCH api/auth/me", "DELETE api/auth/me", "POST api/auth/password", "POST api/auth/email",
    "POST api/auth/totp/setup", "POST api/auth/totp/confirm", "DELETE api/auth/totp",
    "POST api/auth/totp/recovery-codes",
    "GET api/audit", "GET api/audit/chain", "GET api/audit/export",
    "GET api/webhooks", "POST api/webhooks", *(f"{method} {WEBHOOK}" for method in ("GET", "PATCH", "DELETE")),
    f"GET {WEBHOOK}/deliveries", "GET api/push/key",
    *(f"{method} {OWN_SERVER}" for method in ("GET", "PATCH", "DELETE")), f"POST {OWN_SERVER}/connect",
    *(f"{method} api/mcp-servers" for method in ("GET", "POST")), "POST api/mcp-servers/authorize",
    *(f"{method} {many}" for method in ("GET", "POST") for many in (
        "api/groups", f"{GROUP}/members", "api/service-accounts", f"{SERVICE}/keys", "api/budgets",
        "api/accounts", "api/providers",
    )),
    *(f"{method} {one}" for method in ("GET", "PATCH", "DELETE") for one in (GROUP, SERVICE, ACCOUNT, PROVIDER)),
    "GET api/budgets/<uuid:user_id>", "DELETE api/budgets/<uuid:user_id>", "GET api/usage/all",
    "POST api/providers/test",
    *(f"POST {ACCOUNT}/{verb}" for verb in ("sign-out", "password-reset")), f"DELETE {ACCOUNT}/totp",
    f"DELETE {GROUP}/members/<uuid:member_id>", f"DELETE {SERVICE}/keys/<uuid:key_id>",
    *(f"{method} api/push/subscriptions" for method in ("GET", "POST", "DELETE")),
}  # fmt: skip
NO_CHANGE = {"POST api/auth/ws-ticket", "POST api/exports"}
CHAT = {
    "POST api/sessions", f"PATCH {SESSION}", f"DELETE {SESSION}", f"POST {SESSION}/clear", f"POST {SESSION}/interrupt",
    f"POST {SESSION}/restore", f"POST {SESSION}/share", f"DELETE {SESSION}/share", "POST api/shares/<str:token>/copy",
    f"POST {SESSION}/summarize", f"POST {SESSION}/context/undo",
    f"POST {SESSION}/messages", f"POST {SESSION}/approvals/<uuid:approval_id>",
    "POST api/chat", "POST api/import", f"PUT {SESSION}/draft", f"PUT {SESSION}/read",
    f"POST {SESSION}/continue", f"DELETE {MESSAGE}",
    *(f"POST {MESSAGE}/{verb}" for verb in ("regenerate", "edit", "select", "feedback", "pin")),
    "POST api/v1/sessions", "PATCH api/v1/sessions/<str:key>", "DELETE api/v1/sessions/<str:key>",
    "POST api/v1/sessions/<str:key>/messages",
    "POST api/v1/chat-sessions", "PUT api/v1/chat-sessions/<str:key>", "DELETE api/v1/chat-sessions/<str:key>",
    "POST api/v1/chat-sessions/<str:key>/messages",
    "POST api/v1/sessions/<str:key>/summarize",
    *(f"{verb} api/{kind}s/<uuid:{kind}_id>" for kind in ("agent", "prompt") for verb in ("PATCH", "DELETE")),
    "POST api/agents", "POST api/prompts",
    "POST api/v1/projects", f"PATCH {PROJECT}", f"DELETE {PROJECT}",
    "POST api/users/<str:user_id>/sessions", "PATCH api/users/<str:user_id>/sessions/<str:session_id>",
    "DELETE api/users/<str:user_id>/sessions/<str:session_id>",
}  # fmt: skip
CHANGES_FILES = {
    f"{change} {holder}/files/{file}"
    for holder in ("api/sessions/<str:key>", "api/v1/sessions/<str:key>", "api/agents/<uuid:agent_id>")
    for change, files in {
        "POST": ("upload", "presign-upload", "confirm"),
        "DELETE": (
            "<name:name>", "upload", "presign-upload", "confirm",
            "<name:name>/download", "<name:name>/presign-download",
            "<name:name>/path",
        ),
    }.items()
    for file in files
}  # fmt: skip
# Those that look at no Authorization header: for everybody, or with a proof of their own.
PUBLIC = {
    "metrics", "api/health", "api/health/live", "api/health/ready", "api/config", "api/schema", "api/docs",
    "api/auth/register", "api/auth/login", "api/auth/refresh", "api/auth/logout",
    "api/auth/password/reset", "api/auth/password/reset/confirm", "api/auth/email/confirm",
    "api/auth/oidc/<slug:provider>/login", "api/auth/oidc/<slug:provider>/callback",
    "api/v1/auth/register", "api/v1/auth/login", "api/v1/auth/refresh", "api/v1/auth/logout",
    "api/v1/config", "api/v1/health",
    "api/files/put/<str:token>", "api/files/get/<str:token>", "api/mcp-servers/callback",
}  # fmt: skip


def test_every_route_takes_the_scope_that_is_written_here() -> None:
    taken: dict[str, set[str]] = {scope: set() for scope in Scope.values}
    for path, callback in ROUTES:
        view = callback.cls(**callback.initkwargs)
        if view.authentication_classes:
            for method in methods_of(callback):
                taken[scope_needed(view, method)].add(f"{method} {path}")
    reads = {route for route in taken["read"] if route.startswith("GET ")}
    assert taken["read"] - reads == NO_CHANGE
    assert {route.split("/")[1] for route in reads} <= {
        "auth", "sessions", "search", "approvals", "events", "export", "exports", "usage", "v1", "users",
        "agents", "prompts", "shares",
    }  # fmt: skip
    assert "GET api/auth/me" in reads
    assert taken["admin"] == ADMIN
    assert taken["chat"] == CHAT
    assert taken["files"] == CHANGES_FILES


def test_every_route_asks_for_it_unless_it_is_for_everybody() -> None:
    public = set()
    for path, callback in ROUTES:
        if not callback.cls.authentication_classes:
            public.add(path)
        else:
            assert callback.cls.permission_classes[:2] == [IsAuthenticated, HasScope], path
    assert public == PUBLIC


def test_a_view_that_says_nothing_takes_admin() -> None:
    class New(APIView):
        pass

    assert {scope_needed(New, method) for method in ("GET", "HEAD", "OPTIONS", "POST", "DELETE")} == {Scope.ADMIN}
