from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chatjuicer.api.content_policy import permissions, source, static_source
from chatjuicer.api.errors import read_only

from .page_files import ENTRY, FONT, STYLESHEET, page_files

# The page runs its own files and talks to its own server; an answer cannot make it fetch or run anything else. A blob
# is what the page itself has made, such as a picture that it has loaded.
POLICY = (
    "default-src 'none'; script-src {static}; style-src {static}; font-src {static}; img-src 'self' data: blob:; "
    "connect-src 'self' {socket}; worker-src 'self'; manifest-src {static}; frame-src {sandbox}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
MAY_LISTEN = permissions("microphone")  # for dictation
# What an answer holds runs in a frame that has no origin, and may ask nobody: nor by going elsewhere, as the page names
# the only address that it may be at. Not all browsers know the words against WebRTC and names that are resolved ahead:
# what they leave open stands in docs/security.md.
SANDBOX_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; media-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; webrtc 'block'"
)
SANDBOX = "/sandbox"
# The service worker asks for the page and its files, and nothing else.
WORKER_POLICY = "default-src 'none'; connect-src 'self'"


@read_only
def index(request: HttpRequest) -> HttpResponse:
    files = page_files()
    about = {
        "base": files.base,
        "stylesheet": STYLESHEET,
        "font": FONT,
        "entry": ENTRY,
        "modules": files.modules,
        **ways_in(),
    }
    response = render(request, "chat/index.html", about)
    # Some browsers do not count a WebSocket of the same host as 'self'.
    socket = f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    response["Content-Security-Policy"] = POLICY.format(
        static=static_source(request), socket=socket, sandbox=source(request, SANDBOX)
    )
    response["Cache-Control"] = "no-store"
    response["Permissions-Policy"] = MAY_LISTEN
    response["Referrer-Policy"] = "same-origin"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@read_only
def sandbox(request: HttpRequest) -> HttpResponse:
    """An empty document for the page's frames."""
    script = page_files().by_name["sandbox.js"].plain.decode()  # such a frame may load no file
    response = render(request, "chat/sandbox.html", {"script": script})
    response["Content-Security-Policy"] = SANDBOX_POLICY
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Content-Type-Options"] = "nosniff"
    response["X-DNS-Prefetch-Control"] = "off"
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response


@read_only
def worker(request: HttpRequest) -> HttpResponse:
    """At the root, because a service worker sees what lies beside and below it."""
    response = HttpResponse(page_files().worker, content_type="text/javascript; charset=utf-8")
    response["Content-Security-Policy"] = WORKER_POLICY
    response["Cache-Control"] = "no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def ways_in() -> dict[str, str]:
    """What the sign-in page offers besides a password."""
    invited = "invite" if settings.REGISTRATION_INVITE_CODE else "open"
    return {
        "registration": invited if settings.ALLOW_REGISTRATION else "",
        "reset": "mail" if settings.EMAIL_URL else "",
        "oidc": " ".join(settings.OIDC_PROVIDERS),
    }
