"""What other products' exports have in them, and what comes of it here."""

import base64
import json
import time
from typing import Any

import pytest
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from files_app.models import File
from files_app.storage import chunks
from files_app.transfer import embedded
from files_app.transfer.formats import chatgpt, openwebui
from tests.files_app.test_transfer import CHATGPT, PNG, ROOT, chain, own_disk, spoken, taken, told, zipped

pytestmark = pytest.mark.django_db
__all__ = ["own_disk"]

PICTURE = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def open_webui(*messages: dict[str, Any], chat_of: dict[str, Any] | None = None, **about: Any) -> bytes:
    """A chat of messages that follow each other."""
    rows = {
        f"{n}": {"id": f"{n}", "parentId": f"{n - 1}" if n else None, "timestamp": 1700000000 + n, **one}
        for n, one in enumerate(messages)
    }
    history = {"currentId": f"{len(rows) - 1}", "messages": rows}
    chat = {"title": "Fish", "history": history, **(chat_of or {})}
    return json.dumps([{"id": "w", "title": "Fish", "chat": chat, **about}]).encode()


def asked(content: Any = "Which fish?", **fields: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **fields}


def answered(content: Any = "", **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "done": True, **fields}


def rows(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["role"], one["content"] or one["tool_name"] or "") for one in messages]


def files_of(message: dict[str, Any]) -> list[str]:
    return [one["path"] for one in message["metadata"].get("attachments", [])]


# -- Open WebUI

OUTPUT = [
    {"type": "reasoning", "id": "r", "status": "completed", "summary": None, "duration": 3,
     "content": [{"type": "output_text", "text": "A river?"}]},
    {"type": "message", "id": "m1", "status": "completed", "role": "assistant",
     "content": [{"type": "output_text", "text": "I look."}]},
    {"type": "function_call", "id": "f", "call_id": "c1", "name": "search", "arguments": '{"q": "pike"}',
     "status": "completed"},
    {"type": "function_call", "id": "g", "call_id": "c2", "name": "clock", "arguments": {"zone": "UTC"}},
    {"type": "function_call_output", "call_id": "c2", "status": "failed",
     "output": [{"type": "input_text", "text": "No clock."}]},
    {"type": "function_call_output", "call_id": "c1", "status": "completed", "output": "Found."},
    {"type": "open_webui:code_interpreter", "id": "ci", "status": "completed", "lang": "python", "code": "print(1)",
     "output": {"stdout": "1\n"}},
    {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search", "query": "pike"}},
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "So it is."}], "content": []},
    {"type": "message", "content": [{"type": "output_text", "text": "A "}, {"type": "output_text", "text": "pike."}]},
    {"type": "open_webui:unheard_of"}, "no item", None,
]  # fmt: skip


def test_answers_that_open_webui_keeps_in_output_come_in(alice_client: APIClient) -> None:
    messages = told(alice_client, open_webui(asked(), answered(output=OUTPUT)))
    assert rows(messages) == [
        ("user", "Which fish?"),
        ("assistant", "I look."),
        ("tool_call", "search"),
        ("tool_call", "clock"),
        ("tool_call", "code_interpreter"),
        ("tool_call", "web_search"),
        ("assistant", "A pike."),
    ]
    assert [one["reasoning"] for one in messages if one["role"] == "assistant"] == ["A river?", "So it is."]
    calls = [(one["tool_arguments"], one["tool_result"], one["tool_success"]) for one in messages[2:6]]
    assert calls == [
        ('{"q": "pike"}', "Found.", True),
        ('{"zone": "UTC"}', "No clock.", False),
        ("print(1)", "1\n", True),
        ('{"type": "search", "query": "pike"}', "", True),
    ]


BESIDE_OUTPUT = [
    ("A pike.", [OUTPUT[0]], "A pike.", "A river?"),  # thoughts and calls alone stand in `output`
    ("A pike.", OUTPUT[:2], "I look.", "A river?"),  # the same, told twice
    ('<details type="reasoning">\n<summary>x</summary>\n&gt; Hm.\n</details>\nA pike.', [OUTPUT[0]], "A pike.", "Hm."),
    ("A pike.", 5, "A pike.", ""),
    ("A pike.", [{"type": "message", "content": "said as a text"}], "said as a text", ""),
]  # fmt: skip


