// The parts of the shell that need no Electron: node --test "test/*.test.mjs"

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { DEFAULT_SERVER, FAILED, permits, serverOf, SETTINGS, verdict, verdictOfWindow } from "../lib/address.js";
import { chatAddress, chatIn, linked, linkedIn, LINKS, ownWords } from "../lib/links.js";
import { trayMenu, windowMenu } from "../lib/menus.js";
import { placed, SMALLEST } from "../lib/placement.js";
import { chosenServer, Settings } from "../lib/settings.js";
import { shellPage } from "../lib/shellpages.js";

const SERVER = "https://chat.example.org";
const HERE = path.join(import.meta.dirname, "..");

test("an address is taken as people write it", () => {
  for (const [text, origin] of [
    [DEFAULT_SERVER, DEFAULT_SERVER],
    [" localhost:8000 ", "http://localhost:8000"],
    ["[::1]:8000/", "http://[::1]:8000"],
    ["chat.example.org", SERVER],
    ["https://CHAT.example.org:443/#/chat_1?x=1", SERVER],
    ["192.168.1.5:8443", "https://192.168.1.5:8443"],
  ])
    assert.deepEqual(serverOf(text), { origin }, text);
});

test("what is no server's address is refused with a reason, and so is plain HTTP to another machine", () => {
  for (const text of [
    "",
    "  ",
    null,
    "file:///etc/passwd",
    "javascript:alert(1)",
    "ftp://chat.example.org",
    "https://a:b@chat.example.org",
    "http://",
    "not an address",
  ])
    assert.ok(serverOf(text).problem, text);
  for (const text of ["http://chat.example.org", "http://192.168.1.5:8000", "http://127.0.0.1.example.org"])
    assert.match(serverOf(text).problem, /https/, text);
});

test("the window stays at its server", () => {
  const at = { from: `${SERVER}/`, server: SERVER };
  assert.equal(verdict(`${SERVER}/#/chat_1`, at), "inside");
  assert.equal(verdict(`${SERVER}/api/files/get/x`, at), "inside");
  for (const other of [
    "https://example.org/",
    "http://chat.example.org/",
    `${SERVER}:444/`,
    `${SERVER}.evil.org/`,
    "https://chat.example.org@evil.org/",
    "mailto:a@b.org",
  ])
    assert.equal(verdict(other, at), "outside", other);
  for (const other of [
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/html,x",
    "smb://x/y",
    "ms-settings:x",
    FAILED,
    SETTINGS,
    "chat-juicer://other/settings.html",
    "nonsense",
  ])
    assert.equal(verdict(other, at), "nowhere", other);
});

test("from its own page the shell can go to the server and to the settings", () => {
  const at = { from: `${FAILED}?server=x`, server: SERVER };
  assert.equal(verdict(`${SERVER}/`, at), "inside");
  assert.equal(verdict(SETTINGS, at), "settings");
});

test("a new window is the browser's, or nobody's", () => {
  assert.equal(verdictOfWindow(`${SERVER}/admin/`), "outside");
  for (const other of ["file:///x", "about:blank", "chat-juicer://shell/settings.html", "x"])
    assert.equal(verdictOfWindow(other), "nowhere");
});

test("the server's page may write the clipboard and notify; nobody may more", () => {
  assert.ok(permits("notifications", `${SERVER}/`, SERVER));
  assert.ok(permits("clipboard-sanitized-write", SERVER, SERVER));
  for (const permission of ["media", "geolocation", "clipboard-read", "openExternal", "fileSystem", "hid"])
    assert.ok(!permits(permission, SERVER, SERVER));
  for (const origin of ["https://example.org/", "", "null"]) assert.ok(!permits("notifications", origin, SERVER));
});

test("the argument stands above the environment, that above the settings, and those above the default", () => {
  const env = { CHAT_JUICER_SERVER: "https://env.example.org" };
  assert.deepEqual(chosenServer(["--server=localhost:9"], env, SERVER), { origin: "http://localhost:9", fixed: true });
  assert.deepEqual(chosenServer([], env, SERVER), { origin: "https://env.example.org", fixed: true });
  assert.deepEqual(chosenServer(["."], {}, SERVER), { origin: SERVER, fixed: false });
  assert.deepEqual(chosenServer([], {}, null), { origin: DEFAULT_SERVER, fixed: false });
  assert.throws(() => chosenServer(["--server=http://chat.example.org"], {}, null), /https/);
});

