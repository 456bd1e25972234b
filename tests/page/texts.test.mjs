// The texts of the page, as data. Run by test_texts.py with what the page uses, or by hand: node --test tests/page/

import assert from "node:assert/strict";
import { test } from "node:test";

import { LANGUAGES, ROWS, TEXTS } from "../../chat_app/static/chat/texts.js";

const used = JSON.parse(process.env.USED ?? "[]");
const places = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();

test("every text that is used is there, and no other", { skip: !used.length }, () => {
  const known = Object.keys(TEXTS);
  assert.deepEqual(
    used.filter((text) => !known.includes(text)),
    [],
  );
  assert.deepEqual(
    known.filter((text) => !used.includes(text)),
    [],
  );
});

test("no text stands there twice", () => {
  const names = ROWS.map(([name]) => name);
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});

test("every text is there in all languages, with the same places, and all plural forms", () => {
  for (const [name, forms] of Object.entries(TEXTS)) {
    assert.deepEqual(Object.keys(forms).sort(), Object.keys(LANGUAGES).sort(), name);
    for (const [language, text] of Object.entries(forms)) {
      if (typeof text === "string") {
        assert.deepEqual(places(text), places(name), `${language}: ${name}`);
        continue;
      }
      assert.deepEqual(
        Object.keys(text).sort(),
        new Intl.PluralRules(language).resolvedOptions().pluralCategories.toSorted(),
        `${language}: ${name}`,
      );
      assert.deepEqual(places(text.other), places(name), `${language}: ${name}`);
    }
  }
});