@pytest.mark.parametrize(("content", "output", "words", "thoughts"), BESIDE_OUTPUT)
def test_what_is_told_in_output_and_in_content_comes_once(
    alice_client: APIClient, content: str, output: Any, words: str, thoughts: str
) -> None:
    _, message = told(alice_client, open_webui(asked(), answered(content, output=output)))
    assert (message["content"], message["reasoning"]) == (words, thoughts)


def test_pictures_and_texts_of_files_in_an_open_webui_chat_come_with_it(alice: User, alice_client: APIClient) -> None:
    text = {"type": "file", "name": "a.txt", "file": {"filename": "a.txt", "data": {"content": "It swims."}}}
    gone = [
        {"type": "image", "url": "/api/v1/files/1/content", "name": "far.png"},
        {"type": "collection", "name": "Ponds"},
    ]
    parts: list[dict[str, Any]] = [{"type": "text", "text": "And this?"}]
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in (PICTURE, "data:")]
    messages = told(alice_client, open_webui(
        asked("", files=[{"type": "image", "url": PICTURE}, text, *gone, 5]),
        answered("A pike.", files=[{"type": "image", "url": PICTURE.replace("png", "jpeg")}]),
        asked("", files=[{"type": "image", "url": PICTURE}]),
        asked("", files=[{"type": "image", "url": "data:image/png;base64,?"}]),
        asked(parts),
    ), files=4)  # fmt: skip
    assert [one["content"] for one in messages] == [
        "a.txt\n\nIt swims.\n\nNot in the export: far.png, Ponds", "A pike.", "", "Not in the export: image",
        "And this?\n\nNot in the export: image",
    ]  # fmt: skip
    assert [files_of(one) for one in messages] == [["sources/picture.png"]] * 3 + [[], ["sources/picture.png"]]
    (file,) = File.objects.of_owner(alice.pk)
    assert b"".join(chunks(file.storage_key)) == PNG
    (item, *_) = alice.chat_sessions.get().context_items.order_by("position")
    assert [part["type"] for part in item.value["content"]] == ["input_text", "input_text", "input_image"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"content": "No such model."}, "No such model."),
        ("Down.", "Down."),
        ({"message": "Gone."}, "Gone."),
        (True, ""),
    ],
    ids=str,
)
def test_an_answer_that_failed_in_open_webui_stays_as_one_that_failed(
    alice_client: APIClient, error: Any, text: str
) -> None:
    _, answer = told(alice_client, open_webui(asked(), answered(error=error)))
    assert (answer["role"], answer["content"], answer["status"], answer["is_error"]) == (
        "assistant", text, "failed", True,
    )  # fmt: skip


def test_a_field_that_cannot_be_read_costs_no_chat(alice_client: APIClient) -> None:
    odd = {"timestamp": "1700000009", "model": 5, "files": 5, "error": [], "output": "x"}
    data = open_webui(
        asked([{"type": "text", "text": "Which"}, "fish?", 5]), answered("A pike.", **odd), answered({"a": 1}),
        asked("Sure?", timestamp="noon", parentId="1"),
        updated_at=1700000100 * 10**9, created_at={"no": "time"}, archived="x",
    )  # fmt: skip
    messages = told(alice_client, data)
    assert [one["content"] for one in messages] == ["Which\n\nfish?", "A pike.", "Sure?"]
    assert messages[1]["created_at"].startswith("2023-11-14T22:13:29")
    (row,) = alice_client.get("/api/sessions").json()["sessions"]
    assert row["created_at"].startswith("2023-11-14T22:13:20")


def test_pictures_without_end_cost_no_more_than_their_bytes(
    alice_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "MAX_FILES", 2)
    pictures = [f"data:image/png;base64,{base64.b64encode(PNG + bytes([n])).decode()}" for n in range(3)]
    chats = [open_webui(asked(files=[{"url": url} for url in pictures[:count]]), id=f"{count}") for count in (3, 2)]
    report = taken(alice_client, b"[%s]" % b",".join(chat[1:-1] for chat in chats))
    assert (report["imported"], [one["reason"] for one in report["failed"]]) == (1, ["The archive has too many files."])
    assert File.objects.count() == 2


