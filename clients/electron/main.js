// The shell: one window that shows the server's web client and nothing else.

import path from "node:path";
import {
  app,
  BrowserWindow,
  dialog,
  ipcMain,
  Menu,
  nativeTheme,
  protocol,
  screen,
  session,
  shell,
  Tray,
} from "electron";
import { FAILED, isShell, permits, serverOf, SETTINGS, verdict, verdictOfWindow } from "./lib/address.js";
import { chatAddress, chatIn, linked, linkedIn, LINKS, ownWords } from "./lib/links.js";
import { trayMenu, windowMenu } from "./lib/menus.js";
import { placed, SMALLEST } from "./lib/placement.js";
import { chosenServer, Settings } from "./lib/settings.js";
import { shellPage } from "./lib/shellpages.js";

const ABORTED = -3; // Chromium's code for a load that another one replaced, or that became a download
const SETTLE_MS = 500;

app.enableSandbox();
protocol.registerSchemesAsPrivileged([{ scheme: "chat-juicer", privileges: { standard: true, secure: true } }]);

/** @type {Settings} */
let settings;
/** @type {{origin: string, fixed: boolean}} */
let server;
/** @type {BrowserWindow | null} */
let window = null;
/** @type {BrowserWindow | null} */
let settingsWindow = null;
/** @type {Tray | null} Without a name of its own it would be collected, and its icon go. */
let tray = null;
let quitting = false;
let asked = linkedIn(process.argv); // the session to begin with

if (app.requestSingleInstanceLock()) begin();
else app.quit();

function begin() {
  app.setAppUserModelId("chat-juicer.desktop"); // Windows shows notifications only with one
  if (app.isPackaged) app.setAsDefaultProtocolClient(LINKS);
  app.on("second-instance", (_, argv) => follow(linkedIn(argv)) || show());
  app.on("open-url", (event, link) => {
    event.preventDefault();
    follow(linked(link));
  });
  app.on("before-quit", () => (quitting = true));
  app.on("window-all-closed", () => process.platform === "darwin" || app.quit());
  app.on("web-contents-created", (_, contents) => guard(contents));
  app.whenReady().then(ready);
}

function ready() {
  settings = new Settings(path.join(app.getPath("userData"), "settings.json"));
  try {
    server = chosenServer(ownWords(process.argv.slice(1)), process.env, settings.server);
  } catch (error) {
    dialog.showErrorBox("Chat Juicer", error instanceof Error ? error.message : String(error));
    app.exit(2);
    return;
  }
  prepareSession();
  listen();
  const on = { isMac: process.platform === "darwin", isPackaged: app.isPackaged };
  Menu.setApplicationMenu(made(windowMenu(on, { openSettings, reload })));
  putInTray();
  openChat(asked);
  app.on("activate", show);
}

// --- what a page may do ----------------------------------------------------------------------------------------

function prepareSession() {
  const { defaultSession } = session;
  defaultSession.protocol.handle("chat-juicer", (request) => shellPage(request.url));
  defaultSession.setPermissionRequestHandler((contents, permission, answer, details) =>
    answer(permits(permission, details.requestingUrl || contents.getURL(), server.origin)),
  );
  defaultSession.setPermissionCheckHandler((_, permission, origin) => permits(permission, origin, server.origin));
  defaultSession.setDevicePermissionHandler(() => false);
}

/** Every page there is: it stays where it may be, opens nothing in the shell, and hosts no other pages.
 * @param {Electron.WebContents} contents */
function guard(contents) {
  contents.on("will-attach-webview", (event) => event.preventDefault());
  contents.on("will-frame-navigate", (event) => {
    if (!event.isMainFrame) return event.preventDefault();
    go(event, contents.getURL(), event.url);
  });
  contents.on("will-redirect", (event) => go(event, contents.getURL(), event.url));
  contents.setWindowOpenHandler(({ url }) => {
    if (verdictOfWindow(url) === "outside") shell.openExternal(url);
    return { action: "deny" };
  });
}

/** @param {{preventDefault(): void}} event @param {string} from @param {string} target */
function go(event, from, target) {
  const where = verdict(target, { from, server: server.origin });
  if (where === "inside") return;
  event.preventDefault();
  if (where === "settings") openSettings();
  if (where === "outside") shell.openExternal(target);
}

// --- the window ------------------------------------------------------------------------------------------------

function show() {
  if (!window) return openChat("");
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}

/** @param {string} sessionId "" for a new chat */
function openChat(sessionId) {
  const address = chatAddress(server.origin, sessionId);
  if (window) show();
  else window = open();
  if (window.webContents.getURL() !== address) load(window, address); // where it is already it would load the page again
}

/** A link that leads here; false where there was none. @param {string} sessionId */
function follow(sessionId) {
  asked = sessionId;
  if (sessionId && server) openChat(sessionId);
  return Boolean(sessionId);
}

