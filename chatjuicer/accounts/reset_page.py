"""The page that a password reset's address opens: a form without scripts."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import APIException, ValidationError

from chatjuicer.accounts.resets import user_of
from chatjuicer.accounts.serializers import ResetConfirmSerializer
from chatjuicer.api import limits
from chatjuicer.api.content_policy import static_source
from chatjuicer.api.errors import fields

POLICY = (
    "default-src 'none'; style-src {static}; img-src {static}; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


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
    response = render(
        request,
        "accounts/reset_password.html",
        {"token": token, "problems": problems, "done": done},
        status=400 if problems else 200,
    )
    response["Content-Security-Policy"] = POLICY.format(static=static_source(request))
    response["Referrer-Policy"] = "no-referrer"  # the address holds the token
    return response
