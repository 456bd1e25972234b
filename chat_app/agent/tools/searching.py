"""Tools that look for words: in the files of a session, its project and its agent, and in what the person has said
elsewhere."""

from typing import Any

from chat_app.database import in_database
from chat_app.knowledge.conversations import said
from chat_app.knowledge.search import searched
from files_app.passages.finder import Found
from files_app.passages.library import library_of
from sessions_app.models import NATIVE, ChatSession
from sessions_app.search.query import Query

from .tool import Context, ToolFailure, done, tool

MAX_QUERY_CHARS = 1_000
MAX_RESULTS = 20


@tool
async def search_documents(context: Context, query: str, limit: int = 6) -> str:
    """Passages of the files of this session, of its project and of your own that have these words, the best first.

    Args:
        query: Words in the language of the documents. Passages with more and rarer of them come first; "words in
            quotes" must stand there so, -words must not.
        limit: How many passages at most, 1 to 20.
    """
    asked = _query(query)
    session = await in_database(ChatSession.objects.get, pk=context.context.request.session_pk)
    library = await in_database(library_of, session, context.context.acting.name)
    answer = await searched(library, asked, _bounded(limit), session.owner_id)
    passages = [_passage(found, session) for found in answer.found]
    more = {}
    if answer.pending:
        more["note"] = f"{answer.pending} files could not be read yet; search again in a minute."
    return done(query=query, count=len(passages), passages=passages, **more)


def _passage(found: Found, session: ChatSession) -> dict[str, Any]:
    passage = found.passage
    shown: dict[str, Any] = {"citation": found.citation, "file": passage.file.name}
    elsewhere = passage.file.session if passage.session_id != session.pk else None
    if elsewhere:
        shown["session_title"] = elsewhere.title  # whose files the other tools do not see
    else:
        shown["file_path"] = passage.file.path
    return shown | {"page": passage.page, "start": passage.start, "end": passage.end, "text": passage.text}


@tool
async def search_conversations(context: Context, query: str, limit: int = 10) -> str:
    """What was said in any conversation of the person, the latest first, or that which means most nearly the same. Say
    from which conversation, by its session_title, and of when you have it.

    Args:
        query: Words that are there, or the like in other words; "words in quotes" must stand there so, -words must not.
        limit: How many results at most, 1 to 20.
    """
    session = await in_database(ChatSession.objects.get, pk=context.context.request.session_pk)
    if session.namespace != NATIVE:
        raise ToolFailure("Other conversations cannot be searched from this one.")
    results = await said(session.owner_id, _query(query), _bounded(limit))
    return done(query=query, count=len(results), results=results)


def _query(said: str) -> Query:
    query = Query.parse(said[:MAX_QUERY_CHARS])
    if not query.wanted:
        raise ToolFailure("Give at least one word to look for.")
    return query


def _bounded(limit: int) -> int:
    return min(max(limit, 1), MAX_RESULTS)