# -- LibreChat


def stone(id: str, parent: str, text: str, **fields: Any) -> dict[str, Any]:
    by_user = fields.pop("by_user", False)
    return {"messageId": id, "parentMessageId": parent, "conversationId": "l", "sender": "User" if by_user else "GPT",
            "isCreatedByUser": by_user, "text": text, "unfinished": False, "error": False,
            "createdAt": f"2026-01-02T03:04:0{id[-1]}.000Z", **fields}  # fmt: skip


QUESTION = stone("m1", ROOT, "Which stone?", by_user=True)
ANSWERS = [stone("m2", "m1", "A flint."), stone("m3", "m1", "A slate.")]
THANKS = stone("m4", "m3", "Thanks", by_user=True)
LIBRECHAT = {"conversationId": "l", "endpoint": "openAI", "title": "Stones", "exportAt": "10:00:00 GMT+0000",
             "branches": True, "recursive": False, "options": {"model": "gpt-4o"}}  # fmt: skip
TREE = [{**QUESTION, "children": [{**ANSWERS[0], "children": []},
                                  {**ANSWERS[1], "children": [{**THANKS, "children": []}]}]}]  # fmt: skip
SHAPES = {
    "flat": LIBRECHAT | {"messages": [QUESTION, *ANSWERS, THANKS]},
    "a tree": LIBRECHAT | {"recursive": True, "messagesTree": TREE},
    "a tree of newer versions": LIBRECHAT | {"recursive": True, "messages": TREE},
}


@pytest.mark.parametrize("said", SHAPES.values(), ids=SHAPES)
def test_librechat_writes_messages_in_a_row_or_as_a_tree(alice_client: APIClient, said: dict[str, Any]) -> None:
    messages = told(alice_client, json.dumps(said).encode())
    assert [(one["content"], one["sibling_count"]) for one in messages] == [
        ("Which stone?", 1), ("A slate.", 2), ("Thanks", 1),
    ]  # fmt: skip
    assert taken(alice_client, json.dumps(said).encode())["skipped"] == 1


def test_a_conversation_of_a_zip_that_cannot_be_read_is_named(alice_client: APIClient) -> None:
    archive = zipped({
        "a.json": json.dumps(SHAPES["a tree"]), "b.json": json.dumps(LIBRECHAT | {"title": "No stones"}),
        "c.json": json.dumps({"conversationId": "n", "messages": 5}), "d.json": '{"chat": 5}',
        "e.json": '{"chat_messages": 5}', "f.json": '{"mapping": null}', "user.json": '{"id": "x"}',
    })  # fmt: skip
    report = taken(alice_client, archive)
    assert report["imported"] == 1
    assert [one["name"] for one in report["failed"]] == ["No stones", "c.json", "d.json", "e.json", "f.json"]


def test_of_librechat_files_are_named_and_failures_stay(alice_client: APIClient) -> None:
    image = {"type": "image_file", "image_file": {"file_id": "f", "filepath": "/images/u/x.png"}}
    said = LIBRECHAT | {"messages": [
        stone("m1", ROOT, "", by_user=True, files=[{"file_id": "f", "filename": "x.png"}, {"file_id": "g"}, 5]),
        stone("m2", "m1", "", content=[{"type": "text", "text": "Here:"}, image]),
        stone("m3", "m2", "", error=True),
        stone("m4", "m3", "", content=[{"type": "error", "error": "Too long."}], error=True,
              attachments=[{"filename": "plot.png", "filepath": "/p"}]),
    ]}  # fmt: skip
    messages = told(alice_client, json.dumps(said).encode(), files=4)
    assert [(one["content"], one["status"]) for one in messages] == [
        ("Not in the export: x.png, g", "completed"),
        ("Here:\n\nNot in the export: x.png", "completed"),
        ("", "failed"),
        ("Too long.\n\nNot in the export: plot.png", "failed"),
    ]


# -- Claude


