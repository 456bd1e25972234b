// How large the text is and how strong its contrast: chosen in this browser, where early.js reads it before the first
// painting.

import { t } from "./language.js";
import { local } from "./storage.js";

/** Each {key, name: of the attribute of the page, label, choices: [[value, label]]}; "" is as the system has it. */
export const LOOKS = [
  {
    key: "chat-juicer.size",
    name: "size",
    label: t("Text size"),
    choices: [
      ["small", t("Small")],
      ["", t("Normal")],
      ["large", t("Large")],
      ["larger", t("Very large")],
    ],
  },
  {
    key: "chat-juicer.contrast",
    name: "contrast",
    label: t("Contrast"),
    choices: [
      ["", t("As the system has it")],
      ["more", t("Strong")],
    ],
  },
];

export function chosenLook({ key }) {
  return local.get(key) ?? "";
}

export function chooseLook({ key, name }, value) {
  if (value) local.set(key, value);
  else local.remove(key);
  show(name, value);
}

function show(name, value) {
  if (value) document.documentElement.dataset[name] = value;
  else delete document.documentElement.dataset[name];
  window.dispatchEvent(new Event("resize")); // for what measures its words
}

window.addEventListener("storage", (event) => {
  const look = LOOKS.find(({ key }) => key === event.key);
  if (look) show(look.name, event.newValue);
});
