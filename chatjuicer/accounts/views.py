from typing import cast

from django.conf import settings
from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chatjuicer.accounts.authentication import Credentials, place_of
from chatjuicer.accounts.exceptions import InvalidCredentials, RegistrationClosed
from chatjuicer.accounts.models import TokenFamily, User, WsTicket
from chatjuicer.accounts.models.ticket import LIFETIME
from chatjuicer.accounts.serializers import (
    GrantSerializer,
    LoginSerializer,
    RefreshTokenSerializer,
    RegistrationSerializer,
    SuccessSerializer,
    TicketSerializer,
    UserSerializer,
)
from chatjuicer.api import limits
from chatjuicer.api.idempotency import PARAMETER, once


class CredentialsView(APIView):
    """For who brings the proof in the body: a stale Authorization header does no harm."""

    authentication_classes = []
    permission_classes = [AllowAny]


class RegisterView(CredentialsView):
    @extend_schema(
        request=RegistrationSerializer,
        responses={201: GrantSerializer},
        parameters=[PARAMETER],
    )
    def post(self, request: Request) -> Response:
        if not settings.ALLOW_REGISTRATION:
            raise RegistrationClosed()
        limits.spend_sign_in(request)
        form = RegistrationSerializer(data=request.data)
        form.is_valid(raise_exception=True)

        def register() -> tuple[int, str]:
            user = User.objects.register(**form.validated_data)
            return 201, str(TokenFamily.objects.sign_in(user, place_of(request)).pk)

        # The tokens are stored nowhere; whoever repeats the request gets the sign-in's current ones.
        status, family_id = once(request, register)
        family = TokenFamily.objects.alive().select_related("user").filter(pk=family_id).first()
        if family is None:
            raise InvalidCredentials()
        return Response(GrantSerializer(family.grant()).data, status=status)


class LoginView(CredentialsView):
    @extend_schema(request=LoginSerializer, responses=GrantSerializer)
    def post(self, request: Request) -> Response:
        form = LoginSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        limits.spend_sign_in(request, form.validated_data["email"])
        # Hashes a password for an unknown address too, so that both take the same time.
        user = authenticate(username=form.validated_data["email"], password=form.validated_data["password"])
        if not isinstance(user, User):
            raise InvalidCredentials()
        return Response(GrantSerializer(TokenFamily.objects.sign_in(user, place_of(request)).grant()).data)


class RefreshView(CredentialsView):
    @extend_schema(request=RefreshTokenSerializer, responses=GrantSerializer)
    def post(self, request: Request) -> Response:
        form = RefreshTokenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        grant = TokenFamily.objects.rotate(form.validated_data["refresh_token"], place_of(request))
        return Response(GrantSerializer(grant).data)


class LogoutView(CredentialsView):
    @extend_schema(request=RefreshTokenSerializer, responses=SuccessSerializer)
    def post(self, request: Request) -> Response:
        form = RefreshTokenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        TokenFamily.objects.of_refresh_token(form.validated_data["refresh_token"]).revoke()
        return Response({"success": True})


class MeView(APIView):
    @extend_schema(responses=UserSerializer)
    def get(self, request: Request) -> Response:
        return Response(UserSerializer(credentials_of(request).user).data)


class WsTicketView(APIView):
    @extend_schema(request=None, responses=TicketSerializer)
    def post(self, request: Request) -> Response:
        credentials = credentials_of(request)
        ticket = WsTicket.objects.issue(credentials.user, credentials.family_id)
        return Response({"ticket": ticket, "expires_in": int(LIFETIME.total_seconds())})


def credentials_of(request: Request) -> Credentials:
    """Of a request that IsAuthenticated let in."""
    return cast(Credentials, request.auth)
