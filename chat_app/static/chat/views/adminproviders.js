// Providers of models, for administrators: which there are, whether they are asked, whether they answer, and what
// stands in one.

import { button, h } from "../dom.js";
import { t } from "../language.js";
import { secondsText } from "../text.js";
import { confirmed } from "./confirm.js";
import { attempt, fill, openDialog, smallForm, unlessGone } from "./dialog.js";
import { allOrSome, area, differing, line, linesOf, named, oneOf, oneOfMany, secret } from "./fields.js";
import { menuButton } from "./menu.js";

const PATH = "/api/providers";
const MOST_CHARS = { name: 32, url: 500, key: 2_000, api_version: 32 };
const LAST_POSITION = 2 ** 15 - 1;
const SHOWN_MODELS = 500;

const REASONS = {
  provider_auth: t("It refuses the key."),
  provider_quota: t("Its account has no credit left."),
  provider_rate_limited: t("It receives too many requests; try again in a moment."),
  provider_rejected: t("It did not accept the request."),
  provider_timeout: t("It took too long."),
  provider_unavailable: t("It cannot be reached, or does not work at the moment."),
  provider_protocol: t("What is there answers in another way than providers do: is it the address, and the API?"),
  model_not_found: t("It has no such model."),
  no_list: t("There is no list of models at this address."),
};

/** `onProviders()` when there may be other models than before. */
export function providersSection(api, onProviders) {
  const place = h("div", { class: "kept" });
  let kinds = [];
  const add = button({ icon: "plus", text: t("Add a provider"), class: "quiet small" }, () =>
    act(async () => openProvider(api, kinds.length ? kinds : (await api.get(PATH)).kinds, {}, added)),
  );
  const show = () =>
    fill(place, async () => {
      const found = await api.get(PATH);
      kinds = found.kinds;
      return found.providers.length
        ? h("ul", { class: "files server-rows" }, ...found.providers.map(row))
        : h("p", { class: "faint" }, t("There is none: the demo model answers."));
    });
  /** The rows are others then: the focus goes to where it was. */
  const changed = async (provider) => {
    onProviders();
    await show();
    (place.querySelector(`[data-id="${provider.id}"] button`) ?? add).focus();
  };
  const added = async (provider) => {
    await changed(provider);
    showTest(api, provider, [], () => changed(provider));
  };
  const act = (run) => attempt(place, run);
  const turn = (provider) =>
    act(async () => changed(await api.patch(`${PATH}/${provider.id}`, { enabled: !provider.enabled })));
  const change = (provider) =>
    act(async () => openProvider(api, kinds, await api.get(`${PATH}/${provider.id}`), changed));
  const test = (provider) =>
    act(async () => {
      const { models } = provider.id === null ? { models: [] } : await api.get(`${PATH}/${provider.id}`);
      showTest(api, provider, models, () => changed(provider));
    });
  const remove = async (provider) => {
    if (
      !(await confirmed({
        title: t("Delete {name}?", provider),
        text: t("Its key goes, too. Chats with its models are answered by others that have these, or not at all."),
        action: t("Delete"),
      }))
    )
      return;
    await act(async () => {
      await api.delete(`${PATH}/${provider.id}`).catch(unlessGone);
      await changed({});
    });
  };
  const itemsFor = (provider) => [
    { text: t("Test"), icon: "play", run: () => test(provider) },
    ...(provider.id === null
      ? []
      : [
          { text: t("Change"), icon: "pencil", run: () => change(provider) },
          {
            text: provider.enabled ? t("Turn off") : t("Turn on"),
            icon: provider.enabled ? "close" : "check",
            run: () => turn(provider),
          },
          { text: t("Delete"), icon: "trash", danger: true, run: () => remove(provider) },
        ]),
  ];
  const row = (provider) =>
    h(
      "li",
      { "data-id": provider.id },
      h(
        "span",
        { class: "trash-name" },
        h("span", { dir: "auto" }, nameOf(provider)),
        h(
          "span",
          { class: "faint clipped" },
          [provider.kind, provider.host, stateOf(provider)].filter(Boolean).join(" · "),
        ),
      ),
      provider.id === null ? h("span", { class: "faint" }, t("in the settings")) : "",
      menuButton(
        { icon: "more", label: t("More about {name}", { name: nameOf(provider) }), class: "icon-button" },
        () => itemsFor(provider),
      ),
    );
  show();
  return h("div", { class: "kept" }, place, h("div", { class: "dialog-actions start" }, add));
}

function nameOf({ name }) {
  return name || t("The default provider");
}

function stateOf({ enabled, models, has_list: hasList }) {
  if (!enabled) return t("turned off");
  return hasList === false && !models ? t("gave no list of its models") : t("{count} models", { count: models });
}