function open() {
  const areas = screen.getAllDisplays().map((display) => display.workArea);
  const { maximized, ...bounds } = placed(settings.window, areas);
  const opened = new BrowserWindow({
    ...bounds,
    minWidth: SMALLEST.width,
    minHeight: SMALLEST.height,
    title: "Chat Juicer",
    show: false,
    backgroundColor: nativeTheme.shouldUseDarkColors ? "#1b1a18" : "#faf9f7",
    webPreferences: { sandbox: true, contextIsolation: true, nodeIntegration: false, webviewTag: false },
  });
  if (maximized) opened.maximize();
  opened.once("ready-to-show", () => opened.show());
  opened.on("closed", () => (window = null));
  keepPlace(opened);
  opened.webContents.on("did-fail-load", (_, code, reason, url, isMainFrame) => {
    if (isMainFrame && code !== ABORTED && !isShell(url)) fail(opened, reason);
  });
  opened.webContents.on("render-process-gone", (_, { reason }) => {
    if (reason !== "clean-exit") fail(opened, `The page stopped working (${reason}).`);
  });
  opened.on("close", (event) => {
    if (quitting || !settings.staysInTray) return;
    event.preventDefault();
    opened.hide();
  });
  opened.webContents.on("did-navigate-in-page", (_, url, isMainFrame) => {
    // The page goes to a chat while nobody is at it: its notification was clicked, and by itself it cannot show a window.
    if (isMainFrame && !opened.isFocused() && chatIn(url, server.origin)) show();
  });
  return opened;
}

/** @param {BrowserWindow} into */
function load(into, address = chatAddress(server.origin, "")) {
  into.loadURL(address).catch(() => {}); // did-fail-load tells
}

/** @param {BrowserWindow} into @param {string} reason */
function fail(into, reason) {
  into.loadURL(`${FAILED}?${new URLSearchParams({ server: server.origin, reason })}`).catch(() => {});
}

function reload() {
  if (window && isShell(window.webContents.getURL())) load(window);
  else window?.webContents.reload();
}

/** @param {BrowserWindow} opened */
function keepPlace(opened) {
  /** @type {NodeJS.Timeout | undefined} */
  let soon;
  const keep = () => settings.keep({ window: { ...opened.getNormalBounds(), maximized: opened.isMaximized() } });
  const later = () => {
    clearTimeout(soon);
    soon = setTimeout(keep, SETTLE_MS);
  };
  opened.on("resize", later);
  opened.on("move", later);
  opened.on("close", () => {
    clearTimeout(soon);
    keep();
  });
}

// --- the server's address --------------------------------------------------------------------------------------

function openSettings() {
  if (settingsWindow) return settingsWindow.focus();
  settingsWindow = new BrowserWindow({
    width: 460,
    height: 300,
    title: "Server",
    parent: window ?? undefined,
    resizable: false,
    minimizable: false,
    maximizable: false,
    show: false,
    autoHideMenuBar: true,
    webPreferences: {
      preload: path.join(import.meta.dirname, "pages", "preload.cjs"),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
    },
  });
  settingsWindow.once("ready-to-show", () => settingsWindow?.show());
  settingsWindow.on("closed", () => (settingsWindow = null));
  settingsWindow.loadURL(SETTINGS);
}

/** The settings page's two questions; nobody else's are answered. */
function listen() {
  ipcMain.handle("server", (event) => (isSettings(event) ? server : null));
  ipcMain.handle("use-server", (event, text) => {
    if (!isSettings(event) || server.fixed) return { problem: "The address cannot be changed here." };
    const { origin, problem } = serverOf(typeof text === "string" ? text : "");
    if (!origin) return { problem };
    server = { origin, fixed: false };
    settings.keep({ server: origin });
    settingsWindow?.close();
    if (window) load(window);
    show();
    return {};
  });
}

/** @param {Electron.IpcMainInvokeEvent} event */
function isSettings(event) {
  return event.senderFrame?.url === SETTINGS && event.sender === settingsWindow?.webContents;
}

// --- menus and tray --------------------------------------------------------------------------------------------

function putInTray() {
  tray = new Tray(path.join(import.meta.dirname, "icons", "tray.png"));
  tray.setToolTip("Chat Juicer");
  tray.on("click", show);
  const acts = {
    show,
    startNew: () => openChat(""),
    /** @param {boolean} staysInTray */
    stay: (staysInTray) => settings.keep({ staysInTray }),
  };
  tray.setContextMenu(made(trayMenu(settings, acts)));
}

/** @param {object[]} template */
function made(template) {
  return Menu.buildFromTemplate(/** @type {Electron.MenuItemConstructorOptions[]} */ (template));
}
