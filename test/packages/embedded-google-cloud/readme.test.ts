import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Embedded } from "./embedded.ts";
import { type Route, watchRoutes } from "./routes.ts";

const README = join(import.meta.dirname, "../../../packages/embedded-google-cloud/README.md");
/** The order in the README's tables. */
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

const routes = watchRoutes();
const embedded = new Embedded();
beforeAll(() => embedded.start());
afterAll(() => embedded.remove());

test("the README's tables list exactly the supported methods", () => {
  const listed = [...readFileSync(README, "utf8").matchAll(/^\| ([A-Za-z ]+?) *\| `(.+)` *\|$/gm)];
  expect(listed.map(([, methods, path]) => `${path}  ${methods}`).sort()).toEqual(rows(routes));
});

/** Each path with its methods; `any` if there are others. */
function rows(all: readonly Route[]): string[] {
  const byPath = Map.groupBy(all, ({ url }) => pathOf(url));
  const lines = [...byPath].map(([path, group]) => {
    const methods = new Set(group.map(({ method }) => method).filter((method) => method !== "HEAD"));
    const known = METHODS.filter((method) => methods.has(method));
    return `${path}  ${known.length < methods.size ? "any" : known.join(" ")}`;
  });
  return lines.sort();
}

/** A path in the notation of Google's references: `:secret(^[^:]+)::access` is `{secret}:access`. */
function pathOf(url: string): string {
  return url.replace(/::|:(\w+)(\([^)]*\))?/g, (_match, name?: string) => (name === undefined ? ":" : `{${name}}`));
}
