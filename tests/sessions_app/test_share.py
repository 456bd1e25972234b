"""A conversation shown to whoever has its address."""

import re
import time
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chatjuicer.accounts.models import Act, AuditEntry, User
from sessions_app.history import History
from sessions_app.models import ChatSession, Message, MessageDraft, Share
from sessions_app.sharing import viewsets
from sessions_app.sharing.formulas import ELEMENTS, MAX_CHARS
from sessions_app.sharing.page import page_of
from tests.conftest import refused

TAGS = {
    "!doctype", "html", "head", "meta", "title", "style", "body", "header", "main", "article", "h1", "h2", "p",
    "details", "summary", "pre", "code", "a", "em", "strong", "table", "thead", "tbody", "tr", "th", "td", "sup",
    "ul", "li", *ELEMENTS,
}  # fmt: skip
SHARE = "/api/sessions/trip/share"


@pytest.fixture
def session(alice: User) -> ChatSession:
    session, _ = ChatSession.objects.open(alice, public_id="trip", title='To "Lisbon" <now>')
    session.add_messages(
        [
            MessageDraft(role="user", content="Where to?\n<script>alert(1)</script>"),
            MessageDraft(
                role="tool_call", tool_name="read_file", tool_arguments='{"a": "<b>"}', tool_result="</pre><img src=x>"
            ),
            MessageDraft(
                role="assistant", content="To **Lisbon**, by [train](https://example.org).\n\n|a|b|\n|-|-|\n|1|2|"
            ),
        ]
    )
    return session


def shared(client: APIClient, **body: Any) -> str:
    answer = client.post(SHARE, body)
    assert answer.status_code == 200, answer.content
    assert answer.json() == client.get(SHARE).json()
    url: str = answer.json()["url"]
    assert url.startswith("http://testserver/share/")
    return url.removeprefix("http://testserver")


def text_of(client: APIClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_page_shows_what_was_visible_then(
    session: ChatSession, alice_client: APIClient, anybody: APIClient, mallory_client: APIClient
) -> None:
    refused(alice_client.get(SHARE), 404, "not_found")
    path = shared(alice_client)
    assert len(path.rpartition("/")[2]) >= 22  # 128 bits in base64
    page = text_of(anybody, path)
    assert "<strong>Lisbon</strong>" in page and "<td>1</td>" in page
    assert 'href="https://example.org" rel="nofollow noopener noreferrer"' in page
    assert page.index("Where to?") < page.index("read_file") < page.index("<strong>")
    alice_client.post("/api/sessions/trip/messages", {"role": "user", "content": "Said later"})
    alice_client.patch("/api/sessions/trip", {"title": "Other"})
    assert text_of(anybody, path) == page == text_of(mallory_client, path)
    assert shared(alice_client) == path
    assert "Said later" in text_of(anybody, path) and "<title>Other</title>" in text_of(anybody, path)


def test_what_people_said_stays_text(session: ChatSession, alice_client: APIClient, anybody: APIClient) -> None:
    hostile = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "![x](https://tracker.example/a.png)",
        "![x](data:image/svg+xml,<svg onload=alert(1)>)",
        "[x](data:text/html,x)",
        '[x](https://e.org/" onclick="alert(1))',
        "<style>*{display:none}</style>",
        "</main></body><iframe src=x>",
        "```<script>\n</code></pre><script>alert(1)</script>\n```",
        "&lt;script&gt;",
        "[x](vbscript:x)",
        "$\\text{<script>alert(1)</script>}$ $\\text{&#x3c;script>&#x3c;/math>}$ $\\text{&#xd800;}$ $\\text{&#x0;}$",
        '$\\href{javascript:alert(1)}{x}$ $\\style{background:url(//e.org)}{x}$ $\\class{x" onclick="alert(1)}{x}$',
        '$\\color{red" onclick="alert(1)}{x}$ $\\hspace{9999em}$ $\\text{" onload="x}$',
        'https://e.org/"onclick=alert(1) https://e.org/<script>alert(1)</script> javascript://e.org/%0aalert(1)',
        "[^<script>]\n\n[^<script>]: <script>alert(1)</script>",
        "- [ ] <script>alert(1)</script>",
        "x" * 300_000,
    ]
    for role in ("user", "assistant", "system"):
        session.add_messages([MessageDraft(role=role, content=text) for text in hostile])
    page = text_of(anybody, shared(alice_client))
    assert set(re.findall(r"<([a-zA-Z!][a-zA-Z0-9]*)", page)) <= TAGS
    assert page.count("<style>") == page.count("<main>") == 1
    for tag in re.findall(r"<[a-z][^>]*>", page):
        assert not re.search(r"\son\w+=", re.sub(r'"[^"]*"', '""', tag)), tag
    assert not re.search(r'href="\s*(javascript|vbscript|data):', page, re.IGNORECASE)
    assert "<title>To &quot;Lisbon&quot; &lt;now&gt;</title>" in page


