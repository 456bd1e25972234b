"""Addresses of this server, as clients reach it."""

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port
from rest_framework.request import Request

from chatjuicer.api.loopback import is_loopback


def absolute(request: Request | HttpRequest, path: str) -> str:
    url = request.build_absolute_uri(path)
    return url.replace("http://", "https://", 1) if over_tls(request) else url


def public(request: Request | HttpRequest, path: str) -> str:
    """The server's address for others than this client: PUBLIC_URL, or else the one by which the client reaches it."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}" if settings.PUBLIC_URL else absolute(request, path)


def over_tls(request: Request | HttpRequest) -> bool:
    """Whether the client came by TLS, which a proxy may have ended. Only the client itself is deceived by a header that
    it makes up."""
    return came_by_tls(request.scheme or "", request.headers.get("X-Forwarded-Proto", ""))


def came_by_tls(scheme: str, forwarded: str) -> bool:
    """`forwarded` is what X-Forwarded-Proto says."""
    return scheme == "https" or forwarded.lower() == "https"


def keeps_to_tls(host: str, scheme: str, forwarded: str) -> bool:
    """Whether the browser is to come by TLS alone from now on (Strict-Transport-Security). On its own machine other
    programs may answer without, at other ports of the name."""
    return came_by_tls(scheme, forwarded) and not is_loopback(split_domain_port(host)[0])


def cookie_name(name: str, host: str) -> str:
    """With the port of `host`: cookies are one for all ports of a host, where several servers may be."""
    _, port = split_domain_port(host)
    return f"{name}_{port}" if port else name