def test_of_claude_files_are_named(alice_client: APIClient) -> None:
    chat = [
        {"uuid": "a", "sender": "human", "text": "", "content": [{"type": "text", "text": ""}],
         "files": [{"file_name": "bird.png"}, {"file_uuid": "f", "file_name": "b.pdf"}]},
        {"uuid": "b", "sender": "assistant", "text": "A wren."},
        {"uuid": "c", "sender": "human", "text": "Look", "files": [{"file_name": "a.txt"}, {"file_name": None}, 5],
         "attachments": [{"file_name": "a.txt", "extracted_content": "It sings."},
                         {"file_name": "a.txt", "extracted_content": "It flies."},
                         {"file_name": "c.bin", "extracted_content": ""}]},
    ]  # fmt: skip
    said = [{"uuid": "c", "name": "Birds", "chat_messages": chat}]
    messages = told(alice_client, json.dumps(said).encode(), files=4)
    assert [one["content"] for one in messages] == [
        "Not in the export: bird.png, b.pdf",
        "A wren.",
        "Look\n\na.txt\n\nIt sings.\n\na.txt\n\nIt flies.\n\nNot in the export: c.bin, file",
    ]


# -- ChatGPT


def code(text: str, recipient: str) -> dict[str, Any]:
    return spoken("assistant", "", content={"content_type": "code", "text": text}, recipient=recipient)


def output(kind: str, text: str, name: str, **fields: Any) -> dict[str, Any]:
    return spoken(
        "tool", "", author={"role": "tool", "name": name}, content={"content_type": kind, "text": text}, **fields
    )


def test_a_tool_call_of_chatgpt_and_its_result_are_one(alice_client: APIClient) -> None:
    failed = {"aggregate_result": {"status": "failed_with_in_kernel_exception"}}
    hidden = spoken("system", "x", metadata={"is_visually_hidden_from_conversation": True})
    said = chain(
        spoken("user", "Run it"),
        code("1 + 1", "python"), hidden, output("execution_output", "2", "python"),
        code("boom", "python"), output("system_error", "Timeout", "python"),
        code("1 / 0", "python"), output("execution_output", "ZeroDivisionError", "python", metadata=failed),
        code("a", "web.run"), code("b", "file_search"),
        output("code", "of b", "file_search"), output("code", "of a", "web"), output("code", "more of a", "web.run"),
        code("unanswered", "bio"), spoken("assistant", "Done."), output("code", "of nothing", "canmore"),
        code("nothing to say", "web.run"), output("code", "", "web.run"),
    )  # fmt: skip
    messages = told(alice_client, json.dumps([said]).encode())
    calls = [
        (one["tool_name"], one["tool_arguments"], one["tool_result"], one["tool_success"])
        for one in messages
        if one["role"] == "tool_call"
    ]
    assert calls == [
        ("python", "1 + 1", "2", True),
        ("python", "boom", "Timeout", False),
        ("python", "1 / 0", "ZeroDivisionError", False),
        ("web.run", "a", "of a\n\nmore of a", True),
        ("file_search", "b", "of b", True),
        ("bio", "unanswered", "", None),
        ("canmore", "", "of nothing", True),
        ("web.run", "nothing to say", "", True),
    ]
    assert [one["content"] for one in messages if one["role"] != "tool_call"] == ["Run it", "Done."]


def id_of(number: int) -> str:
    return f"file_{number:032x}"


def pointer(kind: str, number: int) -> dict[str, Any]:
    return {"content_type": f"{kind}_asset_pointer", "asset_pointer": f"sediment://{id_of(number)}"}


def heard(*parts: Any, role: str = "user", **fields: Any) -> dict[str, Any]:
    return spoken(role, "", content={"content_type": "multimodal_text", "parts": list(parts)}, **fields)


