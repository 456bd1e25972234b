"""Addresses of this server, as clients reach it."""

from django.http import HttpRequest
from rest_framework.request import Request


def absolute(request: Request | HttpRequest, path: str) -> str:
    url = request.build_absolute_uri(path)
    # Behind a proxy that ends TLS. A client that makes the header up gets a wrong address, and nobody else does.
    if request.headers.get("X-Forwarded-Proto") == "https":
        url = url.replace("http://", "https://", 1)
    return url
