// The list of sessions as data: pages joined without doubles, kept in the server's order. Pure.

import { t } from "./language.js";

/** Adds a page; a session that moved up while we walked is kept once, where it is now. */
export function join(sessions, page) {
  const fresh = new Set(page.map((session) => session.id));
  return sorted([...sessions.filter((session) => !fresh.has(session.id)), ...page]);
}

/** The first page anew; what was loaded below it stays. */
export function renew(sessions, page, hasMore) {
  if (!hasMore || !page.length) return sorted(page);
  const last = page.at(-1);
  const fresh = new Set(page.map((session) => session.id));
  return sorted([...page, ...sessions.filter((session) => !fresh.has(session.id) && order(last, session) <= 0)]);
}

export function put(sessions, session) {
  const known = sessions.find((other) => other.id === session.id);
  return sorted([...sessions.filter((other) => other !== known), { ...known, ...session }]);
}

/** `id`: the session's `id` or `session_id`. */
export function without(sessions, id) {
  return sessions.filter((session) => session.id !== id && session.session_id !== id);
}

/** Nothing was said in it yet, and nobody named it: made for a file that waits to be sent. */
export function blank({ title, message_count, pinned, state }) {
  return !title && !message_count && !pinned && (state ?? "idle") === "idle";
}

/**
 * Where each row stands: [{session, heading: of the group that it begins, or "", top, height}], px, and all of it in
 * `height`. `sizes`: {row, heading}, px.
 */
export function placed(sessions, now, sizes) {
  const heading = headings(now);
  let last = "";
  let top = 0;
  const rows = sessions.map((session) => {
    const name = heading(session);
    const begins = name === last ? "" : name;
    last = name;
    const height = sizes.row + (begins ? sizes.heading : 0);
    const row = { session, heading: begins, top, height };
    top += height;
    return row;
  });
  return { rows, height: top };
}

/** [from, to) of the placed rows that touch the stretch from `top` to `bottom`, px. */
export function seen(rows, top, bottom) {
  return [firstBelow(rows, top), firstBelow(rows, bottom) + 1];
}

function firstBelow(rows, y) {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height > y) high = middle;
    else low = middle + 1;
  }
  return Math.max(low, 0);
}

/** The ids from one to another, in either direction; only the second where the first is not there. */
export function between(sessions, from, to) {
  const [a, b] = [from, to].map((id) => sessions.findIndex((session) => session.id === id));
  if (b < 0) return [];
  if (a < 0) return [to];
  return sessions.slice(Math.min(a, b), Math.max(a, b) + 1).map(({ id }) => id);
}

/** Of a hundred thousand sessions no date is read: times of the server are compared as they are written. */
function headings(now) {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const since = (days) => new Date(midnight - days * 86_400_000).toISOString();
  const [today, yesterday, week] = [since(0), since(1), since(7)];
  return ({ pinned, last_used_at: at }) => {
    if (pinned) return t("Pinned");
    if (at >= today) return t("Today");
    if (at >= yesterday) return t("Yesterday");
    return at >= week ? t("Last 7 days") : t("Older");
  };
}

function sorted(sessions) {
  return sessions.toSorted(order);
}

function order(a, b) {
  return Number(b.pinned) - Number(a.pinned) || compared(b.last_used_at ?? "", a.last_used_at ?? "");
}

function compared(a, b) {
  return a < b ? -1 : Number(a > b);
}
