// All that one shows to whoever has the addresses; each is taken back here, too.

import { button, h } from "../dom.js";
import { moment, t } from "../language.js";
import { fill, openDialog } from "./dialog.js";

const MOST = 100;

/** `onProblem(error)`. */
export function showShares(api, { onProblem }) {
  const { body, dialog } = openDialog({ title: t("Shared chats") });
  const show = () => fill(body, async () => list(await api.get("/api/shares", { limit: MOST })));

  function list({ shares }) {
    if (!shares.length) return h("p", { class: "faint" }, t("Nothing is shared."));
    return h("ul", { class: "files" }, ...shares.map(row));
  }

  function row({ session_id: sessionId, session_title: title, url, shared_at: at }) {
    const name = title || t("New chat");
    const page = h("a", { href: url, target: "_blank", rel: "noopener", dir: "auto" }, name);
    const take = button({ text: t("Take it back"), class: "quiet small", label: t("Take back {name}", { name }) }, () => takeBack(sessionId));
    return h("li", {}, h("span", { class: "trash-name" }, page, h("span", { class: "faint" }, ` ${moment(at)}`)), take);
  }

  async function takeBack(sessionId) {
    try {
      await api.delete(`/api/sessions/${sessionId}/share`);
    } catch (error) {
      onProblem(error);
    }
    await show();
    (body.querySelector("button") ?? dialog.querySelector("header button")).focus();
  }

  show();
}
