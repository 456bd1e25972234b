"""Staff see and change what they were given rights to, and gain none: by filters, actions, groups and passwords."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group, Permission
from django.db.models import Model
from django.test import Client as Browser
from rest_framework.test import APIClient

from chatjuicer.accounts.models import Act, AuditEntry, ServiceAccount, TokenFamily, Totp, User
from chatjuicer.api.read_only_admin import is_secret
from files_app.models import Export
from sessions_app.models import ChatSession, Project
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

NO_INLINES = {
    f"{name}-{key}": "0"
    for name in ("token_families", "oidc_identities", "api_keys")
    for key in ("TOTAL_FORMS", "INITIAL_FORMS")
}
USERS = "/admin/accounts/user/"


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root@example.org", PASSWORD)


def staff(*rights: str) -> User:
    user = User.objects.create_user("staff@example.org", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    assert user.user_permissions.count() == len(rights)
    return user


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def page_of(model: type[Model]) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def told(browser: Browser, path: str) -> Any:
    """The page, after its question for a reason."""
    answer = browser.get(path)
    if b"audit_reason" not in answer.content:
        return answer
    browser.post(path, {"audit_reason": "a test"})
    return browser.get(path)


@pytest.mark.slow(reason="every list of the admin, by each field")
def test_no_list_is_filtered_by_what_it_does_not_show(root: User) -> None:
    browser, tries, found = browser_of(root), 0, set()
    for model in site._registry:
        secrets = [field.name for field in model._meta.concrete_fields if is_secret(field)]
        found |= set(secrets)
        owners = [field.name for field in model._meta.concrete_fields if field.related_model is User]
        for lookup in (*secrets, *(f"{owner}__password" for owner in owners)):
            for way in ("", "__startswith", "__contains", "__regex", "__gt"):
                tries += 1
                assert told(browser, f"{page_of(model)}?{lookup}{way}=a").status_code == 400, (model, lookup, way)
    assert {"key", "password", "metadata", "digest", "attempt_digest", "sealed_grant", "sealed_headers"} <= found
    assert tries > 60


def test_who_may_only_look_at_accounts_signs_nobody_out(alice: User) -> None:
    browser, family = browser_of(staff("view_user")), TokenFamily.objects.sign_in(alice)
    Totp.objects.set_up(alice)
    for action in ("sign_out", "turn_off_totp", "delete_selected"):
        browser.post(USERS, {"action": action, "_selected_action": [str(alice.pk)], "post": "yes"})
    family.refresh_from_db()
    assert family.revoked_at is None
    assert Totp.objects.filter(user=alice).exists()


def test_nobody_makes_an_administrator_of_themselves(alice: User) -> None:
    helper = staff("view_user", "change_user", "view_group", "change_group")
    mighty = Group.objects.create(name="mighty")
    mighty.permissions.add(Permission.objects.get(codename="delete_user"))
    browser = browser_of(helper)
    for user in (helper, alice):
        form: dict[str, Any] = {"email": user.email, "theme": "dark", "is_active": "on"}
        more = {"is_staff": "on", "is_superuser": "on", "is_service": "on", "groups": [str(mighty.pk)]}
        assert browser.post(f"{USERS}{user.pk}/change/", form | more | NO_INLINES).status_code == 302
        before = user.is_staff
        user.refresh_from_db()
        assert (user.theme, user.is_staff, user.is_superuser, user.is_service) == ("dark", before, False, False)
        assert not user.groups.exists()
    own = Group.objects.create(name="helpers")
    every = [str(pk) for pk in Permission.objects.values_list("pk", flat=True)]
    form = {"name": "helpers too", "permissions": every}
    inline = {"allowance-TOTAL_FORMS": "0", "allowance-INITIAL_FORMS": "0"}
    assert browser.post(f"/admin/auth/group/{own.pk}/change/", form | inline).status_code == 302
    own.refresh_from_db()
    assert (own.name, own.permissions.count()) == ("helpers too", 0)


def test_nobody_comes_in_as_somebody_mightier(root: User, alice: User) -> None:
    browser = browser_of(staff("view_user", "change_user", "delete_user"))
    family, password = TokenFamily.objects.sign_in(root), root.password
    new = {"password1": "another long one 1", "password2": "another long one 1", "usable_password": "true"}
    form = {"email": "mine@example.org", "theme": "dark", "is_active": "on"}
    assert browser.get(f"{USERS}{root.pk}/change/").status_code == 200
    for path, body in (("change", form | NO_INLINES), ("password", new), ("delete", {"post": "yes"})):
        assert browser.post(f"{USERS}{root.pk}/{path}/", body).status_code == 403, path
    marked = {"_selected_action": [str(root.pk)], "post": "yes"}
    for action in ("sign_out", "turn_off_totp", "delete_selected"):
        browser.post(USERS, marked | {"action": action})
    root.refresh_from_db()
    family.refresh_from_db()
    assert (root.email, root.password, family.revoked_at) == ("root@example.org", password, None)
    assert browser.post(f"{USERS}{alice.pk}/password/", new).status_code == 302  # which is what the right is for


def test_nor_as_somebody_mightier_whose_account_is_turned_off() -> None:
    """To come in they would be turned on in the same form."""
    helper = staff("view_user", "change_user")
    browser, ruling = browser_of(helper), Group.objects.create(name="ruling")
    ruling.permissions.add(Permission.objects.get(codename="delete_user"))
    by_group, by_themselves, equal = (
        User.objects.create_user(f"{name}@example.org", PASSWORD, is_staff=True, is_active=False)
        for name in ("group", "themselves", "equal")
    )
    by_group.groups.add(ruling)
    by_themselves.user_permissions.add(Permission.objects.get(codename="add_user"))
    equal.user_permissions.add(Permission.objects.get(codename="view_user"))
    new = {"password1": "another long one 1", "password2": "another long one 1", "usable_password": "true"}
    form = {"email": "mine@example.org", "theme": "dark", "is_active": "on"} | NO_INLINES
    for user, status in ((by_group, 403), (by_themselves, 403), (equal, 302)):
        assert browser.post(f"{USERS}{user.pk}/password/", new).status_code == status, user
        assert browser.post(f"{USERS}{user.pk}/change/", form).status_code == status, user


def test_nobody_puts_anybody_into_a_group_with_rights_they_have_not_nor_out_of_it(
    root: User, client_of: Callable[[User], APIClient], alice: User
) -> None:
    helper = staff("change_user", "view_group")
    plain, mighty = (Group.objects.create(name=name) for name in ("plain", "mighty"))
    mighty.permissions.add(Permission.objects.get(codename="delete_user"))
    client = client_of(helper)
    assert client.post(f"/api/groups/{mighty.pk}/members", {"email": helper.email}).status_code == 403
    assert client.post(f"/api/groups/{plain.pk}/members", {"email": alice.email}).status_code == 201
    assert client_of(root).post(f"/api/groups/{mighty.pk}/members", {"email": alice.email}).status_code == 201
    assert client.delete(f"/api/groups/{mighty.pk}/members/{alice.pk}").status_code == 403
    assert client.delete(f"/api/groups/{plain.pk}/members/{alice.pk}").status_code == 200
    # What somebody mightier may use is none of theirs to say, either.
    assert client.post(f"/api/groups/{plain.pk}/members", {"email": root.email}).status_code == 403
    root.groups.add(plain)
    assert client.delete(f"/api/groups/{plain.pk}/members/{root.pk}").status_code == 403
    assert [set(user.groups.all()) for user in (helper, alice, root)] == [set(), {mighty}, {plain}]


def test_nor_a_program(root: User) -> None:
    browser = browser_of(staff("view_serviceaccount", "add_serviceaccount", "change_serviceaccount"))
    group, services = Group.objects.create(name="rich"), "/admin/accounts/serviceaccount/"
    form = {"display_name": "Bot", "groups": [str(group.pk)]}
    assert b'name="groups"' not in browser.get(f"{services}add/").content
    assert browser.post(f"{services}add/", form).status_code == 302
    service = ServiceAccount.objects.get()
    inline = {f"api_keys-{key}": "0" for key in ("TOTAL_FORMS", "INITIAL_FORMS")}
    renamed = form | inline | {"display_name": "Robot", "is_active": "on"}
    assert browser.post(f"{services}{service.pk}/change/", renamed).status_code == 302
    service.refresh_from_db()
    assert (service.display_name, service.groups.count()) == ("Robot", 0)
    assert browser_of(root).post(f"{services}{service.pk}/change/", renamed).status_code == 302
    assert list(service.groups.all()) == [group]


def test_however_a_conversation_is_named_the_log_names_it_as_ever(root: User, alice: User) -> None:
    session, _ = ChatSession.objects.open(alice, title="Rome")
    project = Project.objects.create(owner=alice, name="hers", instructions="the secret of Rome")
    browser = browser_of(root)
    spellings = [session.pk.hex, f"{{{session.pk}}}", f"urn:uuid:{session.pk}"]
    paths = [f"/admin/sessions_app/chatsession/{name}/change/" for name in spellings]
    paths += [f"/admin/sessions_app/message/?session__id__exact={name}" for name in spellings[:1]]
    for path in paths:
        browser.session.flush()
        browser.force_login(root)
        assert told(browser, path).status_code == 200, path
        line = AuditEntry.objects.filter(action=Act.CONVERSATION_READ).latest("seq")
        assert line.object == f"chatsession:{session.pk}", path
    path = f"/admin/sessions_app/project/{project.pk.hex}/change/"
    assert b"secret of Rome" not in browser.get(path).content
    assert b"secret of Rome" in told(browser, path).content
    assert AuditEntry.objects.latest("seq").object == f"project:{project.pk}"


def test_what_an_archive_is_encrypted_by_is_not_shown(root: User, alice: User) -> None:
    export = Export.objects.create(owner=alice)
    page = browser_of(root).get(f"{page_of(Export)}{export.pk}/change/").content.decode()
    assert "alice@example.org" in page
    assert export.key not in page
