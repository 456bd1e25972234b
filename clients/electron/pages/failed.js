// Trying again is a plain way to the server: this page needs nothing from the shell.

const told = new URLSearchParams(location.search);
const server = told.get("server") ?? "";
const retry = /** @type {HTMLAnchorElement} */ (document.getElementById("retry"));
/** @type {HTMLElement} */ (document.getElementById("server")).textContent = server;
/** @type {HTMLElement} */ (document.getElementById("reason")).textContent = told.get("reason");
retry.href = `${server}/`;
retry.focus();
addEventListener("online", () => retry.click());
