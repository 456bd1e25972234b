import pytest
from django.apps import apps
from django.core.management import call_command

from chatjuicer.accounts.models import User
from tests.harness.emptying.management.commands.flush import MADE_BY_MIGRATE


@pytest.mark.django_db(transaction=True)
def test_after_a_test_there_is_nothing_but_what_migrate_makes(alice: User) -> None:
    assert {User._meta.db_table} | MADE_BY_MIGRATE <= filled()
    call_command("flush", interactive=False, verbosity=0)
    assert filled() == MADE_BY_MIGRATE


def filled() -> set[str]:
    return {model._meta.db_table for model in apps.get_models() if model._base_manager.exists()}
