"""The one shape, and the largest size, of every error that leaves by HTTP."""

import logging
import uuid
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import islice
from typing import Any, ParamSpec

import orjson
from django.core.exceptions import (
    DisallowedHost,
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SynchronousOnlyOperation,
)
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.defaults import bad_request, page_not_found, permission_denied, server_error
from rest_framework import exceptions, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from chatjuicer.api.exceptions import ApiError, PayloadTooLarge, Unavailable
from chatjuicer.api.renderers import JSONRenderer
from chatjuicer.observability.context import request_id
from chatjuicer.observability.logs import cut
from chatjuicer.observability.seldom import SeldomLine

logger = logging.getLogger(__name__)
unanswered = SeldomLine(logger, "requests that the database did not answer", with_stack=True)

P = ParamSpec("P")

# Three times a message whose every character JSON writes as six bytes, and what stands around it, are below 4 kB.
MAX_ERROR_BYTES = 4_000
MAX_MESSAGE_CHARS = 200  # that of a field may hold the value that was sent, which may be as large as a body
MAX_FIELD_CHARS = 100
MAX_DETAILS = 50

CODES = {
    status.HTTP_400_BAD_REQUEST: ("invalid_input", "The request is not valid."),
    status.HTTP_401_UNAUTHORIZED: ("not_authenticated", "Authentication is required."),
    status.HTTP_403_FORBIDDEN: ("forbidden", "This is not allowed."),
    status.HTTP_404_NOT_FOUND: ("not_found", "Not found."),
    status.HTTP_405_METHOD_NOT_ALLOWED: ("method_not_allowed", "This method is not allowed here."),
    status.HTTP_406_NOT_ACCEPTABLE: ("not_acceptable", "This format is not offered."),
    status.HTTP_408_REQUEST_TIMEOUT: ("request_timeout", "The request came too slowly."),
    status.HTTP_413_REQUEST_ENTITY_TOO_LARGE: ("payload_too_large", "The body is too large."),
    status.HTTP_415_UNSUPPORTED_MEDIA_TYPE: (
        "unsupported_media_type",
        "This media type is not understood here.",
    ),
    status.HTTP_429_TOO_MANY_REQUESTS: ("throttled", "Too many requests; try again later."),
    status.HTTP_431_REQUEST_HEADER_FIELDS_TOO_LARGE: ("headers_too_large", "The headers are too large."),
    status.HTTP_500_INTERNAL_SERVER_ERROR: ("internal", "Something went wrong on the server."),
    status.HTTP_503_SERVICE_UNAVAILABLE: (Unavailable.code, Unavailable.message),
}

# What a request meets whose caller is not there any more: that nothing is theirs, or that it is in no state for it.
OF_WHOEVER_HAS_GONE = (status.HTTP_403_FORBIDDEN, status.HTTP_404_NOT_FOUND, status.HTTP_409_CONFLICT)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """For DRF. None lets the exception go up to Django, which logs it and answers `internal` by `handler500`."""
    if isinstance(error, (OperationalError, InterfaceError)):
        unanswered.tell(error)
        error = Unavailable()
    elif isinstance(error, (ObjectDoesNotExist, DatabaseError)) and has_gone(context["request"]):
        error = exceptions.NotAuthenticated()
    elif isinstance(error, ObjectDoesNotExist):
        # With its place, for it may also be a fault of ours.
        logger.warning("what was asked for went away while it was being answered", exc_info=error)
        error = exceptions.NotFound()
    elif isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        error = PayloadTooLarge()
    elif isinstance(error, MultiPartParserError):
        error = exceptions.ParseError("The multipart body is not valid.")
    if not isinstance(error, exceptions.APIException):
        return None
    if error.status_code in OF_WHOEVER_HAS_GONE and has_gone(context["request"]):
        error = exceptions.NotAuthenticated()

    headers: dict[str, str] = dict(getattr(error, "headers", {}))
    if error.status_code == status.HTTP_401_UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    retry_after = getattr(error, "retry_after", None) or getattr(error, "wait", None)
    if retry_after is None and error.status_code in (429, 503):
        retry_after = 1
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, int(retry_after)))
    # Errors of one thing keep their own words; DRF's others are named by their status.
    code, message = CODES.get(error.status_code, CODES[400])
    details = None
    if isinstance(error, ApiError):
        code, message = error.code, error.message
    elif isinstance(error, exceptions.ValidationError):
        details = list(islice(fields(error.detail), MAX_DETAILS))
        message = "; ".join(f"{d['field']}: {d['message']}" if d["field"] else d["message"] for d in details[:5])
    elif isinstance(error, exceptions.ParseError):
        message = str(error.detail)
    # Also where the view itself answers with a page, or YAML.
    request = context["request"]
    request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    return Response(shape(code, message, details), status=error.status_code, headers=headers)


