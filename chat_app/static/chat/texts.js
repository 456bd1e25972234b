// All texts of the page: English, by which the code names them, German, Hebrew. They stand in texts/, by the part of
// the page that says them. A test holds that every text that is used stands there once, in all languages, and no other.

import administration from "./texts/administration.js";
import chats from "./texts/chats.js";
import conversation from "./texts/conversation.js";
import counted from "./texts/counted.js";
import page from "./texts/page.js";
import settings from "./texts/settings.js";
import writing from "./texts/writing.js";

export const LANGUAGES = { en: "English", de: "Deutsch", he: "עברית" };

export const ROWS = [...page, ...conversation, ...writing, ...chats, ...settings, ...administration];

export const TEXTS = { ...counted, ...Object.fromEntries(ROWS.map(([en, de, he]) => [en, { en, de, he }])) };
