"""What waits to be told, and who sends it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from chat_app.models import Approval, Notice, PushSubscription, Webhook
from chat_app.models.notice import LEASE, MAX_PUSH_TRIES, MAX_TRIES, Outcome
from chat_app.models.push_subscription import Browser, Device
from chat_app.models.status import RunStatus
from chat_app.models.webhook import MAX_WEBHOOKS
from chat_app.notices.post import post
from chat_app.notices.requests import NoticeRequest, request_of
from chat_app.tool_calls import AskedCall
from chatjuicer.accounts.models import TokenFamily, User
from sessions_app.models import ChatSession
from tests.chat_app.conftest import Start
from tests.chat_app.notices import browser as browsers
from tests.conftest import refused

URL = "https://hooks.example.org/in"
ALL = Notice.Type.values

pytestmark = pytest.mark.django_db


@pytest.fixture
def webhook(alice: User) -> Webhook:
    return Webhook.objects.add(alice, URL, ALL)


@pytest.fixture
def browser(alice: User) -> PushSubscription:
    family = TokenFamily.objects.sign_in(alice)
    given = Browser("https://push.example.org/1", "key", "auth")
    return PushSubscription.objects.put(Device(alice, family.pk), given, Notice.PUSHED, preview=False)


def waiting() -> set[tuple[str, bool]]:
    """Of each notice its type, and whether it is a browser's."""
    return {(notice.type, notice.webhook is None) for notice in Notice.objects.all()}


def claimed(owner: str = "here") -> list[Notice]:
    return Notice.objects.claim(owner, 10, lambda owner: owner == "dead")[0]


def test_a_browser_that_says_the_same_again_loses_nothing(alice_client: APIClient, start: Start, settings: Any) -> None:
    settings.NOTICE_NETWORKS = ["192.0.2.0/24"]
    said = browsers.Browser("https://192.0.2.1").subscription

    def subscribed(**wishes: Any) -> dict[str, Any]:
        answer = alice_client.post("/api/push/subscriptions", said | wishes)
        assert answer.status_code == 201, answer.content
        shown: dict[str, Any] = answer.json()
        return shown

    first = subscribed()
    start().run.end(RunStatus.COMPLETED, "stop")
    assert waiting() == {("answer_ready", True)}
    assert subscribed() == first
    assert waiting() == {("answer_ready", True)}
    said["keys"] = said["keys"] | {"auth": browsers.base64url(b"another secret.."[:16])}
    assert subscribed() == first
    assert PushSubscription.objects.get().auth == said["keys"]["auth"]
    assert subscribed(events=["approval_waiting"])["id"] != first["id"]
    assert waiting() == set()  # it is not told any more what it did not ask for
    assert [one["events"] for one in alice_client.get("/api/push/subscriptions").json()["subscriptions"]] == [
        ["approval_waiting"]
    ]


def test_each_event_is_written_with_what_it_tells(
    session: ChatSession, start: Start, webhook: Webhook, browser: PushSubscription
) -> None:
    run = start().run
    assert Approval.objects.ask(run, [AskedCall("call_1", "edit_file", "{}")], "{}", None)
    assert waiting() == {("approval_waiting", False), ("approval_waiting", True)}
    Notice.objects.all().delete()
    run.end(RunStatus.INTERRUPTED, "interrupted")
    assert waiting() == set()
    start().run.end(RunStatus.COMPLETED, "stop")
    start().run.end(RunStatus.FAILED, "error")
    assert waiting() == {(type, far) for type in ("answer_ready", "answer_failed") for far in (False, True)}
    Notice.objects.all().delete()
    session.discard()
    session.restore()
    assert waiting() == {("session_deleted", False), ("session_restored", False)}


def test_nobody_is_told_of_an_account_that_is_deactivated(
    alice: User, webhook: Webhook, browser: PushSubscription
) -> None:
    ChatSession.objects.open(alice)
    (notice,) = claimed()
    alice.is_active = False
    alice.save()
    notice.refresh_from_db()
    assert request_of(notice) is None
    ChatSession.objects.open(alice)
    assert Notice.objects.filter(webhook=webhook).count() == 1