def has_gone(request: Request) -> bool:
    """Whether the caller's account was deleted while the request was being answered: what refers to it fails then in
    one way or another, and is answered as if it had come later."""
    caller = request.user
    try:
        return isinstance(caller, Model) and not type(caller)._default_manager.filter(pk=caller.pk).exists()
    except (DatabaseError, SynchronousOnlyOperation):  # which is why it failed; or an awaited answer is refused
        return False


def fields(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """DRF's nested detail as a flat list; `field` is a dotted path, empty for the body as a whole."""
    if isinstance(detail, dict):
        for name, below in detail.items():
            own = path if name == "non_field_errors" else f"{path}.{name}" if path else str(name)
            yield from fields(below, own)
    elif isinstance(detail, list):
        for index, below in enumerate(detail):
            yield from fields(below, f"{path}.{index}" if isinstance(below, (dict, list)) and below else path)
    else:
        yield {"field": cut(path, MAX_FIELD_CHARS), "message": cut(str(detail), MAX_MESSAGE_CHARS)}


def shape(code: str, message: str, details: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """As many of the details as MAX_ERROR_BYTES allow, in order."""
    message = cut(message, MAX_MESSAGE_CHARS)
    kept: list[dict[str, str]] = []
    body = {
        "detail": message,
        "message": message,
        "error": {
            "code": code,
            "message": message,
            "details": kept,
            "request_id": request_id.get() or uuid.uuid4().hex,
        },
    }
    room_bytes = MAX_ERROR_BYTES - len(orjson.dumps(body))
    for detail in details or []:
        room_bytes -= len(orjson.dumps(detail)) + len(",")
        if room_bytes < 0:
            break
        kept.append(detail)
    return body


def answer(status_code: int, message: str = "") -> HttpResponse:
    code, usual = CODES[status_code]
    message = message or usual
    body = shape(code, message)
    headers = {"X-Request-ID": body["error"]["request_id"]}
    if status_code == status.HTTP_401_UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status_code == status.HTTP_503_SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(Unavailable.retry_after)
    return HttpResponse(orjson.dumps(body), status=status_code, content_type="application/json", headers=headers)


def read_only(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Like Django's `require_safe`, in the one shape: for a page with nothing to POST to, which needs no CSRF token."""

    @csrf_exempt
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request = args[0]
        assert isinstance(request, HttpRequest)
        if request.method in ("GET", "HEAD"):
            return view(*args, **kwargs)
        refused = answer(405)
        refused.headers["Allow"] = "GET, HEAD"
        return refused

    return guarded


def of_admin(request: HttpRequest) -> bool:
    return request.path_info.startswith("/admin/")


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return answer(413)
    if isinstance(exception, DisallowedHost):
        return of_unknown_host(request)
    return bad_request(request, exception) if of_admin(request) else answer(400)


def of_unknown_host(request: HttpRequest) -> HttpResponse:
    """A person who has typed the address is told in words."""
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        return HttpResponse(UNKNOWN_HOST, status=400, content_type="text/plain; charset=utf-8")
    return answer(401) if asks_for_credentials(request) else answer(400, UNKNOWN_HOST)


UNKNOWN_HOST = "This server does not answer to the name in this address. Whoever runs it can add it to ALLOWED_HOSTS."


def asks_for_credentials(request: HttpRequest) -> bool:
    """Whether the request had no credentials and its route needs some."""
    if "Authorization" in request.headers:
        return False
    try:
        view = resolve(request.path_info).func
    except Http404:
        return False
    return IsAuthenticated in getattr(getattr(view, "cls", None), "permission_classes", [])


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    return permission_denied(request, exception) if of_admin(request) else answer(403)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page_not_found(request, exception) if of_admin(request) else answer(404)


def handler500(request: HttpRequest) -> HttpResponse:
    return server_error(request) if of_admin(request) else answer(500)
