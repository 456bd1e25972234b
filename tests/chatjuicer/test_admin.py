import pytest
from django.contrib.admin import site
from django.test import Client

from chatjuicer.accounts.models import TokenFamily, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    user, _ = User.objects.seed_default()
    client.force_login(user)
    return client


def test_alice_is_found_by_her_address(admin: Client, alice: User) -> None:
    page = admin.get("/admin/accounts/user/", {"q": "alice@"}).content.decode()
    assert "alice@example.org" in page
    assert "local@chatjuicer.dev</a>" not in page


def test_an_account_can_be_made_changed_and_signed_out(admin: Client) -> None:
    form = {
        "email": "New@Example.org",
        "usable_password": "true",
        "password1": "long enough 1",
        "password2": "long enough 1",
    }
    assert admin.post("/admin/accounts/user/add/", form).status_code == 302
    user = User.objects.get(email="new@example.org")
    assert user.check_password("long enough 1")
    assert admin.get(f"/admin/accounts/user/{user.pk}/change/").status_code == 200
    family = TokenFamily.objects.sign_in(user)
    admin.post("/admin/accounts/user/", {"action": "sign_out", "_selected_action": [str(user.pk)]})
    family.refresh_from_db()
    assert family.revoked_at


def test_every_list_and_form_opens(admin: Client) -> None:
    for model in site._registry:
        at = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert admin.get(at).status_code == 200
        assert admin.get(at + "add/").status_code in (200, 403)


def test_no_one_else_comes_in(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get("/admin/").status_code == 302
