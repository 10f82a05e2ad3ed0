import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { run } from "./terminal/run.ts";
import { ROOT } from "./engine/stack-file.ts";

const HELP = `npm run --silent sbom > FILE

Prints the software bill of materials of the production packages in package-lock.json, in CycloneDX.

  --help  this text
`;

interface Manifest {
  devDependencies?: unknown;
}

interface Lock {
  packages: Record<string, Manifest & { readonly dev?: boolean }>;
}

run(HELP, () => {
  parseArgs({});
  // `npm sbom --omit dev` also omits what both a production and a development package need, so npm sees no development package.
  const folder = mkdtempSync(join(tmpdir(), "sbom-"));
  try {
    const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as Lock;
    const kept = Object.entries(lock.packages).filter(([, { dev }]) => !dev);
    for (const [path, entry] of kept) {
      delete entry.devDependencies;
      if (path.includes("node_modules")) continue;
      const manifest = JSON.parse(readFileSync(join(ROOT, path, "package.json"), "utf8")) as Manifest;
      delete manifest.devDependencies;
      write(join(folder, path, "package.json"), manifest);
    }
    write(join(folder, "package-lock.json"), { ...lock, packages: Object.fromEntries(kept) });
    const args = ["sbom", "--package-lock-only", "--sbom-format", "cyclonedx", "--sbom-type", "application"];
    execFileSync("npm", args, { cwd: folder, stdio: "inherit" });
  } finally {
    rmSync(folder, { recursive: true });
  }
  return Promise.resolve();
});

function write(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(value));
}
