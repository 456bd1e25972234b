// Writes types/ from what the modules say of themselves: `npm ci`, then `npm run types`. What they were made from
// stands in types/made-from, so that it can be seen without a compiler whether they are current.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL(".", import.meta.url)));

const modules = [
  "node.js",
  ...readdirSync("src")
    .sort()
    .map((name) => `src/${name}`),
];
const digest = createHash("sha256");
for (const name of modules) digest.update(`${name}\n`).update(readFileSync(name));

rmSync("types", { recursive: true, force: true });
execFileSync("node_modules/.bin/tsc", ["--project", "tsconfig.json"], { stdio: "inherit" });
writeFileSync("types/made-from", `${digest.digest("hex")}\n`);
