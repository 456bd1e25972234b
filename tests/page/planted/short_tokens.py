"""Access tokens that expire while a test looks on."""

from datetime import timedelta

from django.conf import settings

LIFE_S = 3


def install() -> None:
    settings.ACCESS_TOKEN_LIFETIME = timedelta(seconds=LIFE_S)
