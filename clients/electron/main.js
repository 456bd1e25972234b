// The shell: one window that shows the server's web client and nothing else.

import path from "node:path";
import { app, BrowserWindow, dialog, ipcMain, Menu, nativeTheme, protocol, screen, session, shell } from "electron";
import { FAILED, isShell, permits, serverOf, SETTINGS, verdict, verdictOfWindow } from "./lib/address.js";
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

if (app.requestSingleInstanceLock()) begin();
else app.quit();

function begin() {
  app.setAppUserModelId("chat-juicer.desktop"); // Windows shows notifications only with one
  app.on("second-instance", show);
  app.on("activate", show);
  app.on("window-all-closed", () => process.platform === "darwin" || app.quit());
  app.on("web-contents-created", (_, contents) => guard(contents));
  app.whenReady().then(ready);
}

function ready() {
  settings = new Settings(path.join(app.getPath("userData"), "settings.json"));
  try {
    server = chosenServer(process.argv.slice(1), process.env, settings.server);
  } catch (error) {
    dialog.showErrorBox("Chat Juicer", error instanceof Error ? error.message : String(error));
    app.exit(2);
    return;
  }
  prepareSession();
  listen();
  Menu.setApplicationMenu(Menu.buildFromTemplate(menu()));
  show();
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
  if (!window) window = open();
  if (window.isMinimized()) window.restore();
  window.focus();
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
  load(opened);
  return opened;
}

/** @param {BrowserWindow} into */
function load(into) {
  into.loadURL(`${server.origin}/`).catch(() => {}); // did-fail-load tells
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

// --- the menu --------------------------------------------------------------------------------------------------

/** @returns {Electron.MenuItemConstructorOptions[]} */
function menu() {
  /** @type {Electron.MenuItemConstructorOptions} */
  const address = { label: "Server…", accelerator: "CommandOrControl+,", click: openSettings };
  /** @type {Electron.MenuItemConstructorOptions[]} */
  const developer = app.isPackaged ? [] : [{ role: "toggleDevTools" }];
  /** @type {Electron.MenuItemConstructorOptions} */
  const file =
    process.platform === "darwin"
      ? {
          role: "appMenu",
          submenu: [{ role: "about" }, address, { type: "separator" }, { role: "hide" }, { role: "quit" }],
        }
      : { label: "File", submenu: [address, { type: "separator" }, { role: "quit" }] };
  return [
    file,
    { role: "editMenu" },
    {
      label: "View",
      submenu: [
        { label: "Reload", accelerator: "CommandOrControl+R", click: reload },
        { type: "separator" },
        { role: "resetZoom" },
        { role: "zoomIn" },
        { role: "zoomOut" },
        { role: "togglefullscreen" },
        ...developer,
      ],
    },
    { role: "windowMenu" },
  ];
}
