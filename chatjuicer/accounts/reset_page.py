"""The page that a password reset's address opens."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import APIException, ValidationError

from chatjuicer.accounts.plain_page import plain_page
from chatjuicer.accounts.resets import user_of
from chatjuicer.accounts.serializers import ResetConfirmSerializer
from chatjuicer.api import limits
from chatjuicer.api.errors import fields


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def reset_page(request: HttpRequest) -> HttpResponse:
    token = (request.POST if request.method == "POST" else request.GET).get("token", "")
    problems: list[str] = []
    done = False
    if request.method == "POST":
        try:
            limits.spend_sign_in(request)
            form = ResetConfirmSerializer(data={"token": token, "new_password": request.POST.get("new_password", "")})
            form.is_valid(raise_exception=True)
            user_of(token).reset_password(form.validated_data["new_password"])
            done = True
        except ValidationError as error:
            problems = [detail["message"] for detail in fields(error.detail)]
        except APIException as error:
            problems = [str(error.detail)]
    return plain_page(request, "accounts/reset_password.html", problems, token=token, done=done)
