// The parts of the shell that need no Electron: node --test "test/*.test.mjs"

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { DEFAULT_SERVER, FAILED, permits, serverOf, SETTINGS, verdict, verdictOfWindow } from "../lib/address.js";
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

test("settings are kept whole, for their owner's eyes, and survive a broken file", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "shell-"));
  const file = path.join(folder, "below", "settings.json");
  const settings = new Settings(file);
  assert.deepEqual([settings.server, settings.window], [null, null]);
  settings.keep({ server: SERVER });
  settings.keep({ window: { x: 1, y: 2, width: 3, height: 4 } });
  const again = new Settings(file);
  assert.deepEqual([again.server, again.window.width], [SERVER, 3]);
  assert.deepEqual(readdirSync(path.dirname(file)), ["settings.json"]);
  if (process.platform !== "win32") assert.equal(statSync(file).mode & 0o077, 0);
  for (const broken of ["{", "null", "[]", '{"server":7,"window":"x"}', '{"server":"file:///x"}']) {
    writeFileSync(file, broken);
    assert.equal(new Settings(file).server, null, broken);
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
  assert.doesNotMatch(
    main,
    /webSecurity|allowRunningInsecureContent|certificate-error|enableRemoteModule|executeJavaScript/,
  );
  const { devDependencies, dependencies } = JSON.parse(readFileSync(path.join(HERE, "package.json"), "utf8"));
  assert.equal(dependencies, undefined);
  for (const version of Object.values(devDependencies)) assert.match(version, /^\d+\.\d+\.\d+$/);
});
