// A read-only page of a conversation for people who are not signed in, until it is taken back.

import { copied } from "../clipboard.js";
import { button, h } from "../dom.js";
import { t } from "../language.js";
import { fill, openDialog } from "./dialog.js";

const ALL = {
  title: t("Share this chat"),
  offer: t(
    "Makes an address under which the chat as it is now can be read, without signing in. You can take it back at any time.",
  ),
  again: t("Show what is there now"),
};
const UP_TO_HERE = {
  title: t("Share up to here"),
  offer: t(
    "Makes an address under which the chat can be read up to this message, without signing in. You can take it back at any time.",
  ),
  again: t("Show it up to this message"),
};

/** `upto`: the id of the message with which the page ends; without it, that is the last one. */
export function showShare(api, session, upto) {
  const route = `/api/sessions/${session.session_id}/share`;
  const words = upto ? UP_TO_HERE : ALL;
  const { body } = openDialog({ title: words.title });
  const show = () => fill(body, current).then(render);
  let share = null;

  async function current() {
    try {
      share = await api.get(route);
    } catch (error) {
      if (error.status !== 404) throw error;
      share = null;
    }
    return [];
  }

  function render() {
    if (body.querySelector(".problem")) return;
    body.replaceChildren(
      h("p", {}, share ? t("Whoever has this address can read the chat as it was when you shared it.") : words.offer),
    );
    if (share) body.append(address(share.url));
    body.append(
      h(
        "div",
        { class: "dialog-actions" },
        ...(share ? [takeBack(), make(words.again)] : [make(t("Make the address"))]),
      ),
    );
  }

  const change = (run) =>
    fill(body, async () => (await run(), [])).then(() => body.querySelector(".problem") || show());
  const make = (text) =>
    button({ text, class: "primary" }, () => change(() => api.post(route, upto ? { upto } : undefined)));
  const takeBack = () => button({ text: t("Take it back"), class: "quiet" }, () => change(() => api.delete(route)));
  show();
}

/** What somebody has shared, as a session of one's own: only who says so here gets one. */
export function offerCopy(api, token, onCopied) {
  const { dialog, body } = openDialog({ title: t("Continue as my own copy") });
  const copy = async () => {
    onCopied(await api.post(`/api/shares/${token}/copy`));
    dialog.close();
    return [];
  };
  body.append(
    h("p", {}, t("A copy of the shared chat will be among yours. Its owner does not learn of it.")),
    h(
      "div",
      { class: "dialog-actions" },
      button({ text: t("Make the copy"), class: "primary" }, () => fill(body, copy)),
    ),
  );
}

function address(url) {
  const whole = new URL(url, window.location.href).href;
  const field = h("input", { value: whole, readonly: true, "aria-label": t("Address") });
  const copy = button({ text: t("Copy"), class: "quiet" }, async () => {
    copy.textContent = (await copied(whole)) ? t("Copied") : t("Not copied");
  });
  return h("div", { class: "with-button" }, field, copy);
}