def test_other_namespaces_and_other_people_are_not_told_of(mallory: User, alice: User, webhook: Webhook) -> None:
    ChatSession.objects.open(alice, namespace="persona")
    ChatSession.objects.open(mallory)
    assert waiting() == set()
    ChatSession.objects.open(alice)
    assert waiting() == {("session_created", False)}


def test_one_process_at_a_time_sends_it_and_one_thing_to_each_receiver(alice: User, webhook: Webhook) -> None:
    other = Webhook.objects.add(alice, URL, ALL)
    for _ in range(3):
        ChatSession.objects.open(alice)
    first = claimed()
    assert {notice.webhook_id for notice in first} == {webhook.pk, other.pk}
    assert claimed("there") == []
    first[0].settle(Outcome(200))
    (second,) = claimed("there")
    assert second.webhook_id == first[0].webhook_id
    assert second.pk != first[0].pk


@pytest.mark.parametrize("how", ["dead", "late"])
def test_what_a_process_that_is_gone_had_begun_is_sent_by_another(alice: User, webhook: Webhook, how: str) -> None:
    ChatSession.objects.open(alice)
    (before,) = claimed("dead" if how == "dead" else "away")
    if how == "late":
        Notice.objects.update(lease_until=before.created_at - LEASE)
    (after,) = claimed("there")
    assert (after.pk, after.tries) == (before.pk, 2)
    before.settle(Outcome(500, "refused"))  # it comes back, and has nothing to say any more
    after.settle(Outcome(204))
    after.refresh_from_db()
    assert (after.status, after.response_status) == ("delivered", 204)


def test_receivers_of_one_user_leave_places_to_others(alice: User, mallory: User, webhook: Webhook) -> None:
    for _ in range(MAX_WEBHOOKS):
        Webhook.objects.add(mallory, URL, ALL)
    ChatSession.objects.open(mallory)
    ChatSession.objects.open(alice)
    first = [notice.receiver.user_id for notice in claimed()]
    assert first.count(mallory.pk) == 8
    assert first.count(alice.pk) == 1
    assert claimed() == [], "all that mallory may have is under way"


@pytest.mark.parametrize("to", ["webhook", "browser"])
def test_what_every_process_dies_of_is_given_up(
    start: Start, request: pytest.FixtureRequest, webhook: Webhook, settings: Any, to: str
) -> None:
    if to == "browser":
        webhook.delete()
        request.getfixturevalue("browser")
    start().run.end(RunStatus.COMPLETED, "stop")
    Notice.objects.update(due_at=timezone.now())
    tries = 0
    while claimed("dead"):
        tries += 1
        assert tries < 20
    assert tries == (MAX_TRIES if to == "webhook" else MAX_PUSH_TRIES)
    assert list(Notice.objects.values_list("status", flat=True)) == (["failed"] if to == "webhook" else [])


@pytest.mark.parametrize("arrived_since", [False, True])
def test_it_is_given_up_at_last_and_a_webhook_at_which_nothing_arrives_is_turned_off(
    alice: User, webhook: Webhook, settings: Any, arrived_since: bool
) -> None:
    settings.NOTICE_RETRY_S = 0
    ChatSession.objects.open(alice)
    for _ in range(MAX_TRIES):
        (notice,) = claimed()
        if arrived_since:
            webhook.note_arrival()
        notice.settle(Outcome(None, "timeout"))
    assert claimed() == []
    notice.refresh_from_db()
    webhook.refresh_from_db()
    assert (notice.status, notice.error, webhook.active) == ("failed", "timeout", arrived_since)


def test_a_browser_has_one_person_at_a_time(alice: User, mallory: User, browser: PushSubscription) -> None:
    given = Browser(browser.endpoint, "key", "auth")
    PushSubscription.objects.put(Device(mallory, None), given, Notice.PUSHED, preview=False)
    assert PushSubscription.objects.get().user == mallory


