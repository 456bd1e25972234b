// A dialog with a paged list, of which rows are taken out.

import { openDialog } from "./dialog.js";
import { pagedList } from "./pagedlist.js";

/**
 * Opens it; the rest is as of `pagedList`. Returns {takeOut, close}: call `takeOut(row)` when a row is no longer to be
 * there.
 */
export function openList({ title, ...given }) {
  const { said, list, further, load } = pagedList(given);
  const { dialog } = openDialog({ title }, said, list, further);

  async function takeOut(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    if (!next) await load();
    ((next ?? list).querySelector("button") ?? dialog.querySelector("header button")).focus();
  }

  load();
  return { takeOut, close: () => dialog.close() };
}
