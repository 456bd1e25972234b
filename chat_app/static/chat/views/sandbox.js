// What of an answer could run, where it can do nothing.

import { h } from "../dom.js";
import { t } from "../language.js";

const ADDRESS = "/sandbox";

/** A page in a frame that has no origin, no network and nothing of this page's; `title` is the frame's name. */
export function sandboxed(html, title) {
  return h("div", { class: "preview" }, sandboxFrame(title, { html }));
}

/** Such a frame, which is given `what`: {html} of the page that it becomes, or {scripts} that it runs. */
export function sandboxFrame(title, what) {
  const frame = h("iframe", {
    class: "sandbox",
    src: ADDRESS,
    sandbox: "allow-scripts",
    referrerpolicy: "no-referrer",
    title,
  });
  let wasThere = false;
  let given = false; // a page that it goes to by itself is given nothing
  const hear = ({ source, data }) => {
    wasThere ||= frame.isConnected;
    if (wasThere && !frame.isConnected) window.removeEventListener("message", hear);
    if (!source || source !== frame.contentWindow || data !== "ready" || given) return;
    given = true;
    source.postMessage(what, "*"); // its origin has no name
  };
  window.addEventListener("message", hear);
  return frame;
}

/** An SVG as a picture, in which nothing runs and nothing is fetched. */
export function picture(text, title) {
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  const image = h("img", { src: address, alt: title });
  for (const end of ["load", "error"]) image.addEventListener(end, () => URL.revokeObjectURL(address));
  image.addEventListener("error", () =>
    image.replaceWith(h("p", { class: "faint", role: "status" }, t("This picture cannot be shown."))),
  );
  return h("div", { class: "preview" }, image);
}
