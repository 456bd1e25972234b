import logging
import random
import re
import time
from collections.abc import Callable
from functools import partial

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from chatjuicer.api import content_policy
from chatjuicer.api.addresses import keeps_to_tls
from chatjuicer.api.awaited import AwaitedResponse, AwaitedStream
from chatjuicer.api.errors import answer
from chatjuicer.api.limits import TooManyRequests, address, origin_of, spend_address, spend_sign_in
from chatjuicer.observability.context import acting_user, client_address, request_id
from chatjuicer.observability.tracing import note_answer, request_span

logger = logging.getLogger("chatjuicer.request")

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def request_name(given: str) -> str:
    """The X-Request-ID that was given, or a new one in the place of one that is none. It is no secret."""
    return given if SANE_REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"


class RequestMiddleware:
    """Gives each request an id, serves routes in both spellings, logs one line without the query."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        name = request_name(request.headers.get("X-Request-ID", ""))
        forget = request_id.set(name)
        forget_user = acting_user.set(None)  # until the credentials say
        forget_address = client_address.set(address(*origin_of(request)))
        try:
            path = request.path_info
            if path.endswith("/") and path != "/" and not path.startswith("/admin/"):
                request.path_info = path[:-1]
            with request_span(request.method or "", request.headers) as span:
                response = self.get_response(request)
                note_answer(span, request, response.status_code)
            response.headers["X-Request-ID"] = name
            log = partial(log_answer, request.method, path, started)
            if isinstance(response, AwaitedResponse | AwaitedStream):
                response.when_filled = log
            else:
                log(response)
            return response
        finally:
            request_id.reset(forget)
            acting_user.reset(forget_user)
            client_address.reset(forget_address)


def log_answer(method: str | None, path: str, started: float, response: HttpResponseBase) -> None:
    """`started` is of the performance counter."""
    took_ms = round((time.perf_counter() - started) * 1000, 1)
    about = {"method": method, "path": path, "status": response.status_code, "duration_ms": took_ms}
    logger.info("request", extra=about)


PERMISSIONS_POLICY = content_policy.permissions()
HSTS = "max-age=31536000"


class SecurityHeadersMiddleware:
    """What browsers may not do with an answer. A view that says something else about its own is left alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        path = request.path_info
        # A signed address is shown by pages of other origins too; who has it needs no other credentials.
        shared = path.startswith(("/api/files/get/", "/static/"))
        response.headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin" if shared else "same-origin")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        if path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        try:
            host = request.get_host()
            if not path.startswith("/static/"):
                response.headers.setdefault("Content-Security-Policy", content_policy.policy_of(request))
        except DisallowedHost:
            return response
        if keeps_to_tls(host, request.scheme or "", request.headers.get("X-Forwarded-Proto", "")):
            response.headers.setdefault("Strict-Transport-Security", HSTS)
        return response


class AddressLimitMiddleware:
    """Limits the requests of one address, before authentication. Health is never limited."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        try:
            if path.startswith("/api/") and not path.startswith("/api/health"):
                spend_address(request)
            elif path.startswith("/admin/login") and request.method == "POST":
                spend_sign_in(request, request.POST.get("username", ""))
        except TooManyRequests as error:
            response = answer(error.status_code)
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        return self.get_response(request)
