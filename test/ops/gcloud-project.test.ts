import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";

/**
 * gcloud's own configuration names the project that somebody used last. So each command names its project: by the option, or by
 * the bucket or project that it is about. In LOCAL_TOOLS.md the settings of `npm start -- --keep` name it.
 */
const NAMES_PROJECT = / --project[= ]| gs:\/\/|^gcloud (auth|projects (describe|\S+-iam-policy-binding)) /;

const files = (folder: string, ending: string) =>
  readdirSync(join(ROOT, folder), { encoding: "utf8", recursive: true })
    .filter((name) => name.endsWith(ending) && !name.startsWith("benchmarks"))
    .map((name) => join(folder, name));

/** The commands in a text's lines, from the word gcloud on. */
function commandsIn(text: string): string[] {
  return text
    .replace(/\s*\\\\?\n\s*/g, " ")
    .split("\n")
    .flatMap((line) => /\bgcloud [a-z].*/.exec(line)?.[0] ?? []);
}

const documents = [...files("docs", ".md").filter((name) => !name.endsWith("LOCAL_TOOLS.md")), "README.md"];

test.each(documents)("gcloud commands in %s name the project", (name) => {
  const text = readFileSync(join(ROOT, name), "utf8");
  const blocks = [...text.matchAll(/^ *```\w+\n([\s\S]*?)\n *```/gm)].flatMap(([, body = ""]) => commandsIn(body));
  // Words alone are the name of a command, such as `gcloud secrets versions enable`; IMAGE names a project.
  const spans = [...text.replace(/^ *```[\s\S]*?```/gm, "").matchAll(/`(gcloud [^`]+)`/g)].flatMap(([, span = ""]) =>
    /^[a-z -]+( IMAGE)?$/.test(span) && !span.includes(" --") ? [] : [span],
  );
  expect([...blocks, ...spans].filter((command) => !NAMES_PROJECT.test(command))).toEqual([]);
});

test("gcloud commands that bootstrap prints name the project", () => {
  const args = ["ops/bootstrap.ts", "--stack", "prod", "--repository", "owner/name", "--dry-run"];
  const printed = commandsIn(execFileSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" }));
  expect(printed.length).toBeGreaterThan(30);
  expect(printed.filter((command) => !NAMES_PROJECT.test(command))).toEqual([]);
});

test("gcloud commands in errors, help and texts of alerts name the project", () => {
  // Facts.gcloud adds the project to the doctor's, and the test above has bootstrap's.
  const sources = ["ops", "infra", "policies"].flatMap((folder) => files(folder, ".ts"));
  const others = sources.filter((name) => !/doctor\/facts|bootstrap\//.test(name));
  const found = others.flatMap((name) => {
    const text = readFileSync(join(ROOT, name), "utf8")
      .replace(/^ *(\/?\*|\/\/).*$/gm, "")
      .replace(/["'`]\s*\+\s*["'`]/g, ""); // parts of one string
    const complete = commandsIn(text).filter((command) => /\$\{| --|[A-Z]{3}/.test(command));
    const built = [...text.matchAll(/command\(\s*"gcloud"[^;]*;/g)].map(String);
    const names = (one: string) => NAMES_PROJECT.test(one.replace("`--project", " --project"));
    return [...complete, ...built].filter((one) => !names(one)).map((one) => [name, one]);
  });
  expect(found).toEqual([]);
});
