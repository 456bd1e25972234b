// Deleted sessions, which can be restored for some time.

import { daysUntil } from "../days.js";
import { button, h } from "../dom.js";
import { t } from "../language.js";
import { confirmed } from "./confirm.js";
import { openList } from "./listdialog.js";
import { titleOf } from "../sessionlist.js";

const AT_ONCE = 100; // the most that the server gives

/** `onRestored()`, `onProblem(error)`. */
export function showTrash(api, { onRestored, onProblem }) {
  let cursor = null;
  const { takeOut } = openList({ title: t("Trash"), none: t("Nothing was deleted."), kind: "files trash", page });

  async function page(offset) {
    if (!offset) cursor = null;
    const { sessions, next_cursor: next } = await api.get("/api/sessions", { deleted: true, limit: AT_ONCE, cursor });
    cursor = next;
    return { rows: sessions.map(row), hasMore: Boolean(next) };
  }

  function row(session) {
    const name = titleOf(session);
    const restore = button({ text: t("Restore"), class: "quiet small", label: t("Restore {name}", { name }) }, () =>
      act(item, async () => {
        await api.post(`/api/sessions/${session.id}/restore`);
        onRestored();
      }),
    );
    const remove = button(
      { icon: "trash", class: "icon-button", label: t("Delete {name} for good", { name }) },
      async () => {
        const agreed = await confirmed({
          title: t("Delete for good?"),
          text: t("“{name}” and all its messages cannot be restored then.", { name }),
          action: t("Delete"),
        });
        if (agreed) await act(item, () => api.delete(`/api/sessions/${session.id}?permanent=true`));
      },
    );
    const until = h("small", { class: "faint" }, t("Gone in {count} days", { count: daysUntil(session.purged_at) }));
    const item = h("li", {}, h("span", { class: "trash-name" }, name, h("br"), until), restore, remove);
    return item;
  }

  /** One that is not there any more was restored, or deleted for good, elsewhere. */
  async function act(item, run) {
    try {
      await run();
    } catch (error) {
      if (error.status !== 404) return onProblem(error);
    }
    await takeOut(item);
  }
}
