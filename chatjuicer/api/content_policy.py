"""Content security policies: what a browser may run of what this server answers.

Only files of the server's own are run, which lie below /static/: never an address below which people's files are.
"""

from django.conf import settings
from django.http import HttpRequest

DATA = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# The admin's own scripts ask for their words at jsi18n.
ADMIN = (
    "default-src 'none'; script-src {static} {words}; style-src {static} 'unsafe-inline'; img-src {static} data:; "
    "font-src {static}; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
DOCS = (
    "default-src 'none'; script-src {static} {docs}; style-src {static} 'unsafe-inline'; img-src {static} data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


FEATURES = ("camera", "geolocation", "microphone", "payment", "usb", "browsing-topics")


def permissions(*own: str) -> str:
    """A Permissions-Policy: what no page may use of a device, but for what an `own` one may."""
    return ", ".join(f"{feature}=({'self' if feature in own else ''})" for feature in FEATURES)


def policy_of(request: HttpRequest) -> str:
    """Of answers that bring none of their own."""
    path = request.path_info
    if path.startswith("/admin/"):
        return ADMIN.format(static=static_source(request), words=source(request, "/admin/jsi18n/"))
    if path == "/api/docs":
        return DOCS.format(static=static_source(request), docs=source(request, path))
    return DATA


def static_source(request: HttpRequest) -> str:
    return source(request, f"/{settings.STATIC_URL.strip('/')}/")


def source(request: HttpRequest, path: str) -> str:
    """As a policy names it: with no scheme, which is then the page's own."""
    host = request.get_host()
    # The grammar knows no IPv6 addresses.
    return "'self'" if host.startswith("[") else f"{host}{path}"
