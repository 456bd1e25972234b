from typing import Any, cast

import orjson
from django.core import signing
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.crypto import constant_time_compare
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chatjuicer.accounts import refresh_cookie
from chatjuicer.accounts.authentication import credentials_of, place_of
from chatjuicer.accounts.exceptions import OidcFailed
from chatjuicer.accounts.models import OidcIdentity, TokenFamily
from chatjuicer.accounts.oidc import MAX_AGE_S, Attempt, Provider, few_at_once
from chatjuicer.accounts.serializers import GrantSerializer, IdentityListSerializer, IdentitySerializer
from chatjuicer.api import limits
from chatjuicer.api.addresses import public
from chatjuicer.api.content_policy import static_source
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.public import PublicView

COOKIE = "chatjuicer_oidc"
COOKIE_PATH = "/api/auth/oidc/"
SALT = "chatjuicer.accounts.oidc"
PAGE_POLICY = "default-src 'none'; script-src {static}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PROVIDER = OpenApiParameter("provider", str, OpenApiParameter.PATH, description="A key of OIDC_PROVIDERS.")

IDENTITY = OpenApiParameter(
    "identity_id", {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}, OpenApiParameter.PATH
)


class OidcViewSet(PublicView, ViewSet):
    """For browsers, which the provider sends back."""

    @extend_schema(
        operation_id="begin_oidc",
        parameters=[PROVIDER],
        responses={302: OpenApiResponse(description="To the provider.")},
    )
    def begin(self, request: Request, provider: str) -> HttpResponseBase:
        """Sends the browser to the provider."""
        chosen = Provider.named(provider)
        limits.spend_sign_in(request)
        attempt = Attempt.begin(provider, public(request, f"/api/auth/oidc/{provider}/callback"))
        with few_at_once():
            answer = HttpResponseRedirect(chosen.address_for(attempt))
        answer.set_cookie(
            COOKIE,
            signing.dumps(attempt.as_dict(), salt=SALT),
            max_age=MAX_AGE_S,
            path=COOKIE_PATH,
            secure=attempt.redirect_uri.startswith("https://"),
            httponly=True,
            samesite="Lax",  # the provider's redirect comes from another site
        )
        return answer

    @extend_schema(
        operation_id="end_oidc",
        parameters=[PROVIDER, OpenApiParameter("code", str), OpenApiParameter("state", str)],
        responses={(200, "application/json"): GrantSerializer, (200, "text/html"): OpenApiTypes.STR},
    )
    def end(self, request: Request, provider: str) -> HttpResponseBase:
        """Signs in whom the provider vouches for. A browser gets a page that opens the web client."""
        chosen = Provider.named(provider)
        limits.spend_sign_in(request)
        attempt = attempt_of(request, provider)
        code = request.query_params.get("code", "")
        if not code or len(code) > 4096:
            raise OidcFailed()
        with few_at_once():
            identity = chosen.identity(attempt, code)
        user = OidcIdentity.objects.user_of(identity, chosen)
        family = TokenFamily.objects.sign_in(user, place_of(request), by=f"oidc:{provider}")
        grant = family.grant()
        answer: HttpResponseBase = Response(GrantSerializer(grant).data)
        if "text/html" in request.headers.get("Accept", ""):
            asked = cast(HttpRequest, request)
            answer = render(asked, "accounts/signed_in.html")
            refresh_cookie.keep(request, answer, grant)
            answer.headers["Content-Security-Policy"] = PAGE_POLICY.format(static=static_source(asked))
        answer.delete_cookie(COOKIE, path=COOKIE_PATH, samesite="Lax")
        return answer


class IdentityViewSet(ViewSet):
    """The caller's identities at providers."""

    @extend_schema(operation_id="list_identities", responses=IdentityListSerializer)
    def list(self, request: Request) -> Response:
        """By which the caller signs in without a password, the oldest first."""
        identities = credentials_of(request).user.oidc_identities.order_by("created_at", "pk")
        return Response({"identities": IdentitySerializer(identities, many=True).data})

    @extend_schema(operation_id="unlink_identity", parameters=[IDENTITY], responses={200: DoneSerializer})
    def unlink(self, request: Request, identity_id: int) -> Response:
        """It lets nobody in any more; sign-ins go on. 409 `only_sign_in` of an account that nothing else lets into:
        without a password, and without another identity of a provider that is there."""
        get_object_or_404(credentials_of(request).user.oidc_identities, pk=identity_id).unlink()
        return Response(DONE)


def attempt_of(request: Request, provider: str) -> Attempt:
    """The one that this browser has begun. Raises OidcFailed for another's, or none: somebody else would be signed in
    here as themselves."""
    try:
        begun: Any = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=MAX_AGE_S)
        attempt = Attempt(**begun)
    except (signing.BadSignature, TypeError, orjson.JSONDecodeError):
        raise OidcFailed() from None
    if attempt.provider != provider or not constant_time_compare(request.query_params.get("state", ""), attempt.state):
        raise OidcFailed()
    return attempt
