// What the menus say; the shell does what is chosen. Pure.

/** `acts`: {openSettings(), reload()}. */
export function windowMenu({ isMac, isPackaged }, { openSettings, reload }) {
  const address = { label: "Server…", accelerator: "CommandOrControl+,", click: () => openSettings() };
  const developer = isPackaged ? [] : [{ role: "toggleDevTools" }];
  const file = isMac
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
        { label: "Reload", accelerator: "CommandOrControl+R", click: () => reload() },
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

/** `acts`: {show(), startNew(), stay(whether)}. */
export function trayMenu({ staysInTray }, { show, startNew, stay }) {
  return [
    { label: "Open", click: () => show() },
    { label: "New chat", click: () => startNew() },
    { type: "separator" },
    {
      label: "Stay here when the window is closed",
      type: "checkbox",
      checked: staysInTray,
      click: ({ checked }) => stay(checked),
    },
    { type: "separator" },
    { role: "quit" },
  ];
}
