// Deleted sessions, which can be restored for some time.

import { button, h } from "../dom.js";
import { t } from "../language.js";
import { confirmed } from "./confirm.js";
import { fill, openDialog } from "./dialog.js";
import { titleOf } from "../sessionlist.js";

/** `onRestored()`, `onProblem(error)`. */
export function showTrash(api, { onRestored, onProblem }) {
  const { body, dialog } = openDialog({ title: t("Trash") });
  const show = () => fill(body, async () => list(await api.get("/api/sessions", { deleted: true, limit: 100 })));

  function list({ sessions }) {
    if (!sessions.length) return h("p", { class: "faint" }, t("Nothing was deleted."));
    return h("ul", { class: "files trash" }, ...sessions.map(row));
  }

  function row(session) {
    const name = titleOf(session);
    const restore = button({ text: t("Restore"), class: "quiet small", label: t("Restore {name}", { name }) }, () =>
      act(async () => {
        await api.post(`/api/sessions/${session.id}/restore`);
        onRestored();
      }),
    );
    const remove = button({ icon: "trash", class: "icon-button", label: t("Delete {name} for good", { name }) }, () =>
      act(async () => {
        const agreed = await confirmed({ title: t("Delete for good?"), text: t("“{name}” and all its messages cannot be restored then.", { name }), action: t("Delete") });
        if (agreed) await api.delete(`/api/sessions/${session.id}?permanent=true`);
      }),
    );
    return h("li", {}, h("span", { class: "trash-name" }, name), restore, remove);
  }

  async function act(run) {
    try {
      await run();
    } catch (error) {
      onProblem(error);
    }
    await show();
    (body.querySelector("button") ?? dialog.querySelector("header button")).focus();
  }

  show();
}
