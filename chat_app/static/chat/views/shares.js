// All that one shows to whoever has the addresses; each is taken back here, too.

import { button, h } from "../dom.js";
import { moment, t } from "../language.js";
import { openList } from "./listdialog.js";

const AT_ONCE = 100; // the most that the server gives

/** `onProblem(error)`. */
export function showShares(api, { onProblem }) {
  const { takeOut } = openList({ title: t("Shared chats"), none: t("Nothing is shared."), page });

  async function page(offset, list) {
    const { shares, has_more: hasMore } = await api.get("/api/shares", { limit: AT_ONCE, offset });
    const here = new Set([...list.children].map(({ dataset }) => dataset.id));
    return { rows: shares.filter(({ session_id: id }) => !here.has(id)).map(row), hasMore }; // one that came in front has moved the others
  }

  function row({ session_id: sessionId, session_title: title, url, shared_at: at }) {
    const name = title || t("New chat");
    const address = h("a", { href: url, target: "_blank", rel: "noopener", dir: "auto" }, name);
    const take = button({ text: t("Take it back"), class: "quiet small", label: t("Take back {name}", { name }) }, () =>
      takeBack(item, sessionId),
    );
    const item = h(
      "li",
      { "data-id": sessionId },
      h("span", { class: "trash-name" }, address, h("span", { class: "faint" }, ` ${moment(at)}`)),
      take,
    );
    return item;
  }

  async function takeBack(item, sessionId) {
    try {
      await api.delete(`/api/sessions/${sessionId}/share`);
    } catch (error) {
      if (error.status !== 404) return onProblem(error);
    }
    await takeOut(item);
  }
}
