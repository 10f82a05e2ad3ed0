import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { allRun, Ran, recordedRuns } from "../../e2e/printed.ts";

const ROOT = join(import.meta.dirname, "../../..");
const CODE = [...globSync("ops/doctor/**/*.ts", { cwd: ROOT }), "ops/google/images.ts"]
  .map((file) => readFileSync(join(ROOT, file), "utf8"))
  .join("\n");
const runs = Object.entries(recordedRuns());
const commands = allRun().join("\n");

test("every option that the doctor may print is in a command that a test runs", () => {
  const options = [...CODE.matchAll(/["` ](--[a-z][\w-]*)[="` ]/g)].map(([, option = ""]) => option);
  // These are of commands that a message or a comment names, and of gcloud in general.
  const others = ["--json", "--keep", "--project", "--unix-socket"];
  expect(options.length).toBeGreaterThan(30);
  expect(options.filter((option) => !others.includes(option) && !commands.includes(` ${option}`))).toEqual([]);
});

test("every gcloud command that the doctor may print is one that a test runs", () => {
  const calls = [...CODE.matchAll(/\bgcloud\(\s*(?:\.\.\.\[)?((?:"[a-z][\w-]*",\s*)+)/g)];
  const printed = calls.map(([, words = ""]) =>
    [...words.matchAll(/"([\w-]+)"/g)]
      .map(([, word]) => word)
      .join(" ")
      .replace(/ latest$/, ""),
  );
  expect(printed.length).toBeGreaterThan(25);
  expect(printed.filter((words) => !new RegExp(`gcloud (beta )?${words}\\b`).test(commands))).toEqual([]);
});

test("a printed line that the long form did not run for its fault fails, whatever differs", () => {
  const fix = "gcloud sql instances patch fusion-prime-db-a504713e --activation-policy=ALWAYS --project=fusion-prime";
  const requires = (fault: string, printed: string, check = "instance") => {
    const row = { check, title: "Instance", verdict: "finding", found: "was stopped", fix: printed } as const;
    return () => {
      new Ran("doctor.test.ts").requireRecorded(fault, row);
    };
  };
  expect(requires("a stopped instance", fix)).not.toThrow();
  expect(requires("a stopped instance", fix.replace("ALWAYS", "NEVER"))).toThrow("NEVER");
  expect(requires("a stopped instance", fix, "disk")).toThrow("disk");
  expect(requires("a disabled API", fix)).toThrow("a disabled API");
});

test("every fault of the record is one of its test", () => {
  const lost = runs.flatMap(([file, faults]) => {
    const text = readFileSync(join(ROOT, "test/e2e", file), "utf8");
    return Object.keys(faults).filter((fault) => !text.includes(`"${fault}"`));
  });
  expect(lost).toEqual([]);
});