test("a link leads to a chat of the one server, and to nothing else", () => {
  for (const id of ["chat_0f5c", "chat_0f5c9e1a2b3c4d5e", "a.b:c-d", "x".repeat(64)]) {
    assert.equal(linked(`${LINKS}://chat/${id}`), id);
    assert.equal(verdict(chatAddress(SERVER, id), { from: "", server: SERVER }), "inside");
    assert.equal(chatIn(chatAddress(SERVER, id), SERVER), id);
  }
  for (const other of [
    "",
    "chat_1",
    `${LINKS}:chat_1`,
    `${LINKS}://chat/`,
    `${LINKS}://chat/..`,
    `${LINKS}://chat/a/b`,
    `${LINKS}://chat/a?x=1`,
    `${LINKS}://chat/a#b`,
    `${LINKS}://chat/%2e%2e`,
    `${LINKS}://chat/a b`,
    `${LINKS}://chat/a\n`,
    `${LINKS}://chat/${"x".repeat(65)}`,
    `${LINKS}://other/chat_1`,
    `${LINKS}://chat@evil.org/chat_1`,
    `x ${LINKS}://chat/chat_1`,
    "chat-juicer://shell/settings.html",
    `${SERVER}/#/chat_1`,
    "javascript:alert(1)",
  ])
    assert.equal(linked(other), "", other);
  for (const other of [`${SERVER}/`, `${SERVER}/#/`, `${SERVER}/#/copy/x`, `${SERVER}.evil.org/#/x`, FAILED])
    assert.equal(chatIn(other, SERVER), "", other);
});

test("a link in a command line is found, and brings no option along", () => {
  assert.equal(linkedIn(["shell", ".", "--flag", `${LINKS}://chat/chat_1`]), "chat_1");
  assert.equal(linkedIn(["shell", "--server=localhost:9"]), "");
  assert.deepEqual(ownWords(["--server=localhost:9"]), ["--server=localhost:9"]);
  for (const link of [`${LINKS}://chat/chat_1`, `${LINKS}:x`])
    assert.deepEqual(ownWords([link, "--server=evil.org"]), []);
});

test("the tray opens, begins a chat, quits, and says whether a closed window stays there", () => {
  const done = [];
  const acts = {
    show: () => done.push("show"),
    startNew: () => done.push("new"),
    stay: (whether) => done.push(whether),
  };
  const items = trayMenu({ staysInTray: true }, acts);
  const named = (label) => items.find((item) => item.label?.startsWith(label));
  named("Open").click();
  named("New chat").click();
  named("Stay").click({ checked: false });
  assert.deepEqual(done, ["show", "new", false]);
  assert.deepEqual([named("Stay").type, named("Stay").checked], ["checkbox", true]);
  assert.equal(trayMenu({ staysInTray: false }, acts)[3].checked, false);
  assert.equal(items.at(-1).role, "quit");
  for (const scale of ["", "@2x"]) {
    const icon = readFileSync(path.join(HERE, "icons", `tray${scale}.png`));
    assert.equal(icon.toString("latin1", 1, 4), "PNG");
    assert.equal(icon.readUInt32BE(16), scale ? 32 : 16);
  }
});

test("the window's menu leads to the server's address; the developer's tools are not in what is packaged", () => {
  const acts = { openSettings() {}, reload() {} };
  for (const isMac of [true, false]) {
    const items = windowMenu({ isMac, isPackaged: true }, acts).flatMap(({ submenu }) => submenu ?? []);
    assert.ok(items.some(({ label }) => label === "Server…"));
    assert.ok(items.some(({ role }) => role === "quit"));
    assert.ok(!items.some(({ role }) => role === "toggleDevTools"));
  }
  const view = windowMenu({ isMac: false, isPackaged: false }, acts)[2].submenu;
  assert.ok(view.some(({ role }) => role === "toggleDevTools"));
});

