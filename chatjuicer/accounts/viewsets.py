from typing import Any, ClassVar
from uuid import UUID

import orjson
from django.conf import settings
from django.contrib.auth import authenticate
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chatjuicer.accounts import email_changes, refresh_cookie, resets
from chatjuicer.accounts.authentication import credentials_of, place_of
from chatjuicer.accounts.confirmation import proven_user
from chatjuicer.accounts.exceptions import InvalidCredentials, RegistrationClosed, WrongPassword
from chatjuicer.accounts.models import Act, ApiKey, Scope, TokenFamily, User, WsTicket
from chatjuicer.accounts.models.ticket import LIFETIME
from chatjuicer.accounts.sealing import seal, unseal
from chatjuicer.accounts.second_factor import prove_second_factor
from chatjuicer.accounts.serializers import (
    PASSWORD_BODY,
    ConfirmedEmailSerializer,
    DeviceListSerializer,
    DeviceSerializer,
    EmailChangeSerializer,
    EmailSerializer,
    EmailTokenSerializer,
    GrantSerializer,
    IssuedKeySerializer,
    KeyListSerializer,
    KeySerializer,
    LoginSerializer,
    MeChangesSerializer,
    MeSerializer,
    NewKeySerializer,
    PasswordChangeSerializer,
    RefreshTokenSerializer,
    RegistrationSerializer,
    ResetConfirmSerializer,
    TicketSerializer,
)
from chatjuicer.api import limits
from chatjuicer.api.addresses import absolute
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer
from chatjuicer.api.idempotency import PARAMETER, once
from chatjuicer.api.public import PublicView
from chatjuicer.api.renderers import JSONRenderer


class AuthViewSet(PublicView, ViewSet):
    """The proof comes in the body; a stale Authorization header does no harm."""

    @extend_schema(
        request=RegistrationSerializer,
        responses={201: GrantSerializer},
        parameters=[PARAMETER, refresh_cookie.PARAMETER],
    )
    def register(self, request: Request) -> Response:
        """An account, signed in."""
        if not settings.ALLOW_REGISTRATION:
            raise RegistrationClosed()
        refresh_cookie.is_wanted(request)
        limits.spend_sign_in(request)
        form = valid(RegistrationSerializer, request)

        def sign_up() -> tuple[int, str]:
            user = User.objects.register(**form.validated_data)
            return 201, str(TokenFamily.objects.sign_in(user, place_of(request), by="registration").pk)

        # The tokens are stored nowhere; a repeated request gets the sign-in's current ones.
        status, family_id = once(request, sign_up)
        family = TokenFamily.objects.alive().select_related("user").filter(pk=family_id).first()
        if family is None:
            raise InvalidCredentials()
        return refresh_cookie.granted(request, family.grant(), status)

    @extend_schema(parameters=[refresh_cookie.PARAMETER], request=LoginSerializer, responses=GrantSerializer)
    def login(self, request: Request) -> Response:
        """Tokens for an e-mail address and a password."""
        refresh_cookie.is_wanted(request)  # or refused, before anything is done
        form = valid(LoginSerializer, request)
        limits.spend_sign_in(request, form.validated_data["email"])
        # Hashes a password for an unknown address too, so that both take the same time.
        user = authenticate(username=form.validated_data["email"], password=form.validated_data["password"])
        if not isinstance(user, User):
            raise InvalidCredentials()
        by = prove_second_factor(user, form.validated_data["totp"] or "") or "password"
        return refresh_cookie.granted(request, TokenFamily.objects.sign_in(user, place_of(request), by).grant())

    @extend_schema(parameters=[refresh_cookie.PARAMETER], request=RefreshTokenSerializer, responses=GrantSerializer)
    def refresh(self, request: Request) -> Response:
        """New tokens; the refresh token that was sent is spent. A page of this server sends an empty object, and its
        cookie."""
        grant = TokenFamily.objects.rotate(refresh_cookie.token_of(request), place_of(request))
        return refresh_cookie.granted(request, grant)

    @extend_schema(parameters=[refresh_cookie.PARAMETER], request=RefreshTokenSerializer, responses=DoneSerializer)
    def logout(self, request: Request) -> Response:
        """Ends the sign-in that the refresh token belongs to. A page of this server sends an empty object, and its
        cookie."""
        family = TokenFamily.objects.of_refresh_token(refresh_cookie.token_of(request))
        family.revoke(Act.SIGNED_OUT)
        response = Response(DONE)
        if refresh_cookie.is_wanted(request):
            refresh_cookie.drop(request, response)
        return response

    @extend_schema(operation_id="ask_password_reset", request=EmailSerializer, responses={202: DoneSerializer})
    def ask_reset(self, request: Request) -> Response:
        """A mail with an address to set a new password, if there is such an account; the answer does not tell."""
        form = valid(EmailSerializer, request)
        email = form.validated_data["email"]
        limits.spend_sign_in(request, email)
        resets.send_later(email, absolute(request, "/"), place_of(request).address)
        return Response(DONE, status=202)

    @extend_schema(operation_id="confirm_password_reset", request=ResetConfirmSerializer, responses=DoneSerializer)
    def confirm_reset(self, request: Request) -> Response:
        """The new password. Every sign-in ends. One that is refused does not spend the token."""
        limits.spend_sign_in(request)
        form = valid(ResetConfirmSerializer, request)
        resets.user_of(form.validated_data["token"]).reset_password(form.validated_data["new_password"])
        return Response(DONE)

    @extend_schema(
        operation_id="confirm_email", request=EmailTokenSerializer, responses={200: ConfirmedEmailSerializer}
    )
    def confirm_email(self, request: Request) -> Response:
        """The address of the mail's link becomes the account's; sign-ins go on. 400 `invalid_email_token`; 409
        `email_taken` where somebody else has it meanwhile."""
        limits.spend_sign_in(request)
        form = valid(EmailTokenSerializer, request)
        user, new = email_changes.change_of(form.validated_data["token"])
        email_changes.take(user, new)
        return Response({"email": new})


