"""What one message asks of PostgreSQL, as PostgreSQL's own log has it."""

import asyncio
import re
import statistics
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.harness.client import Chat, signed_in
from tests.harness.server import Site
from tests.harness.services import postgres
from tests.harness.sites import Sites

pytestmark = pytest.mark.only("postgres", reason="it is PostgreSQL that is asked over a network")

LOGGED = re.compile(r"LOG:  (?:statement|execute [^:]*): (.*)")
MESSAGES = 12
MOST_STATEMENTS = 14  # with the first and the last of two transactions; three are sent together
HISTORY = 250
SEED = f"""
from sessions_app.models import ChatSession, MessageDraft
from chat_app.models import Run
session = ChatSession.objects.get()
for number in range({HISTORY}):
    session.add_messages([MessageDraft(role=role, content="word " * 20) for role in ("user", "assistant")])
    session.add_context([{{"role": role, "content": "word " * 20}} for role in ("user", "assistant")])
Run.objects.bulk_create([
    Run(session=session, status="completed", model="m", first_position=1, input_count=1) for _ in range({HISTORY})
])
"""


def log_statements(site: Site) -> None:
    """Of a site that is yet to be started."""
    database = urlsplit(site.database_url).path[1:]
    with psycopg.connect(postgres().url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE \"{database}\" SET log_statement = 'all'")


def log() -> str:
    with psycopg.connect(postgres().url) as connection:
        (directory,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        (text,) = connection.execute("SELECT pg_read_file(%s)", [f"{directory}/../log"]).fetchone() or ("",)
    return str(text)


async def statements_of(chat: Chat) -> float:
    """Of one short message: the median, for the process asks for something every few seconds by itself."""
    each = []
    for _ in range(MESSAGES):
        before = len(log())
        await chat.ask("say 1 words")
        each.append(len(LOGGED.findall(log()[before:])))
    return statistics.median(each)


async def test_a_message_asks_few_statements_however_long_its_session_is(sites: Sites) -> None:
    site = sites.own(processes=1)
    log_statements(site)
    with site:
        async with signed_in(site.url) as alice:
            session = await alice.create_session()
            async with alice.chat(session) as chat:
                await chat.ask("hello")
                young = await statements_of(chat)
                await asyncio.to_thread(site.manage, "shell", "-c", SEED)
                old = await statements_of(chat)
    assert young <= MOST_STATEMENTS
    assert old <= 1.2 * young
