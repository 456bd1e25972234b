// The page of agents: one's own, and those for all.

import { t } from "../language.js";
import { agentFiles } from "./agentfiles.js";
import { allOrSome, area, line, linesOf, named, oneOf, oneOfMany, someOf } from "./fields.js";
import { showKept } from "./kept.js";

const MOST_STARTERS = 8;

/** `config` is the server's: models, reasoning levels, tools and MCP servers that there are. */
export function showAgents(api, config, onChanged) {
  const kind = {
    title: t("Agents"),
    path: "/api/agents",
    list: "agents",
    about: t(
      "An agent is what the model is told, and may do, in the chats that choose it, beside the model below the message field.",
    ),
    add: t("New agent"),
    nothing: t("You have none yet."),
    removal: t("Chats that have chosen it go on with the primary agent."),
    keepsName: true,
    row: ({ letter, name, description, model }) => [letter, name, [description, model].filter(Boolean).join(" · ")],
    fields: (agent, all) => fields(api, agent, all, config),
  };
  showKept(api, kind, onChanged);
}

function fields(api, agent, all, config) {
  const others = all.filter(({ origin, name }) => origin !== "built_in" && name !== agent.name).map(({ name }) => name);
  const asTheChat = { value: "", label: t("As the chat has") };
  const models = (config.models ?? []).map(({ id, name }) => ({ value: id, label: name ?? id }));
  const isForAll = agent.origin === "shared";
  const handsOver = others.length > 0 || agent.hand_offs?.length > 0;
  return [
    named(
      "name",
      line({
        label: t("Name"),
        value: agent.name ?? "",
        required: true,
        maxlength: 64,
        disabled: isForAll,
        hint: isForAll ? t("Chats have chosen it by its name, which stays.") : null,
      }),
    ),
    named(
      "letter",
      line({
        label: t("Sign"),
        value: signOf(agent),
        maxlength: 8,
        hint: t("A letter or an emoji by which you see it."),
      }),
    ),
    named("description", line({ label: t("Description"), value: agent.description ?? "", maxlength: 2_000 })),
    named(
      "instructions",
      area({
        label: t("Instructions"),
        value: agent.instructions ?? "",
        rows: 7,
        maxlength: 32_000,
        hint: t("What the model is told in each chat with this agent."),
      }),
    ),
    agentFiles(api, agent),
    named("model", oneOfMany(t("Model"), [asTheChat, ...models], agent.model ?? ""), orNull),
    named(
      "reasoning_effort",
      oneOf(t("Reasoning effort"), [asTheChat, ...(config.reasoning_levels ?? [])], agent.reasoning_effort ?? ""),
      orNull,
    ),
    named("tools", allOrSome(t("Tools"), t("All"), agent.tools, someOfAll(config.tools, agent.tools))),
    named(
      "mcp_servers",
      allOrSome(
        t("MCP servers"),
        t("As the chat has"),
        agent.mcp_servers,
        someOfAll(config.mcp_servers, agent.mcp_servers),
      ),
    ),
    handsOver && named("hand_offs", someOf(t("May hand over to"), others, agent.hand_offs ?? [])),
    named(
      "starters",
      area({
        label: t("Ways to begin"),
        value: (agent.starters ?? []).join("\n"),
        rows: 3,
        hint: t("One on each line, {most} at most.", { most: MOST_STARTERS }),
      }),
      linesOf,
    ),
  ].filter(Boolean);
}

/** None where the server shows the first letter of the name. */
function signOf({ letter = "", name, copyOf }) {
  return letter === [...(name || copyOf || "")][0]?.toUpperCase() ? "" : letter;
}

/** What is left to the chat is null on the wire. */
function orNull(value) {
  return value || null;
}

/** Whoever leaves "all" begins with all of them. */
function someOfAll(offered = [], chosen) {
  return (name) => someOf(name, offered, chosen ?? offered);
}