/** `done(provider)` when it is kept. */
function openProvider(api, kinds, provider, done) {
  const url = line({
    label: t("Address"),
    type: "url",
    value: provider.url ?? "",
    maxlength: MOST_CHARS.url,
    dir: "ltr",
  });
  const version = line({
    label: t("Version of the API"),
    value: provider.api_version ?? "",
    maxlength: MOST_CHARS.api_version,
    dir: "ltr",
  });
  const key = secret({
    label: t("Key"),
    kept: provider.has_key,
    removal: t("It needs none"),
    maxlength: MOST_CHARS.key,
    hintKept: t("There is one, which is never shown; leave it empty to keep it. Another address needs it again."),
    hint: t(
      "It is kept encrypted, where the server has a key for that, and never shown again. Servers at home often need none.",
    ),
  });
  const heed = (name) => {
    const usual = kinds.find((kind) => kind.name === name)?.url ?? "";
    const field = url.node.querySelector("input");
    field.placeholder = usual || "https://";
    field.required = !usual;
    version.node.hidden = name !== "azure";
  };
  const kind = oneOfMany(
    t("Kind"),
    kinds.map(({ name, label }) => ({ value: name, label })),
    provider.kind ?? "openai",
    heed,
  );
  const controls = [
    named("kind", kind),
    named(
      "name",
      line({
        label: t("Name"),
        value: provider.name ?? "",
        required: true,
        maxlength: MOST_CHARS.name,
        pattern: "[a-z0-9][a-z0-9._\\-]*",
        dir: "ltr",
        hint: t("Small letters, digits, ., - and _; it tells models of the same name apart."),
      }),
    ),
    named("url", url),
    named("key", key),
    named(
      "models",
      allOrSome(t("Models"), t("All that it has"), provider.models?.length ? provider.models : null, (label) =>
        area({
          label,
          value: (provider.models ?? []).join("\n"),
          rows: 3,
          dir: "ltr",
          hint: t("Ids of models, one on each line; * stands for any characters."),
        }),
      ),
      (text) => (text === null ? [] : linesOf(text)),
    ),
    named(
      "api",
      oneOf(
        t("API"),
        [
          { value: "", label: t("As usual there") },
          { value: "responses", label: "Responses" },
          { value: "chat_completions", label: t("Chat Completions") },
        ],
        provider.api ?? "",
      ),
    ),
    named("api_version", version),
    named(
      "fallbacks",
      area({
        label: t("Who is asked where a model fails"),
        value: fallbackLines(provider.fallbacks ?? {}),
        rows: 2,
        dir: "ltr",
        placeholder: "model = another, provider/another",
        hint: t("One model on each line, and after = those that take its place."),
      }),
      fallbacksIn,
    ),
    named(
      "position",
      line({
        label: t("Position"),
        type: "number",
        value: provider.position ?? 0,
        min: 0,
        max: LAST_POSITION,
        step: 1,
        required: true,
        hint: t("Of several that have the same model, the first is asked."),
      }),
      Number,
    ),
  ];
  const written = () => Object.fromEntries(controls.map(({ name, read }) => [name, read()]));
  const before = written();
  const form = smallForm(
    { fields: controls.map(({ node }) => node), action: provider.id ? t("Save") : t("Add") },
    async () => {
      const now = written();
      const values = provider.id ? withPlace(differing(before, now), now) : now;
      const kept = await (!provider.id
        ? api.post(PATH, values)
        : Object.keys(values).length
          ? api.patch(`${PATH}/${provider.id}`, values)
          : provider);
      dialog.close();
      await done(kept);
      return "";
    },
  );
  const { dialog } = openDialog({ title: provider.name ?? t("Add a provider"), wide: true }, form);
  heed(kind.read());
  form.querySelector("input").focus();
}

/** A key goes where the person saw that it would, though somebody else may have changed the address meanwhile. */
function withPlace(values, { kind, url }) {
  return values.key ? { ...values, kind, url } : values;
}

function fallbackLines(fallbacks) {
  return Object.entries(fallbacks)
    .map(([model, others]) => `${model} = ${others.join(", ")}`)
    .join("\n");
}

function fallbacksIn(text) {
  const pairs = linesOf(text).map((one) => one.split("=").map((part) => part.trim()));
  return Object.fromEntries(
    pairs.map(([model, others = ""]) => [
      model,
      others
        .split(",")
        .map((one) => one.trim())
        .filter(Boolean),
    ]),
  );
}

/**
 * Asks it at once for its models, and a model when the person wants that. `models` are ids that it may be asked for;
 * `closed()` when they are done.
 */
function showTest(api, provider, models, closed) {
  const said = h("p", { class: "form-said", role: "status" });
  const offered = h("datalist", { id: "models-to-ask" });
  const model = line({
    label: t("Model"),
    required: true,
    maxlength: 95,
    dir: "ltr",
    list: offered.id,
    hint: t("It is asked for one word, which costs what a word costs."),
  });
  const input = model.node.querySelector("input");
  const offer = (ids) => {
    offered.replaceChildren(...ids.slice(0, SHOWN_MODELS).map((value) => h("option", { value })));
    input.value ||= ids[0] ?? "";
  };
  const ask = async (given, outcome) => {
    said.classList.remove("problem");
    said.textContent = t("Asking {name}…", { name: nameOf(provider) });
    const tested = await api.post(`${PATH}/test`, { name: provider.name, ...given });
    said.classList.toggle("problem", Boolean(tested.error));
    said.textContent = tested.error ? (REASONS[tested.error.code] ?? tested.error.message) : outcome(tested);
  };
  const fail = (error) => {
    said.textContent = error.message;
    said.classList.add("problem");
  };
  const listed = ({ models: found, took_ms: took }) => {
    if (found === null) return t("Its kind gives no list of models: ask one of them.");
    offer(found);
    return `${t("It has answered, in {time}:", { time: secondsText(took) })} ${t("{count} models", { count: found.length })}`;
  };
  const form = h(
    "form",
    { class: "small-form" },
    model.node,
    offered,
    h(
      "div",
      { class: "form-end" },
      button({ text: t("Ask it"), class: "primary small", type: "submit" }, () => {}),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = model.read();
    ask({ model: name }, ({ took_ms: took }) =>
      t("{name} has answered, in {time}.", { name, time: secondsText(took) }),
    ).catch(fail);
  });
  const { dialog } = openDialog({ title: t("Test {name}", { name: nameOf(provider) }), wide: true }, said, form);
  dialog.addEventListener("close", closed);
  offer(models.filter((id) => !id.includes("*")));
  ask({}, listed).catch(fail);
}
