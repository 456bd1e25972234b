// A block of code in an answer: its language, and what can be done with it. Nothing of it is ever run.

import { copied } from "./clipboard.js";
import { dataOf } from "./data.js";
import { button, h, setText } from "./dom.js";
import { colourSoon, languageOf } from "./highlight.js";
import { t } from "./language.js";
import { saveText } from "./savetext.js";
import { dataView } from "./views/dataview.js";
import { showDiagram } from "./views/diagram.js";
import { picture, sandboxed } from "./views/sandbox.js";

const FOLDED_FROM = 40; // lines
const SAID_MS = 1_500;
const ENDINGS = {
  python: "py",
  javascript: "js",
  typescript: "ts",
  bash: "sh",
  shell: "sh",
  markdown: "md",
  rust: "rs",
  ruby: "rb",
  csharp: "cs",
  "c++": "cpp",
  kotlin: "kt",
  text: "txt",
  plaintext: "txt",
  perl: "pl",
  haskell: "hs",
  powershell: "ps1",
};

/** Puts `pre` into a box with a bar above it. */
export function frame(code) {
  const pre = code.parentElement;
  pre.tabIndex = 0; // wide code scrolls by keyboard too
  const words = () => box.querySelector("code").textContent;
  const copy = button({ class: "code-act", label: t("Copy code"), text: t("Copy") }, async () => {
    setText(copy, (await copied(words())) ? t("Copied") : t("Not copied"));
    setTimeout(() => setText(copy, t("Copy")), SAID_MS);
  });
  const download = button({ class: "code-act", icon: "download", label: t("Download the code") }, () =>
    saveText(words(), `code.${endingOf(box.querySelector("code"))}`),
  );
  const wrap = button({ class: "code-act", icon: "wrap", label: t("Wrap long lines"), "aria-pressed": "false" }, () => {
    wrap.setAttribute("aria-pressed", String(box.classList.toggle("wrapped")));
  });
  const acts = h("span", { class: "code-acts" }, wrap, download, copy);
  const box = h(
    "div",
    { class: "code-block" },
    h("div", { class: "code-bar" }, h("span", {}, languageOf(code) || t("text")), acts),
  );
  pre.replaceWith(box);
  box.append(pre);
}

/** Once it is finished: its colours; a long one can be folded, and is with `folded`; what it describes can be shown. */
export function finish(code, folded) {
  const box = code.closest(".code-block");
  const acts = box.querySelector(".code-acts");
  colourSoon(code);
  try {
    showable(box, acts, code.textContent, languageOf(code));
  } catch (error) {
    reportError(error); // the words stay, whatever is wrong with what is offered beside them
  }
  const lines = code.textContent.split("\n").length - 1;
  if (lines > FOLDED_FROM) foldable(box, acts, lines, folded);
}

/** Rows, trees, pictures and pages, on demand. */
function showable(box, acts, text, language) {
  const data = dataOf(text, language);
  if (data) acts.prepend(switchTo(box, data.rows ? t("As a table") : t("As a tree"), () => dataView(data)));
  else if (language === "svg")
    acts.prepend(switchTo(box, t("As a picture"), () => picture(text, t("Picture of the answer"))));
  else if (language === "html")
    acts.prepend(switchTo(box, t("As a page"), () => sandboxed(text, t("Page of the answer"))));
  else if (language === "mermaid") showDiagram(box, acts, text);
}

/** A button by which what `make()` gives stands in the place of the code. */
function switchTo(box, text, make) {
  let view = null;
  const press = button({ class: "code-act", text, "aria-pressed": "false" }, () => {
    view ??= box.appendChild(make());
    const shown = box.classList.toggle("as-view");
    press.setAttribute("aria-pressed", String(shown));
  });
  return press;
}

function foldable(box, acts, lines, folded) {
  const unfold = button({ class: "unfold quiet small", text: t("Show all {lines} lines", { lines }) }, () =>
    set(false),
  );
  const fold = button({ class: "code-act", icon: "fold", label: t("Fold") }, () => set(true));
  const set = (is) => {
    const held = document.activeElement === (is ? fold : unfold);
    box.classList.toggle("folded", is);
    box.classList.toggle("long", !is);
    fold.hidden = is;
    unfold.hidden = !is;
    if (held) (is ? unfold : fold).focus();
  };
  acts.prepend(fold);
  box.append(unfold);
  set(folded);
}

function endingOf(code) {
  const language = languageOf(code);
  if (Object.hasOwn(ENDINGS, language)) return ENDINGS[language];
  return /^\w{1,8}$/.test(language) ? language : "txt";
}
