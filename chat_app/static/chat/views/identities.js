// Identities at providers of OpenID Connect, by which the account is signed in to without a password.

import { button, h } from "../dom.js";
import { dayOf, t } from "../language.js";
import { attempt, fill, unlessGone } from "./dialog.js";

/** `section` is what they stand in; it is hidden while there are none. */
export function identities(api, section) {
  const place = h("div", {});
  section.hidden = true;
  const show = () =>
    fill(place, async () => {
      const { identities: all } = await api.get("/api/auth/identities");
      section.hidden = !all.length;
      return h("ul", { class: "files" }, ...all.map(row));
    });
  const unlink = (id) => api.delete(`/api/auth/identities/${id}`).catch(unlessGone).then(show);
  const row = ({ id, provider, issuer, linked_at: at }) => {
    const name = provider ?? issuer;
    return h(
      "li",
      {},
      h(
        "span",
        { class: "trash-name" },
        h("span", { dir: "auto" }, name),
        " ",
        h("span", { class: "faint" }, t("linked {day}", { day: dayOf(at) })),
      ),
      button({ text: t("Unlink"), class: "quiet small", label: t("Unlink {name}", { name }) }, () =>
        attempt(place, () => unlink(id)),
      ),
    );
  };
  show();
  return place;
}
