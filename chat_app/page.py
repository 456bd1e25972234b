from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from chatjuicer.api.content_policy import static_source

# The page runs its own files and talks to its own server; an answer cannot make it fetch or run anything else.
POLICY = (
    "default-src 'none'; script-src {static}; style-src {static}; img-src 'self' data:; "
    "connect-src 'self' {socket}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    response = render(request, "chat/index.html")
    # Some browsers do not count a WebSocket of the same host as 'self'.
    socket = f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    response["Content-Security-Policy"] = POLICY.format(static=static_source(request), socket=socket)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "same-origin"
    response["X-Content-Type-Options"] = "nosniff"
    return response
