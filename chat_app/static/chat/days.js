// Days of the person's own, as the times that the server is asked for; null where no day is given.

export const DAY_MS = 86_400_000;

export function startOf(day) {
  return day ? new Date(`${day}T00:00:00`).toISOString() : null;
}

export function endOf(day) {
  return day ? new Date(`${day}T23:59:59.999`).toISOString() : null;
}

/** How many begin until then; one at least. */
export function daysUntil(at) {
  return Math.max(1, Math.ceil((Date.parse(at) - Date.now()) / DAY_MS));
}
