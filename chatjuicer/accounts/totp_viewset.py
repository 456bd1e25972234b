from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.confirmation import proven_user
from chatjuicer.accounts.exceptions import WrongCode
from chatjuicer.accounts.models import Totp
from chatjuicer.accounts.serializers import (
    PASSWORD_BODY,
    CodeSerializer,
    PasswordSerializer,
    RecoveryCodesSerializer,
    TotpSetupSerializer,
)
from chatjuicer.api import limits
from chatjuicer.api.bodies import valid
from chatjuicer.api.done import DONE, DoneSerializer


class TotpViewSet(ViewSet):
    """The caller's one-time passwords."""

    @extend_schema(operation_id="set_up_totp", request=None, responses=TotpSetupSerializer)
    def set_up(self, request: Request) -> Response:
        """A secret for an authenticator app. Nothing changes until it is confirmed."""
        secret, uri = Totp.objects.set_up(credentials_of(request).user)
        return Response({"secret": secret, "uri": uri})

    @extend_schema(operation_id="confirm_totp", request=CodeSerializer, responses=RecoveryCodesSerializer)
    def confirm(self, request: Request) -> Response:
        """Turns one-time passwords on, if the code is right. The recovery codes are shown this once."""
        user = credentials_of(request).user
        form = valid(CodeSerializer, request)
        limits.spend_sign_in(request, user.email)
        totp = Totp.objects.filter(user=user).select_related("user").first()
        if totp is None:
            raise WrongCode("Set one-time passwords up first.")
        return Response({"recovery_codes": totp.confirm(form.validated_data["code"])})

    @extend_schema(operation_id="renew_recovery_codes", request=PasswordSerializer, responses=RecoveryCodesSerializer)
    def renew_recovery_codes(self, request: Request) -> Response:
        """Ten new ones, shown this once; those before are good no more. 403 `wrong_password`, or, of an account without
        one, `sign_in_again`; 409 `totp_not_on`."""
        return Response({"recovery_codes": Totp.objects.renew_recovery_codes(proven_user(request))})

    @extend_schema(operation_id="turn_off_totp", extensions=PASSWORD_BODY, responses={200: DoneSerializer})
    def turn_off(self, request: Request) -> Response:
        """Neither one-time passwords nor recovery codes are asked for any more. 403 `wrong_password`, or, of an account
        without one, `sign_in_again`."""
        Totp.objects.turn_off(proven_user(request))
        return Response(DONE)
