// Makes the application for this machine's system, in dist/: `npm run package`.

import { readdirSync } from "node:fs";
import path from "node:path";
import { flipFuses, FuseV1Options, FuseVersion } from "@electron/fuses";
import { packager } from "@electron/packager";
import { LINKS } from "./lib/links.js";

const KEPT = new Set(["main.js", "package.json", "icons", "lib", "pages"]);
const left = readdirSync(import.meta.dirname).filter((name) => !KEPT.has(name));

const made = await packager({
  dir: import.meta.dirname,
  out: path.join(import.meta.dirname, "dist"),
  overwrite: true,
  asar: true,
  protocols: [{ name: "Chat Juicer", schemes: [LINKS] }], // macOS reads them from the bundle
  ignore: (file) => left.includes(file.split("/")[1]),
});

for (const folder of made) {
  // What the shell does not use, nobody else shall: running as plain Node, and code from outside the archive.
  await flipFuses(executable(folder), {
    version: FuseVersion.V1,
    resetAdHocDarwinSignature: process.platform === "darwin",
    [FuseV1Options.RunAsNode]: false,
    [FuseV1Options.EnableCookieEncryption]: true,
    [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: false,
    [FuseV1Options.EnableNodeCliInspectArguments]: false,
    [FuseV1Options.EnableEmbeddedAsarIntegrityValidation]: process.platform !== "linux",
    [FuseV1Options.OnlyLoadAppFromAsar]: true,
    [FuseV1Options.GrantFileProtocolExtraPrivileges]: false,
  });
  console.log(folder);
}

/** @param {string} folder */
function executable(folder) {
  const names = { darwin: "Chat Juicer.app", win32: "Chat Juicer.exe" };
  return path.join(folder, names[process.platform] ?? "Chat Juicer");
}
