// What administrators see to: people, groups, programs, providers, what was done, and what is used. The rest stands in
// the admin, which this leads to.

import { button, h } from "../dom.js";
import { t } from "../language.js";
import { auditSection } from "./adminaudit.js";
import { budgetsOfPeople } from "./adminbudget.js";
import { groupsSection } from "./admingroups.js";
import { peopleSection } from "./adminpeople.js";
import { providersSection } from "./adminproviders.js";
import { servicesSection } from "./adminservices.js";
import { openDialog } from "./dialog.js";
import { oneOf } from "./fields.js";
import { usageOfAll } from "./usage.js";

/**
 * `me` is who administers; `showAgents()` opens the page of agents; `onProviders()` when there may be other models than
 * before; `section` is shown first. What their rights do not reach, the server says. */
export function showAdministration(api, me, { showAgents, onProviders, section = "people" }) {
  const sections = {
    people: { label: t("People"), view: () => peopleSection(api, me) },
    groups: { label: t("Groups"), view: () => groupsSection(api) },
    services: { label: t("Service accounts"), view: () => servicesSection(api) },
    providers: { label: t("Providers"), view: () => providersSection(api, onProviders) },
    audit: { label: t("Audit log"), view: () => auditSection(api) },
    usage: { label: t("Usage"), view: () => h("div", { class: "kept" }, usageOfAll(api), budgetsOfPeople(api)) },
    more: { label: t("More"), view: () => elsewhere(showAgents) },
  };
  const choice = oneOf(
    t("Show"),
    Object.entries(sections).map(([value, { label }]) => ({ value, label })),
    section,
  );
  const place = h("div", { class: "kept" });
  const show = () => place.replaceChildren(sections[choice.read()].view());
  choice.node.addEventListener("change", show);
  openDialog({ title: t("Administration"), wide: true }, choice.node, place);
  show();
}

function elsewhere(showAgents) {
  const admin = h(
    "a",
    { class: "trash-name", href: "/admin/", target: "_blank", rel: "noopener" },
    t("All of the admin"),
  );
  const agents = button({ text: t("Agents"), class: "quiet" }, showAgents);
  return h(
    "div",
    { class: "kept" },
    h("p", {}, signUps()),
    h("p", {}, t("Agents for everybody are made in the page of agents.")),
    h("div", { class: "dialog-actions start" }, agents),
    h(
      "p",
      { class: "faint" },
      t("What is rarer or needs more care is done in the admin, where one signs in once more."),
    ),
    h("ul", { class: "files admin-links" }, h("li", {}, admin)),
  );
}

/** As the server says in the page. */
function signUps() {
  const { registration } = document.body.dataset;
  if (registration === "invite")
    return t("Whoever has the invitation code of the server's settings makes an account themselves.");
  return registration === "open"
    ? t("Anybody makes an account themselves.")
    : t("Accounts are made by administrators alone.");
}
