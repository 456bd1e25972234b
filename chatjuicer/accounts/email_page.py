"""The page that the link in a mail to a new e-mail address opens. To open it changes nothing: programs that look
through mails follow links, too."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import APIException

from chatjuicer.accounts.email_changes import change_of, take
from chatjuicer.accounts.plain_page import plain_page
from chatjuicer.api import limits


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def email_page(request: HttpRequest) -> HttpResponse:
    token = (request.POST if request.method == "POST" else request.GET).get("token", "")
    problems: list[str] = []
    old = new = ""
    done = False
    try:
        user, new = change_of(token)
        old = user.email
        if request.method == "POST":
            limits.spend_sign_in(request)
            take(user, new)
            done = True
    except APIException as error:
        problems = [str(error.detail)]
    return plain_page(request, "accounts/confirm_email.html", problems, token=token, old=old, new=new, done=done)
