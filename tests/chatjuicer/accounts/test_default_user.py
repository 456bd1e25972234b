import re

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from pytest_django.fixtures import Settings

from chatjuicer.accounts.models import User

pytestmark = pytest.mark.django_db


def seed(capsys: pytest.CaptureFixture[str]) -> str:
    call_command("seed_default_user")
    return capsys.readouterr().out


def test_the_generated_password_is_printed_once_and_works(capsys: pytest.CaptureFixture[str]) -> None:
    found = re.search(r"password (\S+)", seed(capsys))
    assert found
    assert "password" not in seed(capsys)
    user = authenticate(username="local@chatjuicer.dev", password=found[1])
    assert isinstance(user, User)
    assert user.is_staff
    assert user.is_superuser
    assert User.objects.count() == 1


def test_a_given_password_is_set_and_not_printed(capsys: pytest.CaptureFixture[str], settings: Settings) -> None:
    seed(capsys)
    settings.DEFAULT_USER_PASSWORD = "given by the operator"
    assert settings.DEFAULT_USER_PASSWORD not in seed(capsys)
    assert authenticate(username="local@chatjuicer.dev", password="given by the operator")
    settings.DEFAULT_USER_PASSWORD = ""
    seed(capsys)
    assert authenticate(username="local@chatjuicer.dev", password="given by the operator")