def test_files_of_chatgpt_have_their_own_names_and_those_that_lack_are_named(
    alice: User, alice_client: APIClient
) -> None:
    def attached(*named: tuple[int, Any]) -> dict[str, Any]:
        return {"metadata": {"attachments": [{"id": id_of(number), "name": name} for number, name in named]}}

    said = chain(
        heard(pointer("image", 1), "This?", **attached((1, "holiday photo.png"), (2, "lost.docx"))),
        heard(pointer("image", 3), **attached((3, "holiday photo.png"))),
        heard(pointer("image", 1), "Again", **attached((1, "holiday photo.png"))),
        heard(pointer("image", 4), "Up", **attached((4, "../../etc/passwd\n"))),
        heard(pointer("image", 5), 5, None, {"text": 5}, role="assistant"),
        spoken("user", "", **attached((6, None))),
        heard({"content_type": "audio_transcription", "text": "Hm?"}, pointer("audio", 7)),
    )  # fmt: skip
    archive = zipped({
        "conversations.json": json.dumps([said]), f"{id_of(1)}-holiday photo.png": PNG,
        f"{id_of(3)}-holiday photo.png": PNG + b"2", f"{id_of(4)}-x.png": PNG + b"3",
    })  # fmt: skip
    messages = told(alice_client, archive, files=3, voice=1)
    assert [(one["content"], files_of(one)) for one in messages] == [
        ("This?\n\nNot in the export: lost.docx", ["sources/holiday photo.png"]),
        ("", ["sources/holiday photo (2).png"]),
        ("Again", ["sources/holiday photo.png"]),
        ("Up", ["sources/file"]),
        (f"Not in the export: image {id_of(5)}", []),
        (f"Not in the export: file {id_of(6)}", []),
        (f"Hm?\n\nNot in the export: audio {id_of(7)}", []),
    ]
    assert File.objects.of_owner(alice.pk).count() == 3


def test_plots_and_what_was_spoken_come_out_of_chatgpts_zip(alice: User, alice_client: APIClient) -> None:
    both: dict[str, Any] = {"audio_asset_pointer": pointer("audio", 1), "video_container_asset_pointer": None}
    both["content_type"] = "real_time_user_audio_video_asset_pointer"
    plot = {"message_type": "image", "image_url": f"file-service://{id_of(3)}"}
    aggregate = {"aggregate_result": {"status": "success", "messages": [plot, {"message_type": "stream"}, 5]}}
    said = chain(
        heard({"content_type": "audio_transcription", "text": "A plot, please"}, both),
        heard({"content_type": "audio_transcription", "text": "Here"}, pointer("audio", 2), role="assistant"),
        code("plt.plot()", "python"),
        output("execution_output", "<Figure>", "python", metadata=aggregate),
    )
    archive = zipped({
        "conversations.json": json.dumps([said]), f"c/audio/{id_of(1)}-in.wav": b"RIFF1",
        f"c/audio/{id_of(2)}-out.wav": b"RIFF2", f"{id_of(3)}-plot.png": PNG,
    })  # fmt: skip
    messages = told(alice_client, archive)
    assert [(one["role"], one["content"], one["tool_result"] or "", files_of(one)) for one in messages] == [
        ("user", "A plot, please", "", [f"sources/{id_of(1)}-in.wav"]),
        ("assistant", "Here", "", [f"sources/{id_of(2)}-out.wav"]),
        ("tool_call", "", "<Figure>", []),
        ("assistant", "", "", [f"sources/{id_of(3)}-plot.png"]),
    ]


def of_chatgpt() -> bytes:
    told_of_all = {"content_type": "user_editable_context", "user_profile": "", "user_instructions": "Be brief."}
    return json.dumps([chain(spoken("user", "", content=told_of_all), spoken("user", "Hello"))]).encode()


@pytest.mark.parametrize(
    "data",
    [
        of_chatgpt(),
        open_webui(asked(), chat_of={"params": {"system": "Be brief."}}),
        json.dumps(LIBRECHAT | {"messages": [QUESTION], "options": {"promptPrefix": "Be brief."}}).encode(),
    ],
    ids=["ChatGPT", "Open WebUI", "LibreChat"],
)
def test_of_what_the_models_were_told_besides_the_report_says_that_it_was_left_out(
    alice_client: APIClient, data: bytes
) -> None:
    (message,) = told(alice_client, data, system_prompts=1)
    assert message["role"] == "user" and "brief" not in message["content"]


