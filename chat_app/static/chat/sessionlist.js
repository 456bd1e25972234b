// The list of sessions as data: pages joined without doubles, kept in the server's order. Pure.

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

/** [{heading, sessions}] in the order of the list; `now` in milliseconds. */
export function grouped(sessions, now) {
  const groups = [];
  for (const session of sessions) {
    const heading = session.pinned ? "Pinned" : age(Date.parse(session.last_used_at), now);
    if (groups.at(-1)?.heading !== heading) groups.push({ heading, sessions: [] });
    groups.at(-1).sessions.push(session);
  }
  return groups;
}

function age(at, now) {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (at >= midnight) return "Today";
  if (at >= midnight - 86_400_000) return "Yesterday";
  return at >= midnight - 7 * 86_400_000 ? "Last 7 days" : "Older";
}

function sorted(sessions) {
  return sessions.toSorted(order);
}

function order(a, b) {
  return Number(b.pinned) - Number(a.pinned) || (b.last_used_at ?? "").localeCompare(a.last_used_at ?? "");
}