def test_formulas_footnotes_tasks_and_bare_addresses_are_shown_as_such(
    session: ChatSession, alice_client: APIClient, anybody: APIClient
) -> None:
    said = """Inline $E = mc^2$, \\(a < b\\), $\\$5 < x$, and what is none: $\\unknown{x}$, cost $5 and $6.

$$\\begin{aligned} a &= b \\\\ &= \\frac{1}{2} \\end{aligned}$$

- [ ] to do, see (https://e.org/a_(b)_c?d=1&e).
- [x] done **at once**
- [link](https://e.org) <https://f.org>

Rome[^1] is old[^other], `https://code.example`.
[^1]: Founded *early*,
it is said.
[^2]: Another
"""
    session.add_messages([MessageDraft(role="assistant", content=said, partial=True, status="interrupted")])
    path = shared(alice_client)
    page = text_of(anybody, f"{path}/")
    assert page.count("<math ") == 4
    assert '<math display="inline" alttext="E = mc^2"><mrow><mi>E</mi><mo>=</mo><mi>m</mi><msup>' in page
    assert "<mi>a</mi><mo>&lt;</mo><mi>b</mi>" in page
    assert "<code>$\\unknown{x}$</code>" in page and "cost $5 and $6." in page
    assert '<math display="block" alttext="\\begin{aligned}' in page and "<mtable" in page
    assert '>☐ to do, see (<a href="https://e.org/a_(b)_c?d=1&amp;e" rel="nofollow noopener noreferrer">' in page
    assert "?d=1&amp;e</a>).</li>" in page
    assert "<li>☑ done <strong>" in page
    assert page.count("https://f.org") == 2 and "<code>https://code.example</code>" in page
    assert "Rome<sup>1</sup> is old[^other]," in page
    assert '<p class="note"><sup>1</sup> Founded <em>early</em>,\nit is said.</p>' in page
    assert '<p class="note"><sup>2</sup> Another</p>' in page
    assert "<p class=cut>cut short</p></article>" in page


@pytest.mark.slow(reason="thousands of formulas")
def test_formulas_cost_a_page_no_more_than_a_second_or_two(
    session: ChatSession, alice_client: APIClient, anybody: APIClient
) -> None:
    grows = "\\def\\a{xxxxxxxxxx}" + "".join(f"\\def\\{b}{{{f'{chr(92)}{a}' * 10}}}" for a, b in pairwise("abcdefgh"))
    deep = ["{" * 900 + "}" * 900, "\\sqrt{" * 280 + "x" + "}" * 280, "x_{" * 600 + "}" * 600, "\\left(" * 280]
    for latex in (f"{grows}\\h", *deep):
        session.add_messages([MessageDraft(role="assistant", content=f"$${latex}$$")])
    many = "$x^{2}+\\sum_{i}^{n}i$ " * 9_000
    session.add_messages([MessageDraft(role="assistant", content=many) for _ in range(3)])
    began = time.process_time()
    page = text_of(anybody, shared(alice_client))
    assert time.process_time() - began < 20
    assert len(page) < 30 * MAX_CHARS + 3 * len(many) * 2
    assert f"<code>$${grows}\\h$$</code>" in page
    assert 3_000 < page.count("<math ") < 9_000 and page.count("<code>$x^{2}") > 18_000


def test_the_page_runs_nothing_and_is_kept_nowhere(
    session: ChatSession, alice_client: APIClient, anybody: APIClient
) -> None:
    answer = anybody.get(shared(alice_client))
    page, policy = answer.content.decode(), answer.headers["Content-Security-Policy"]
    style = re.search(r"<style>(.*)</style>", page, re.DOTALL)
    assert style
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert f"'sha256-{b64encode(sha256(style[1].encode()).digest()).decode()}'" in policy
    assert "script-src" not in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    for name in ("og:title", "og:description", "og:url", "og:image"):
        assert f'<meta property="{name}" content="' in page
    assert anybody.post(answer.request["PATH_INFO"]).status_code == 405


def test_it_ends_when_it_is_taken_back_or_expires_or_its_session_goes(
    session: ChatSession, alice: User, alice_client: APIClient, anybody: APIClient
) -> None:
    first = shared(alice_client)
    assert alice_client.delete(SHARE).json() == {"success": True}
    assert anybody.get(first).status_code == 404
    refused(alice_client.get(SHARE), 404, "not_found")
    refused(alice_client.delete(SHARE), 404, "not_found")

    second = shared(alice_client, expires_at=(timezone.now() + timedelta(hours=1)).isoformat())
    assert second != first
    assert anybody.get(second).status_code == 200
    Share.objects.update(expires_at=timezone.now())
    assert anybody.get(second).status_code == 404
    refused(alice_client.get(SHARE), 404, "not_found")

    third = shared(alice_client)
    assert third != second
    alice_client.delete("/api/sessions/trip")
    assert anybody.get(third).status_code == 404
    alice_client.post("/api/sessions/trip/restore")
    assert anybody.get(third).status_code == 200
    alice_client.delete("/api/sessions/trip?permanent=true")
    assert anybody.get(third).status_code == 404
    assert not Share.objects.exists()


