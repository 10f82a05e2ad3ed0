import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseConfig } from "../../infra/config.ts";
import { BACKENDS, readStackFile, ROOT } from "../../ops/engine/stack-file.ts";
import { stackValues } from "../../ops/engine/stack-values.ts";

/** The configuration of a stack, defaults included, by the stack file's keys. */
function settings(stack: string): Record<string, string> {
  // Adoption is temporary and documented separately.
  const { project, region, ...own } = parseConfig({ ...stackValues(stack), adopt: undefined });
  return {
    PULUMI_BACKEND_URL: String(BACKENDS[stack]),
    secretsprovider: String(readStackFile(stack).secretsprovider),
    "gcp:project": project,
    "gcp:region": region,
    ...flat("settlement:", own),
  };
}

function flat(path: string, section: object): Record<string, string> {
  const entries = Object.entries(section) as [string, unknown][];
  return Object.assign(
    {},
    ...entries.map(([key, value]) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? flat(`${path}${key}.`, value)
        : { [path + key]: String(value) },
    ),
  ) as Record<string, string>;
}

test("docs/DEPLOYMENT.md lists every difference between staging and prod, and no other", () => {
  const [staging, prod] = [settings("staging"), settings("prod")];
  const keys = [...new Set([...Object.keys(staging), ...Object.keys(prod)])];
  const differences = keys
    .filter((key) => staging[key] !== prod[key])
    .map((key) => [key, staging[key] ?? "none", prod[key] ?? "none"]);
  const document = readFileSync(join(ROOT, "docs", "DEPLOYMENT.md"), "utf8");
  const section = /^## Staging and production$([\s\S]*?)^## /m.exec(document)?.[1] ?? "";
  const rows = [...section.matchAll(/^\| `(.+?)` *\| `(.+?)` *\| `(.+?)` *\|$/gm)];
  const byKey = (a: string[], b: string[]) => String(a[0]).localeCompare(String(b[0]));
  expect(rows.map(([, ...cells]) => cells).sort(byKey)).toEqual(differences.sort(byKey));
});
