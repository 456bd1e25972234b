// Days of the person's own, as the times that the server is asked for; null where no day is given.

export function startOf(day) {
  return day ? new Date(`${day}T00:00:00`).toISOString() : null;
}

export function endOf(day) {
  return day ? new Date(`${day}T23:59:59.999`).toISOString() : null;
}
