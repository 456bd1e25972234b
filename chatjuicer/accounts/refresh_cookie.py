"""The refresh token of our own page, in a cookie that no script can read. Other clients get it in the body.

The page asks for that with a header. No other site can make a browser send it, since CORS does not allow it; without
it the cookie is not looked at.
"""

from typing import Any

from django.conf import settings
from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chatjuicer.accounts.authentication import own_origin
from chatjuicer.accounts.exceptions import ForeignPage, InvalidToken
from chatjuicer.accounts.models import Grant
from chatjuicer.accounts.serializers import GrantSerializer, RefreshTokenSerializer
from chatjuicer.api.addresses import cookie_name, over_tls
from chatjuicer.api.loopback import came_through_proxy

HEADER = "X-Refresh-Cookie"
PARAMETER = OpenApiParameter(
    HEADER,
    {"type": "string", "enum": ["1"]},
    OpenApiParameter.HEADER,
    description="Of pages of this server: the refresh token comes and goes in a cookie, and is empty in the body.",
)
NAME = "chatjuicer_refresh"
PATH = "/api/auth"
RULES: dict[str, Any] = {"path": PATH, "samesite": "Strict"}


def is_wanted(request: Request) -> bool:
    """Raises ForeignPage where a page of another origin asks."""
    asked = request.headers.get(HEADER)
    if asked is None:
        return False
    if asked != "1":
        raise ValidationError({HEADER: "1 is expected."})
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:  # which no page can set
        own = site == "same-origin"
    else:
        scheme = None if came_through_proxy(request.headers) else request.scheme
        own = origin is None or own_origin(origin, request.get_host(), scheme)
    if not own:
        raise ForeignPage()
    return True


def granted(request: Request, grant: Grant, status: int = 200) -> Response:
    """The answer to a request that signed in or renewed a sign-in."""
    data = GrantSerializer(grant).data
    if not is_wanted(request):
        return Response(data, status=status)
    response = Response(data | {"refresh_token": ""}, status=status)
    keep(request, response, grant)
    return response


def keep(request: Request, response: HttpResponseBase, grant: Grant) -> None:
    response.set_cookie(
        cookie_name(NAME, request.get_host()),
        grant.refresh_token,
        max_age=settings.REFRESH_TOKEN_LIFETIME,
        secure=over_tls(request),
        httponly=True,
        **RULES,
    )


def drop(request: Request, response: HttpResponseBase) -> None:
    response.delete_cookie(cookie_name(NAME, request.get_host()), **RULES)


def token_of(request: Request) -> str:
    """The refresh token that was sent: of a page that has none in its body, which older pages had, the cookie's. Raises
    InvalidToken if there is none."""
    body: Any = request.data
    if is_wanted(request) and body == {}:
        token = request.COOKIES.get(cookie_name(NAME, request.get_host()))
        if token is None:
            raise InvalidToken()
        return token
    form = RefreshTokenSerializer(data=body)
    form.is_valid(raise_exception=True)
    return str(form.validated_data["refresh_token"])
