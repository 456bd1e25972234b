// The messages of a chat that its model is always given word for word: to go to, or to pin no more.

import { button, h } from "../dom.js";
import { moment, t } from "../language.js";
import { openList } from "./listdialog.js";

/** Of the open `conversation`; `toPlace(position)`, `onProblem(error)`. */
export function showPinned(conversation, { toPlace, onProblem }) {
  const none = t(
    "No message is pinned. Pin one, and the model is always given it word for word, also when the beginning of a long chat is summarized.",
  );
  const { takeOut, close } = openList({ title: t("Pinned messages"), none, page });

  async function page() {
    return { rows: (await conversation.pinnedMessages()).map(row), hasMore: false };
  }

  function row(message) {
    const said = message.content.trim() || t("A message without words");
    const there = button({ text: said, class: "pinned-text", dir: "auto" }, () => {
      close();
      toPlace(message.position);
    });
    const off = button(
      { icon: "pin", class: "icon-button", label: t("Unpin: {name}", { name: said }), title: t("Unpin") },
      () => unpin(item, message),
    );
    const item = h(
      "li",
      {},
      h("span", { class: "trash-name" }, there, h("span", { class: "faint" }, moment(message.created_at))),
      off,
    );
    return item;
  }

  async function unpin(item, { id }) {
    try {
      await conversation.pinMessage(id, false);
    } catch (error) {
      if (error.status !== 404) return onProblem(error);
    }
    await takeOut(item);
  }
}
