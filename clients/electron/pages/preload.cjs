// The settings page's only way to the shell. A sandboxed preload script is CommonJS.

const { contextBridge, ipcRenderer } = require("electron");

contextBridge.exposeInMainWorld("shell", {
  server: () => ipcRenderer.invoke("server"),
  useServer: (text) => ipcRenderer.invoke("use-server", String(text)),
});
