"""What the printed address opens: the web client, for its owner."""

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache

from chatjuicer.accounts.authentication import from_this_machine
from chatjuicer.accounts.models import User
from chatjuicer.accounts.one_time_address import KNOWN_FOR_S, NAME, cookie_of, printed
from chatjuicer.api.addresses import cookie_name
from chatjuicer.api.errors import read_only


@never_cache
@read_only
def open_here(request: HttpRequest) -> HttpResponse:
    if not (settings.ALLOW_LOCALHOST_NOAUTH and settings.ONE_TIME_ADDRESS):
        raise Http404
    if not from_this_machine(request.META.get("REMOTE_ADDR"), request.headers, request.scheme):
        raise PermissionDenied
    user = User.objects.filter(email=settings.DEFAULT_USER_EMAIL, is_active=True).first()
    if user is None or request.method != "GET" or not printed.spend(request.GET.get("token", "")):
        raise PermissionDenied
    response = HttpResponseRedirect("/")
    name = cookie_name(NAME, request.get_host())
    response.set_cookie(name, cookie_of(user), max_age=KNOWN_FOR_S, httponly=True, samesite="Strict")
    return response