def test_older_references_of_chatgpt_become_links(alice_client: APIClient) -> None:
    words = "Oaks【6†source】 and elms【12†L1-L9】, 【4:0†a.pdf】 and 【東京】."
    page = {"type": "webpage", "title": "Oaks [1]", "url": "https://oaks.example/a (b)"}
    citations = [
        {"start_ix": 4, "end_ix": 14, "metadata": page}, {"start_ix": 0, "end_ix": 9**9, "metadata": page},
        {"start_ix": 4, "end_ix": 14, "metadata": {"url": "javascript:alert(1)"}}, {"start_ix": "4", "end_ix": None}, 5,
    ]  # fmt: skip
    references = [
        {"matched_text": "【12†L1-L9】", "url": "https://elms.example", "title": "Elms", "alt": None},
        {"matched_text": "【4:0†a.pdf】", "type": "file", "name": "a.pdf", "alt": None},
    ]  # fmt: skip
    about = {"citations": citations, "content_references": references}
    said = chain(spoken("user", "Trees?"), spoken("assistant", words, metadata=about))
    _, answer = told(alice_client, json.dumps([said]).encode())
    assert answer["content"] == (
        "Oaks([Oaks 1](https://oaks.example/a%20%28b%29)) and elms([Elms](https://elms.example)), "
        "【4:0†a.pdf】 and 【東京】."
    )


# -- hostile


def test_what_is_no_time_and_no_title_is_left_out(alice_client: APIClient) -> None:
    odds: list[dict[str, Any]] = [{"create_time": 10**400}, {"create_time": 1e30}, {"title": {"a": 1}}]
    for number, odd in enumerate(odds):
        data = json.dumps([CHATGPT[0] | {"conversation_id": f"{number}"} | odd]).encode()
        assert taken(alice_client, data)["imported"] == 1


@pytest.mark.parametrize("odd", [5, "x", [5], {"a": 1}, [[]], [{"url": {}}, {"file": 5}, {"image_file": 5}]], ids=str)
def test_whatever_stands_in_a_field_costs_that_field(alice_client: APIClient, odd: Any) -> None:
    fields = dict.fromkeys(("files", "attachments", "output", "model", "createdAt", "timestamp", "error"), odd)
    for data in (
        open_webui(asked("A"), answered("B", **fields)),
        json.dumps(LIBRECHAT | {"messages": [stone("m1", ROOT, "A"), stone("m2", "m1", "B", **fields)]}).encode(),
        json.dumps([{"uuid": "c", "name": odd, "chat_messages": [
            {"uuid": "a", "sender": "human", "text": "A"}, {"sender": "assistant", "text": "B", **fields}]}]).encode(),
        json.dumps([chain(spoken("user", "A"), spoken("assistant", "B", recipient=odd, status=odd, metadata={
            "citations": odd, "aggregate_result": odd, "model_slug": odd}))]).encode(),
    ):  # fmt: skip
        assert taken(alice_client, data)["imported"] == 1


@pytest.mark.slow(reason="thousands of calls")
def test_many_calls_that_nothing_answers_cost_no_square() -> None:
    count = 30_000
    calls, results = [code("x", "a")] * count, [output("code", "y" * 1000, "b")] * count
    said = chain(spoken("user", "A"), *calls, *results)
    for number in range(count):
        said["mapping"][f"n{2 * count - number}"]["parent"] = f"n{count}"  # all of one call
    began = time.process_time()
    chatgpt.conversation(said, chatgpt.Entries(()))
    assert time.process_time() - began < 30


def test_what_is_told_once_does_not_come_a_thousand_times() -> None:
    """Else a small archive would fill the memory, and the disk."""
    long, many = "x" * 100_000, 1_000
    references = [{"matched_text": "\ue200a\ue201", "alt": long}, {"matched_text": "【1†a】", "alt": long}]
    marks = "\ue200a\ue201【1†a】" * many
    said = chain(spoken("user", "A"), spoken("assistant", marks, metadata={"content_references": references}))
    answer = chatgpt.conversation(said, chatgpt.Entries(())).nodes[-1].said
    assert answer is not None
    assert len(answer["content"]) < 30 * len(long)
    call = {"type": "function_call", "call_id": "c", "name": "a", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": long}
    (chat,) = json.loads(open_webui(asked(), answered(output=[call] * many + [result])))
    nodes = openwebui.conversation(chat, lambda data: "").nodes
    assert len(nodes) == many + 1
    assert sum(len(node.said["tool_result"]) for node in nodes if node.said and "tool_result" in node.said) == len(long)