class UserViewSet(ViewSet):
    """The caller, as the credentials say."""

    # An API key needs `admin`, but where a route says otherwise.
    read_scope: ClassVar[Scope] = Scope.ADMIN
    scope: ClassVar[Scope] = Scope.ADMIN

    @extend_schema(responses=MeSerializer)
    def me(self, request: Request) -> Response:
        """Who the credentials belong to."""
        return Response(MeSerializer(credentials_of(request).user).data)

    @extend_schema(operation_id="change_me", request=MeChangesSerializer, responses=MeSerializer)
    def change_me(self, request: Request) -> Response:
        """Sets what is sent, and leaves the rest."""
        user = credentials_of(request).user
        form = MeChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user.configure(**form.validated_data)
        return Response(MeSerializer(user).data)

    @extend_schema(operation_id="delete_me", extensions=PASSWORD_BODY, responses={200: DoneSerializer})
    def delete_me(self, request: Request) -> Response:
        """The account goes, and every session, message and file with it. It cannot be undone. 409 `last_administrator`
        of who alone administers a server that others have accounts of; 403 `wrong_password`, or, of an account without
        one, `sign_in_again`."""
        proven_user(request).remove(by_themselves=True)
        return Response(DONE)

    @extend_schema(operation_id="change_password", request=PasswordChangeSerializer, responses=DoneSerializer)
    def password(self, request: Request) -> Response:
        """A new password. Every other sign-in ends, as do the admin's."""
        credentials = credentials_of(request)
        form = valid(PasswordChangeSerializer, request)
        limits.spend_sign_in(request, credentials.user.email)
        passwords = form.validated_data
        credentials.user.change_password(
            passwords["current_password"], passwords["new_password"], keep=credentials.family_id
        )
        return Response(DONE)

    @extend_schema(operation_id="change_email", request=EmailChangeSerializer, responses={202: DoneSerializer})
    def change_email(self, request: Request) -> Response:
        """A mail to another e-mail address, which becomes the account's when the link in it is followed, within an
        hour. The answer does not tell whether somebody has it already. 403 `wrong_password`, or, of an account without
        one, `sign_in_again`; 409 `no_mail`, `address_of_settings`; 502 `mail_failed`."""
        form = valid(EmailChangeSerializer, request)
        if credentials_of(request).user.has_usable_password() and "password" not in form.validated_data:
            raise WrongPassword()  # the form is also of those who have none
        email_changes.ask(proven_user(request), form.validated_data["email"], absolute(request, "/"))
        return Response(DONE, status=202)

    @extend_schema(operation_id="list_devices", responses=DeviceListSerializer)
    def devices(self, request: Request) -> Response:
        """Where the caller is signed in, last used first."""
        credentials = credentials_of(request)
        families = TokenFamily.objects.alive().filter(user=credentials.user).order_by("-last_used_at", "-pk")
        shown = DeviceSerializer(families, many=True, context={"family_id": credentials.family_id})
        return Response({"devices": shown.data})

    @extend_schema(
        operation_id="end_device",
        parameters=[OpenApiParameter("device_id", UUID, OpenApiParameter.PATH)],
        responses={200: DoneSerializer},
    )
    def end_device(self, request: Request, device_id: UUID) -> Response:
        """Ends one sign-in: its tokens are dead, and its sockets close."""
        alive = TokenFamily.objects.alive().filter(user=credentials_of(request).user)
        get_object_or_404(alive, pk=device_id).revoke(Act.DEVICE_ENDED)
        return Response(DONE)

    @extend_schema(operation_id="logout_everywhere", request=None, responses=DoneSerializer)
    def logout_everywhere(self, request: Request) -> Response:
        """Ends every sign-in but the one that asks, the admin's included."""
        credentials = credentials_of(request)
        credentials.user.sign_out_everywhere(keep=credentials.family_id)
        return Response(DONE)

    @extend_schema(request=None, responses=TicketSerializer)
    def ws_ticket(self, request: Request) -> Response:
        """A ticket that opens one socket, soon."""
        credentials = credentials_of(request)
        ticket = WsTicket.objects.issue(credentials.user, credentials.family_id, credentials.key_id)
        return Response({"ticket": ticket, "expires_in": int(LIFETIME.total_seconds())})