test("settings are kept whole, for their owner's eyes, and survive a broken file", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "shell-"));
  const file = path.join(folder, "below", "settings.json");
  const settings = new Settings(file);
  assert.deepEqual([settings.server, settings.window, settings.staysInTray], [null, null, false]);
  settings.keep({ server: SERVER });
  settings.keep({ window: { x: 1, y: 2, width: 3, height: 4 } });
  settings.keep({ staysInTray: true });
  const again = new Settings(file);
  assert.deepEqual([again.server, again.window.width, again.staysInTray], [SERVER, 3, true]);
  assert.deepEqual(readdirSync(path.dirname(file)), ["settings.json"]);
  if (process.platform !== "win32") assert.equal(statSync(file).mode & 0o077, 0);
  for (const broken of ["{", "null", "[]", '{"server":7,"window":"x","staysInTray":"x"}', '{"server":"file:///x"}']) {
    writeFileSync(file, broken);
    assert.equal(new Settings(file).server, null, broken);
    assert.equal(new Settings(file).staysInTray, false, broken);
  }
});

test("the window opens where it stood, on a screen that is there", () => {
  const areas = [
    { x: 0, y: 25, width: 1440, height: 875 },
    { x: 1440, y: 0, width: 1920, height: 1080 },
  ];
  const stood = { x: 1500, y: 40, width: 900, height: 700, maximized: true };
  assert.deepEqual(placed(stood, areas), stood);
  assert.deepEqual(placed(stood, areas.slice(0, 1)), { width: 900, height: 700, maximized: true });
  assert.equal(placed({ ...stood, y: -600 }, areas).y, undefined);
  assert.deepEqual(placed({ ...stood, width: 10, height: 10 }, areas).width, SMALLEST.width);
  for (const nothing of [null, undefined, "x", {}, { x: Number.NaN, y: 0, width: 1, height: 1 }])
    assert.equal(placed(nothing, areas).x, undefined);
});

test("the shell serves its own pages, each with a policy, and no other file", async () => {
  const page = await shellPage(`${FAILED}?server=x`);
  assert.equal(page.status, 200);
  assert.match(page.headers.get("Content-Security-Policy"), /default-src 'none'; script-src 'self'/);
  assert.match(await page.text(), /cannot be reached/);
  for (const other of [
    "chat-juicer://shell/../main.js",
    "chat-juicer://shell/preload.cjs",
    "chat-juicer://shell/%2e%2e/main.js",
    "chat-juicer://other/failed.html",
    "chat-juicer://shell/",
  ])
    assert.equal((await shellPage(other)).status, 404, other);
});

test("its pages carry no code of their own and name only files that are there", () => {
  const pages = path.join(HERE, "pages");
  for (const name of readdirSync(pages).filter((name) => name.endsWith(".html"))) {
    const text = readFileSync(path.join(pages, name), "utf8");
    assert.doesNotMatch(text, /<style|\sstyle=|\son\w+=|<script(?![^>]+src=)/, name);
    for (const [, file] of text.matchAll(/(?:src|href)="([^"]+)"/g)) assert.ok(readdirSync(pages).includes(file), file);
  }
});

test("each window keeps the page away from the machine, and each dependency is pinned", () => {
  const main = readFileSync(path.join(HERE, "main.js"), "utf8");
  const windows = main.match(/new BrowserWindow\(/g).length;
  for (const word of ["sandbox: true", "contextIsolation: true", "nodeIntegration: false", "webviewTag: false"])
    assert.equal(main.split(word).length - 1, windows, word);
  assert.match(main, /app\.enableSandbox\(\)/);
  assert.equal(main.match(/preload:/g).length, 1, "the settings page's alone");
  assert.doesNotMatch(
    main,
    /webSecurity|allowRunningInsecureContent|certificate-error|enableRemoteModule|executeJavaScript/,
  );
  const { devDependencies, dependencies } = JSON.parse(readFileSync(path.join(HERE, "package.json"), "utf8"));
  assert.equal(dependencies, undefined);
  for (const version of Object.values(devDependencies)) assert.match(version, /^\d+\.\d+\.\d+$/);
});