def test_who_may_share(
    session: ChatSession,
    alice: User,
    alice_client: APIClient,
    mallory_client: APIClient,
    anybody: APIClient,
    settings: Any,
) -> None:
    path = shared(alice_client)
    for answer in (mallory_client.get(SHARE), mallory_client.post(SHARE, {}), mallory_client.delete(SHARE)):
        refused(answer, 404, "not_found")
    assert anybody.post(SHARE, {}).status_code == 401
    for body in ({"expires_at": "soon"}, {"expires_at": "2001-01-01T00:00:00Z"}):
        refused(alice_client.post(SHARE, body), 400, "invalid_input")
    assert anybody.get(path[:-1] + ("1" if path[-1] == "0" else "0")).status_code == 404
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert anybody.get(path).status_code == 404
    User.objects.filter(pk=alice.pk).update(is_active=True)
    assert anybody.get(path).status_code == 200
    settings.ALLOW_SHARING = False
    assert anybody.get(path).status_code == 404
    for answer in (alice_client.get(SHARE), alice_client.post(SHARE, {}), alice_client.delete(SHARE)):
        refused(answer, 403, "sharing_off")
    refused(alice_client.get("/api/shares"), 403, "sharing_off")


def test_all_that_one_shares_is_listed(
    session: ChatSession, alice: User, alice_client: APIClient, mallory_client: APIClient
) -> None:
    def listed(**query: Any) -> list[tuple[str, str]]:
        answer = alice_client.get("/api/shares", query).json()
        assert answer["has_more"] is bool(query)
        return [(share["session_id"], share["session_title"]) for share in answer["shares"]]

    assert listed() == []
    for name in ("one", "two", "three"):
        ChatSession.objects.open(alice, public_id=name, title=name.title())
        alice_client.post(f"/api/sessions/{name}/share", {})
    first = alice_client.post(SHARE, {}).json()
    assert listed() == [("trip", session.title), ("three", "Three"), ("two", "Two"), ("one", "One")]
    assert listed(offset=1, limit=2) == [("three", "Three"), ("two", "Two")]
    shown = alice_client.get("/api/shares").json()["shares"][0]
    assert {name: shown[name] for name in first} == first
    assert mallory_client.get("/api/shares").json() == {"shares": [], "has_more": False}
    alice_client.delete("/api/sessions/two/share")
    alice_client.delete("/api/sessions/three")
    Share.objects.filter(session__public_id="one").update(expires_at=timezone.now() - timedelta(seconds=1))
    assert listed() == [("trip", session.title)]
    alice_client.post("/api/sessions/three/restore")
    refused(alice_client.get("/api/shares", {"limit": 0}), 400, "invalid_input")


def test_a_key_gives_the_first_share_again(session: ChatSession, alice_client: APIClient) -> None:
    first = alice_client.post(SHARE, {}, HTTP_IDEMPOTENCY_KEY="k").json()
    assert alice_client.post(SHARE, {}, HTTP_IDEMPOTENCY_KEY="k").json() == first
    refused(
        alice_client.post(SHARE, {"expires_at": "2100-01-01T00:00:00Z"}, HTTP_IDEMPOTENCY_KEY="k"),
        409,
        "idempotency_mismatch",
    )


def test_who_has_an_account_goes_on_in_a_copy_of_what_the_page_shows(
    session: ChatSession, alice_client: APIClient, mallory: User, mallory_client: APIClient, anybody: APIClient
) -> None:
    session.add_messages([MessageDraft(role="tool_call", tool_name="read_file", tool_result="r" * 5_000)])
    copy = f"/api/shares/{shared(alice_client).removeprefix('/share/')}/copy"
    session.add_messages([MessageDraft(role="user", content="Said later")])
    assert anybody.post(copy).status_code == 401
    answer = mallory_client.post(copy, HTTP_IDEMPOTENCY_KEY="once")
    assert answer.status_code == 201
    assert mallory_client.post(copy, HTTP_IDEMPOTENCY_KEY="once").json() == answer.json()
    own = mallory.chat_sessions.get()
    assert own.public_id == answer.json()["session_id"] != "trip"
    assert (own.title, own.unread, own.message_count) == (session.title, False, 4)
    told = [(message.role, message.content or message.tool_result) for message in own.messages.order_by("position")]
    assert told[0] == ("user", "Where to?\n<script>alert(1)</script>")
    assert told[3] == ("tool_call", "r" * 4_000 + "…")  # no more than the page shows
    assert [item.value["role"] for item in own.context_items.order_by("position")] == ["user", "assistant"]
    alice_client.post("/api/sessions/trip/clear")
    refused(mallory_client.post(copy), 404, "not_found")
    assert own.messages.count() == 4