ISSUED = "issued_key"
"""What the answer with a new key is sealed for."""


class ApiKeyViewSet(ViewSet):
    def owner(self) -> User:
        """Whose the keys are."""
        return credentials_of(self.request).user

    @extend_schema(operation_id="list_keys", responses=KeyListSerializer)
    def list(self, request: Request, **path: Any) -> Response:
        """Without their texts, newest first; those that have expired, too."""
        keys = self.owner().api_keys.order_by("-created_at", "-pk")
        return Response({"keys": KeySerializer(keys, many=True).data})

    @extend_schema(
        operation_id="create_key",
        parameters=[PARAMETER],
        request=NewKeySerializer,
        responses={201: IssuedKeySerializer},
    )
    def create(self, request: Request, **path: Any) -> Response:
        """A key for a program. Its text is shown this once, and to a repetition of the request."""
        owner = self.owner()
        form = valid(NewKeySerializer, request)

        def issue() -> tuple[int, str]:
            key, text = ApiKey.objects.issue(owner, **form.validated_data)
            shown = IssuedKeySerializer(key, context={"text": text}).data
            return 201, seal(JSONRenderer().render(shown).decode(), ISSUED)

        # Keys are stored hashed, and the answer that a repetition is given is not stored as it is either.
        status, sealed = once(request, issue)
        return Response(orjson.loads(unseal(sealed, ISSUED)), status=status)

    @extend_schema(
        operation_id="delete_key",
        parameters=[OpenApiParameter("key_id", UUID, OpenApiParameter.PATH)],
        responses={200: DoneSerializer},
    )
    def destroy(self, request: Request, key_id: UUID, **path: Any) -> Response:
        """The key lets nobody in any more, and its sockets close."""
        get_object_or_404(self.owner().api_keys, pk=key_id).delete()
        return Response(DONE)
