// The shell's own pages, served from a scheme of their own: only these, and each with a policy.

import { readFile } from "node:fs/promises";
import { SHELL } from "./address.js";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES = { html: "text/html", css: "text/css", js: "text/javascript" };
const PAGES = ["settings.html", "settings.js", "failed.html", "failed.js", "shell.css"];

/** The answer to a request for `address`. */
export async function shellPage(address) {
  const url = new URL(address);
  const name = url.pathname.slice(1);
  if (`${url.protocol}//${url.host}` !== SHELL || !PAGES.includes(name))
    return new Response("Not found", { status: 404 });
  const body = await readFile(new URL(`../pages/${name}`, import.meta.url));
  const type = TYPES[name.slice(name.lastIndexOf(".") + 1)];
  return new Response(body, {
    headers: {
      "Content-Type": `${type}; charset=utf-8`,
      "Content-Security-Policy": POLICY,
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
    },
  });
}
