// Which part of a long conversation is here: pages come in at both ends, and what is far from the reader goes. Pure.

import { arrange, fromMessage } from "./entrylist.js";

/** The page that came before what is here. */
export function earlier(state, page) {
  const entries = arrange([...unknown(state, page), ...state.entries]);
  const more = Boolean(page.has_more) && Boolean(page.messages?.length);
  return { ...state, entries, before: lowest(page.messages), hasMore: more };
}

/** The page that comes after what is here. */
export function later(state, page) {
  return { ...state, entries: arrange([...state.entries, ...unknown(state, page)]), after: highest(page.messages) };
}

/** A page of the past, in the place of what is here. */
export function around(state, page) {
  const messages = page.messages ?? [];
  const before = lowest(messages);
  return {
    ...state,
    entries: arrange(messages.flatMap(fromMessage)),
    before,
    after: highest(messages),
    hasMore: (before ?? 0) > 1,
    detached: true,
  };
}

/** The newest messages, to which the pages of the past have come: what stood above them stays. */
export function rejoined(state, newest) {
  const known = new Set(newest.entries.map(({ key }) => key));
  const meeting = state.entries.findIndex(({ key }) => known.has(key));
  if (meeting < 0) return newest;
  const oldest = lowest(newest.entries) ?? 0;
  const above = state.entries.slice(0, meeting).filter(({ position }) => position < oldest); // what was told live has another key
  const entries = arrange([...above, ...newest.entries]);
  return { ...newest, entries, before: state.before, hasMore: state.hasMore };
}

/**
 * Only what stands from one entry to another, both named by their keys, and a little more where they cannot be parted.
 */
export function kept(state, { from, to }) {
  const { entries } = state;
  const first = entries.findIndex(({ key }) => key === from);
  const last = entries.findIndex(({ key }) => key === to);
  if (first < 0 || last < first) return state;
  let start = first;
  while (start > 0 && !parts(entries, start)) start -= 1;
  let end = last + 1;
  while (end < entries.length && !parts(entries, end)) end += 1;
  if (start === 0 && end === entries.length) return state;
  const above = highest(entries.slice(0, start));
  const below = lowest(entries.slice(end));
  return {
    ...state,
    entries: entries.slice(start, end),
    hasMore: state.hasMore || start > 0,
    before: start > 0 ? Math.max(state.before ?? 0, above + 1) : state.before,
    after: end < entries.length ? Math.min(state.after ?? Infinity, below - 1) : state.after,
    detached: state.detached || end < entries.length,
  };
}

/** Position of the oldest message here: the cursor to page upward with. */
export function oldestPosition(state) {
  return state.before ?? lowest(state.entries);
}

/** Position of the newest message here, as far as they follow each other without a gap. */
export function newestPosition(state) {
  return state.after ?? highest(state.entries);
}

/**
 * Whether the row before `index` and what stands there come from the server separately, so that each comes again alone.
 */
function parts(entries, index) {
  const behind = entries[index];
  const below = behind.position > 0 || (behind.kind === "reasoning" && entries[index + 1]?.position > 0);
  return entries[index - 1].position > 0 && below;
}

/** What a page has beyond the state. */
function unknown(state, page) {
  const known = new Set(state.entries.flatMap(({ key, id }) => [key, `m:${id}`]));
  return (page.messages ?? []).flatMap(fromMessage).filter((entry) => !known.has(entry.key));
}

function positions(rows = []) {
  return rows.map(({ position }) => position).filter((position) => position > 0);
}

/** Null where none has a position. */
function lowest(rows) {
  const known = positions(rows);
  return known.length ? Math.min(...known) : null;
}

function highest(rows) {
  const known = positions(rows);
  return known.length ? Math.max(...known) : null;
}