@pytest.mark.django_db(transaction=True)
def test_of_two_who_claim_a_browser_at_once_the_later_one_has_it(
    alice: User, mallory: User, side_by_side: Callable[..., list[Any]]
) -> None:
    for number in range(10):
        given = Browser(f"https://push.example.org/{number}", "key", "auth")

        def claim(user: User, given: Browser = given) -> object:
            return PushSubscription.objects.put(Device(user, None), given, Notice.PUSHED, preview=False)

        side_by_side(claim, [alice, mallory])
    assert PushSubscription.objects.count() == 10


@pytest.mark.only("postgres", reason="SQLite has one transaction that writes")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("receiver", ["webhook", "browser"])
def test_a_receiver_that_is_deleted_while_it_is_told_costs_neither(
    start: Start, alice: User, request: pytest.FixtureRequest, receiver: str
) -> None:
    row = request.getfixturevalue(receiver)
    run = start().run
    told = threading.Event()

    def delete() -> None:
        told.wait(30)
        try:
            row.delete() if receiver == "webhook" else PushSubscription.objects.all().end()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(delete)
        with transaction.atomic():
            run.end(RunStatus.COMPLETED, "stop")
            told.set()
            while not (deleting.done() or somebody_waits()):
                time.sleep(0.01)
        deleting.result(30)
    run.refresh_from_db()
    assert (run.status, Notice.objects.count()) == ("completed", 0)


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def test_to_be_signed_out_everywhere_ends_push(alice: User, browser: PushSubscription) -> None:
    here = PushSubscription.objects.put(
        Device(alice, None), Browser("https://push.example.org/2", "key", "auth"), Notice.PUSHED, preview=False
    )
    assert set(PushSubscription.objects.alive()) == {browser, here}
    alice.sign_out()
    assert list(PushSubscription.objects.alive()) == []


def test_an_account_has_so_many_webhooks(alice: User, alice_client: APIClient, mallory_client: APIClient) -> None:
    wanted = {"url": URL, "events": ["answer_ready"]}
    first = alice_client.post("/api/webhooks", wanted, HTTP_IDEMPOTENCY_KEY="once")
    assert first.status_code == 201
    assert alice_client.post("/api/webhooks", wanted, HTTP_IDEMPOTENCY_KEY="once").json() == first.json()
    assert first.json()["secret"] not in Webhook.objects.get().sealed_secret
    for _ in range(MAX_WEBHOOKS - 1):
        assert alice_client.post("/api/webhooks", wanted).status_code == 201
    refused(alice_client.post("/api/webhooks", wanted), 409, "too_many_webhooks")
    assert mallory_client.post("/api/webhooks", wanted).status_code == 201


@pytest.mark.parametrize(
    "url", ["http://example.org/", "https://", "https://a:b@example.org/", "https://[::1", "ftp://x/"]
)
def test_an_address_that_can_be_no_receiver_is_refused(alice_client: APIClient, url: str) -> None:
    refused(alice_client.post("/api/webhooks", {"url": url, "events": ["answer_ready"]}), 400, "invalid_input")


@pytest.mark.parametrize(
    ("networks", "url", "why"),
    [
        ([], "https://127.0.0.1:443/", "not_public"),
        ([], "https://localhost/", "not_public"),
        ([], "https://[::ffff:10.0.0.1]/", "not_public"),
        ([], "http://1.1.1.1/", "not_public"),  # anybody on the way could read it
        (["10.0.0.0/8"], "http://127.0.0.1:1/", "not_public"),
        (["127.0.0.1"], "http://127.0.0.1:1/", "no_answer"),
    ],
)
async def test_nobody_is_reached_where_only_the_server_may_be(
    settings: Any, networks: list[str], url: str, why: str
) -> None:
    settings.NOTICE_NETWORKS = networks
    assert (await post(NoticeRequest(url, {}, b"{}"))).error == why
