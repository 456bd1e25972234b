// What this server offers, as it says in the page: what it has no route for is not shown.

const offered = new Set((document.body.dataset.features ?? "").split(" "));

export function has(feature) {
  return offered.has(feature);
}
