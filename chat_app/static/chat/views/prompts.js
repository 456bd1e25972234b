// The page of prompts: one's own, and those for all.

import { t } from "../language.js";
import { area, line, named } from "./fields.js";
import { showKept } from "./kept.js";

export function showPrompts(api, onChanged) {
  const kind = {
    title: t("Prompts"),
    path: "/api/prompts",
    list: "prompts",
    about: t("Texts that you write often. In an empty message field, / opens the list of them."),
    add: t("New prompt"),
    nothing: t("You have none yet."),
    removal: t("It is then in no list any more."),
    row: ({ name, text }) => ["", `/${name}`, text],
    fields,
  };
  showKept(api, kind, onChanged);
}

function fields(prompt) {
  const oneWord = t("One word, without spaces");
  return [
    named(
      "name",
      line({
        label: t("Name"),
        value: prompt.name ?? "",
        required: true,
        maxlength: 64,
        pattern: "[^\\s\\/]\\S*",
        title: oneWord,
        hint: oneWord,
      }),
    ),
    named(
      "text",
      area({
        label: t("Text"),
        value: prompt.text ?? "",
        rows: 8,
        maxlength: 16_000,
        required: true,
        hint: t("What stands in {{two braces}} is asked for each time."),
      }),
    ),
  ];
}
