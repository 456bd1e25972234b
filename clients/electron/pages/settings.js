const { shell } = /** @type {any} */ (window);
const form = /** @type {HTMLFormElement} */ (document.getElementById("form"));
const field = /** @type {HTMLInputElement} */ (document.getElementById("server"));
const problem = /** @type {HTMLElement} */ (document.getElementById("problem"));
const use = /** @type {HTMLButtonElement} */ (document.getElementById("use"));
const fixed = /** @type {HTMLElement} */ (document.getElementById("fixed"));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const refused = await shell.useServer(field.value);
  problem.textContent = refused.problem ?? "";
  field.select();
});

const server = await shell.server();
field.value = server.origin;
field.disabled = use.disabled = server.fixed;
fixed.hidden = !server.fixed;
field.select();
