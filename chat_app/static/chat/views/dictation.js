// Speaking in the place of writing, where the browser can listen. What it hears stands where the caret was.

import { language, t } from "../language.js";

const Recognition = window.SpeechRecognition ?? window.webkitSpeechRecognition;
// As a browser wants to have it said.
const SPOKEN = { en: "en-US", de: "de-DE", he: "he-IL" };
const QUIET = ["no-speech", "aborted"]; // no fault of anybody's

export class Dictation {
  #press = document.getElementById("composer-dictate");
  #input;
  #onProblem;
  #listening = null;

  /** `input` is the message field; `onProblem(text)`. */
  constructor(input, onProblem) {
    this.#input = input;
    this.#onProblem = onProblem;
    this.#press.hidden = !Recognition;
    this.#press.addEventListener("click", () => (this.#listening ? this.stop() : this.#start()));
  }

  stop() {
    this.#listening?.abort();
    this.#end();
  }

  #start() {
    const { value, selectionStart, selectionEnd } = this.#input;
    const before = value.slice(0, selectionStart).replace(/(\S)$/, "$1 ");
    const behind = value.slice(selectionEnd);
    const listening = new Recognition();
    listening.lang = navigator.languages.find((tag) => tag.startsWith(`${language}-`)) ?? SPOKEN[language];
    listening.continuous = true;
    listening.interimResults = true;
    listening.onresult = ({ results }) => listening === this.#listening && this.#write(before, [...results], behind);
    listening.onerror = ({ error }) =>
      QUIET.includes(error) ||
      this.#onProblem(t("The browser does not let this page listen, or does not understand what it hears."));
    listening.onend = () => listening === this.#listening && this.#end();
    listening.start();
    this.#listening = listening;
    this.#show();
    this.#input.focus();
  }

  #write(before, results, behind) {
    const heard = results.map(([best]) => best.transcript.trim()).join(" ");
    this.#input.value = before + heard + behind;
    const caret = before.length + heard.length;
    this.#input.setSelectionRange(caret, caret);
    this.#input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #end() {
    this.#listening = null;
    this.#show();
  }

  #show() {
    this.#press.setAttribute("aria-pressed", String(Boolean(this.#listening)));
  }
}