def test_the_page_and_its_copies_end_with_the_message_that_is_named(
    session: ChatSession,
    alice: User,
    alice_client: APIClient,
    mallory: User,
    mallory_client: APIClient,
    anybody: APIClient,
) -> None:
    other, _ = ChatSession.objects.open(alice, public_id="other")
    (elsewhere,) = other.add_messages([MessageDraft(role="user", content="Said elsewhere")])
    session.add_messages([MessageDraft(role="user", content="Said later"), MessageDraft(role="assistant", content="!")])
    rows = list(session.messages.order_by("position"))
    session.messages.filter(pk=rows[4].pk).update(status=Message.Status.PENDING)
    ChatSession.objects.filter(pk=session.pk).update(state="running")
    for wrong in ("soon", str(uuid4()), str(elsewhere.pk), str(rows[4].pk)):  # the last one is not finished
        answer = alice_client.post(SHARE, {"upto": wrong})
        refused(answer, 400, "invalid_input")
    assert not Share.objects.exists()
    path = shared(alice_client, upto=str(rows[2].pk))
    page = text_of(anybody, path)
    assert "<strong>Lisbon</strong>" in page and "Said later" not in page
    mallory_client.post(f"/api/shares/{path.removeprefix('/share/')}/copy")
    own = mallory.chat_sessions.get()
    assert [message.role for message in own.messages.order_by("position")] == ["user", "tool_call", "assistant"]
    assert shared(alice_client, upto=str(rows[0].pk)) == path
    assert "read_file" not in text_of(anybody, path)
    assert shared(alice_client, upto=None) == path
    assert "Said later" in text_of(anybody, path)


def test_a_version_that_is_not_visible_ends_no_page(session: ChatSession, alice_client: APIClient) -> None:
    hidden = session.messages.order_by("position").last()
    assert hidden
    session.messages.filter(pk=hidden.pk).update(visible=False)
    ChatSession.objects.filter(pk=session.pk).update(is_tree=True)
    refused(alice_client.post(SHARE, {"upto": str(hidden.pk)}), 400, "invalid_input")


def test_what_is_cleared_is_shown_to_nobody(
    session: ChatSession, alice_client: APIClient, anybody: APIClient, django_capture_on_commit_callbacks: Any
) -> None:
    path = shared(alice_client)
    with django_capture_on_commit_callbacks(execute=True):
        assert alice_client.post("/api/sessions/trip/clear").status_code == 200
    assert anybody.get(path).status_code == 404
    told = AuditEntry.objects.order_by("seq").values_list("action", flat=True)
    assert list(told)[-2:] == [Act.SHARE_TAKEN_BACK, Act.SESSION_CLEARED]
    assert shared(alice_client) != path


def test_a_page_of_an_older_version_cannot_be_copied(
    session: ChatSession, alice_client: APIClient, mallory_client: APIClient
) -> None:
    token = shared(alice_client).removeprefix("/share/")
    assert f'href="/#/copy/{token}"' in text_of(alice_client, f"/share/{token}")
    Share.objects.update(said="")
    assert "/#/copy/" not in text_of(alice_client, f"/share/{token}")
    refused(mallory_client.post(f"/api/shares/{token}/copy"), 409, "not_to_be_copied")


@pytest.mark.slow(reason="forty thousand of them")
def test_formulas_without_an_end_cost_no_more_than_their_length(
    session: ChatSession, alice_client: APIClient, anybody: APIClient
) -> None:
    open_ones = "\\[\\(" * 40_000
    session.add_messages(
        [MessageDraft(role="assistant", content=open_ones), MessageDraft(role="assistant", content="\\(a*b*c\\)")]
    )
    began = time.process_time()
    page = text_of(anybody, shared(alice_client))
    assert time.process_time() - began < 10
    assert "[(" * 40_000 in page
    assert "<mi>a</mi><mo>*</mo><mi>b</mi>" in page


def test_a_session_that_goes_while_it_is_shared_is_shared_with_nobody(
    session: ChatSession, alice_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def and_goes(history: History, last: UUID | None) -> tuple[str, list[dict[str, Any]]]:
        page = page_of(history, last)
        session.delete()
        return page

    monkeypatch.setattr(viewsets, "page_of", and_goes)
    refused(alice_client.post(SHARE), 404, "not_found")
    assert not Share.objects.exists()
