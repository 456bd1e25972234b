// The list of sessions as data: pages joined without doubles, kept in the server's order. Pure.

import { DAY_MS } from "./days.js";
import { t } from "./language.js";

export function titleOf(session) {
  return session.title || t("New chat");
}

/** Adds a page; a session that moved up while we walked is kept once, where it is now. */
export function join(sessions, page) {
  if (!page.length) return sessions;
  const others = apart(sessions, page);
  const all = others.concat(page);
  return others.length && order(others.at(-1), page[0]) > 0 ? sorted(all) : all;
}

/** The first page anew; what was loaded below it stays. */
export function renew(sessions, page, hasMore) {
  if (!hasMore || !page.length) return sorted(page);
  const newest = sorted(page);
  const below = first(sessions.length, (index) => order(newest.at(-1), sessions[index]) <= 0);
  return newest.concat(apart(sessions.slice(below), page));
}

/** Those that are not in the page. Of a hundred thousand no copy is made where it has none of them. */
function apart(sessions, page) {
  const fresh = new Set(page.map(({ id }) => id));
  return sessions.some(({ id }) => fresh.has(id)) ? sessions.filter(({ id }) => !fresh.has(id)) : sessions;
}

export function put(sessions, session) {
  const at = sessions.findIndex((other) => other.id === session.id);
  const merged = { ...sessions[at], ...session };
  const others = at < 0 ? sessions : sessions.toSpliced(at, 1);
  return others.toSpliced(
    first(others.length, (index) => order(others[index], merged) > 0),
    0,
    merged,
  );
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
 * Where the rows stand, of however many: {groups: [{heading, from: index of its first row, top}], count, height,
 * sizes}, px. A heading stands in the first row of its group. `sizes`: {row, heading}, px.
 */
export function placed(sessions, now, sizes) {
  const rank = ranks(now);
  const count = sessions.length;
  const groups = [];
  let top = 0;
  for (let from = 0; from < count; ) {
    const own = rank(sessions[from]);
    const next = first(count, (index) => index > from && rank(sessions[index]) !== own);
    groups.push({ heading: HEADINGS[own], from, top });
    top += sizes.heading + (next - from) * sizes.row;
    from = next;
  }
  return { groups, count, height: top, sizes };
}

/** {heading: of the group that it begins, or "", top, height} of the row with that index. */
export function rowAt({ groups, sizes }, index) {
  const { heading, from, top } = groups.findLast((group) => group.from <= index);
  if (index === from) return { heading, top, height: sizes.heading + sizes.row };
  return { heading: "", top: top + sizes.heading + (index - from) * sizes.row, height: sizes.row };
}

/** [from, to) of the rows that touch the stretch from `top` to `bottom`, px. */
export function seen(places, top, bottom) {
  const { count } = places;
  const below = (y) => first(count, (index) => bottomOf(places, index) > y);
  return [Math.min(below(top), Math.max(count - 1, 0)), Math.min(below(bottom) + 1, count)];
}

function bottomOf(places, index) {
  const { top, height } = rowAt(places, index);
  return top + height;
}

/** The first index up to `count` of which it is true; it is for all that follow. */
function first(count, isTrue) {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isTrue(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The ids from one to another, in either direction; only the second where the first is not there. */
export function between(sessions, from, to) {
  const [a, b] = [from, to].map((id) => sessions.findIndex((session) => session.id === id));
  if (b < 0) return [];
  if (a < 0) return [to];
  return sessions.slice(Math.min(a, b), Math.max(a, b) + 1).map(({ id }) => id);
}

const HEADINGS = [t("Pinned"), t("Today"), t("Yesterday"), t("Last 7 days"), t("Older")];

/** Index of a session's heading. Times of the server are compared as they are written. */
function ranks(now) {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const starts = [0, 1, 7].map((days) => new Date(midnight - days * DAY_MS).toISOString());
  return ({ pinned, last_used_at: at }) => {
    if (pinned) return 0;
    const since = starts.findIndex((start) => at >= start);
    return since < 0 ? HEADINGS.length - 1 : since + 1;
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
