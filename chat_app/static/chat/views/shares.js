// All that one shows to whoever has the addresses; each is taken back here, too.

import { button, h } from "../dom.js";
import { moment, t } from "../language.js";
import { fill, openDialog } from "./dialog.js";

const AT_ONCE = 100; // the most that the server gives

/** `onProblem(error)`. */
export function showShares(api, { onProblem }) {
  const place = h("div", { class: "kept" });
  const more = button({ text: t("Show more"), class: "quiet small" }, () => showMore());
  const further = h("div", { class: "dialog-actions start", hidden: true }, more);
  const { dialog } = openDialog({ title: t("Shared chats") }, place, further);
  const list = h("ul", { class: "files" });

  const page = async () => {
    const { shares, has_more: hasMore } = await api.get("/api/shares", { limit: AT_ONCE, offset: list.childElementCount });
    const here = new Set([...list.children].map(({ dataset }) => dataset.id));
    const rows = shares.filter(({ session_id: id }) => !here.has(id)).map(row); // one that came in front has moved the others
    list.append(...rows);
    further.hidden = !hasMore;
    return rows;
  };
  const show = () =>
    fill(place, async () => {
      await page();
      return list.childElementCount ? list : h("p", { class: "faint" }, t("Nothing is shared."));
    });

  async function showMore() {
    more.disabled = true;
    try {
      const [first] = await page();
      (first?.querySelector("a") ?? dialog.querySelector("header button")).focus();
    } catch (error) {
      onProblem(error);
    } finally {
      more.disabled = false;
    }
  }

  function row({ session_id: sessionId, session_title: title, url, shared_at: at }) {
    const name = title || t("New chat");
    const address = h("a", { href: url, target: "_blank", rel: "noopener", dir: "auto" }, name);
    const take = button({ text: t("Take it back"), class: "quiet small", label: t("Take back {name}", { name }) }, () => takeBack(item, sessionId));
    const item = h("li", { "data-id": sessionId }, h("span", { class: "trash-name" }, address, h("span", { class: "faint" }, ` ${moment(at)}`)), take);
    return item;
  }

  async function takeBack(item, sessionId) {
    try {
      await api.delete(`/api/sessions/${sessionId}/share`);
    } catch (error) {
      if (error.status !== 404) return onProblem(error);
    }
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    if (!next) await show();
    ((next ?? place).querySelector("button") ?? dialog.querySelector("header button")).focus();
  }

  show();
}
