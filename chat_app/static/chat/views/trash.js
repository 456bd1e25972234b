// Deleted sessions, which can be restored for some time.

import { button, h } from "../dom.js";
import { confirmed } from "./confirm.js";
import { fill, openDialog } from "./dialog.js";
import { titleOf } from "./sidebar.js";

/** `onRestored()`, `onProblem(error)`. */
export function showTrash(api, { onRestored, onProblem }) {
  const { body, dialog } = openDialog({ title: "Trash" });
  const show = () => fill(body, async () => list(await api.get("/api/sessions", { deleted: true, limit: 100 })));

  function list({ sessions }) {
    if (!sessions.length) return h("p", { class: "faint" }, "Nothing was deleted.");
    return h("ul", { class: "files trash" }, ...sessions.map(row));
  }

  function row(session) {
    const name = titleOf(session);
    const restore = button({ text: "Restore", class: "quiet small", label: `Restore ${name}` }, () =>
      act(async () => {
        await api.post(`/api/sessions/${session.id}/restore`);
        onRestored();
      }),
    );
    const remove = button({ icon: "trash", class: "icon-button", label: `Delete ${name} for good` }, () =>
      act(async () => {
        const agreed = await confirmed({ title: "Delete for good?", text: `“${name}” and all its messages cannot be restored then.`, action: "Delete" });
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
