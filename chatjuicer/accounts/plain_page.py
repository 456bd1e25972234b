"""Pages that the addresses in mails open: a form without scripts."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chatjuicer.api.content_policy import static_source

POLICY = (
    "default-src 'none'; style-src {static}; img-src {static}; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def plain_page(request: HttpRequest, template: str, problems: list[str], **about: Any) -> HttpResponse:
    response = render(request, template, about | {"problems": problems}, status=400 if problems else 200)
    response["Content-Security-Policy"] = POLICY.format(static=static_source(request))
    # The address holds the token. By "no-referrer" browsers send the form from the origin "null", which is refused.
    response["Referrer-Policy"] = "strict-origin"
    return response
