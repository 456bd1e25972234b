"""`Idempotency-Key`: the same key and body give the first result again.

On the method of a DRF view that creates something, all of it in the database:

    @idempotent
    def post(self, request: Request) -> Response: ...

With a key the method runs in one transaction with the record of its result; an error is not kept. Where
the result must not be stored as it is, call `once` with a function that creates and returns what may be stored; where
it takes more than one transaction, `completed` with one that goes on where it was cut off.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson
from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatjuicer.accounts.models import IdempotencyRecord
from chatjuicer.api.exceptions import ApiError

P = ParamSpec("P")
V = TypeVar("V", bound=APIView)

HEADER = "Idempotency-Key"
KEY = re.compile(r"[ -~]{1,255}")
PARAMETER = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{KEY.pattern}$"},
    OpenApiParameter.HEADER,
    description="The same key and body give the first result again; kept for 24 hours.",
)


class BadIdempotencyKey(ApiError):
    code = "invalid_idempotency_key"
    message = f"{HEADER} must be 1 to 255 printable ASCII characters."


def idempotent(
    method: Callable[Concatenate[V, Request, P], Response],
) -> Callable[Concatenate[V, Request, P], Response]:
    @extend_schema(parameters=[PARAMETER])
    @wraps(method)
    def with_key(view: V, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> Response:
        def create() -> tuple[int, Any]:
            response = method(view, request, *args, **kwargs)
            return response.status_code, response.data

        status, data = once(request, create)
        return Response(data, status=status)

    return with_key


def once(request: Request, create: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
    """What `create` gives, status and data, or what it gave to the first request with this key."""
    key = key_of(request)
    if key is None:
        return create()
    with transaction.atomic():
        record, first = claimed(request, key)
        if not first:
            return record.status, orjson.loads(record.result)
        status, data = create()
        if status >= 400:
            transaction.set_rollback(True)
        else:
            record.keep(status, orjson.dumps(data, default=str).decode())
        return status, data


def completed(request: Request, go_on: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
    """What `go_on` gives, status and data, or what it gave to the first request with this key that came to its end.
    Where none did, it is called again, with what the earlier ones did already done."""
    record = record_of(request)
    if record is None:
        return go_on()
    if not record.status:
        try:
            status, data = go_on()
        except ApiError:
            record.give_up()
            if not record.status:
                raise
        else:
            record.keep_first(status, orjson.dumps(data, default=str).decode())
    return record.status, orjson.loads(record.result)


def record_of(request: Request) -> IdempotencyRecord | None:
    """Of a request that is completed later: it has no `status` until there is a result. None without a key."""
    key = key_of(request)
    return None if key is None else claimed(request, key)[0]


def key_of(request: Request) -> str | None:
    """Raises BadIdempotencyKey."""
    key = request.headers.get(HEADER)
    if key is not None and not KEY.fullmatch(key):
        raise BadIdempotencyKey()
    return key


def claimed(request: Request, key: str) -> tuple[IdempotencyRecord, bool]:
    route = f"{request.method} {request.path_info}"
    caller = str(request.user.pk or "")
    return IdempotencyRecord.objects.claim(caller=caller, route=route, key=key, body=asked(request))


def asked(request: Request) -> Any:
    """What the key stands for: the body, and what the query adds to it, such as the folder of an upload."""
    return [request.data, request.query_params] if request.query_params else request.data
