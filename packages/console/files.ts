import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";

/** A file of the page. */
export interface PageFile {
  readonly type: string;
  readonly content: string | Buffer;
}

const PAGE = join(import.meta.dirname, "page");

const packages = createRequire(import.meta.filename);

/** The packages that the page loads, by the path under which it finds them. */
const MODULES: Readonly<Record<string, string>> = {
  "/modules/preact.js": packages.resolve("preact"),
  "/modules/preact-hooks.js": packages.resolve("preact/hooks"),
  "/modules/preact-jsx-runtime.js": packages.resolve("preact/jsx-runtime"),
  "/modules/elk.js": join(dirname(packages.resolve("elkjs/package.json")), "lib", "elk.bundled.js"),
};

/** Where the page's modules find those of the packages. */
const IMPORTS = JSON.stringify({
  imports: {
    preact: "/modules/preact.js",
    "preact/hooks": "/modules/preact-hooks.js",
    "preact/jsx-runtime": "/modules/preact-jsx-runtime.js",
  },
});

/** The only script in the page's HTML, as a source of a content security policy. */
export const IMPORT_MAP_HASH = `'sha256-${createHash("sha256").update(IMPORTS).digest("base64")}'`;

const cache = new Map<string, Promise<PageFile>>();

/**
 * A file of the page, by its path on the server; undefined if there is none. The page's TypeScript is compiled when it is
 * first asked for, so that nothing is built before.
 */
export function pageFile(path: string): Promise<PageFile> | undefined {
  const known = cache.get(path);
  if (known) return known;
  const file = path === "/" ? "index.html" : path.slice(1);
  const module = MODULES[path];
  if (module === undefined && !readdirSync(PAGE).includes(file)) return undefined;
  const read = module === undefined ? pagePart(file) : Promise.resolve(script(readFileSync(module)));
  cache.set(path, read);
  read.catch(() => cache.delete(path)); // the caller gets the error
  return read;
}

async function pagePart(file: string): Promise<PageFile> {
  const text = readFileSync(join(PAGE, file), "utf8");
  switch (extname(file)) {
    case ".html":
      return { type: "text/html; charset=utf-8", content: text.replace(/\s*IMPORTS\s*/, IMPORTS) };
    case ".css":
      return { type: "text/css; charset=utf-8", content: text };
    case ".svg":
      return { type: "image/svg+xml", content: text };
    default:
      return script(await compile(text, file));
  }
}

function script(content: string | Buffer): PageFile {
  return { type: "text/javascript; charset=utf-8", content };
}

async function compile(text: string, filename: string): Promise<string> {
  const { transform } = await import("@swc/core"); // only when a browser asks
  const { code } = await transform(text, {
    filename,
    configFile: false,
    swcrc: false,
    jsc: {
      target: "es2024",
      parser: { syntax: "typescript", tsx: true },
      transform: { react: { runtime: "automatic", importSource: "preact" } },
    },
    module: { type: "es6" },
  });
  return code;
}
