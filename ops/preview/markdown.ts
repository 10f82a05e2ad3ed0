import { type Finding as LintFinding, passes } from "../lint/finding.ts";
import { ADOPT_KEY } from "../../infra/adoption/existing.ts";
import { findObstacles, type Obstacle } from "./adoption.ts";
import { code, fence, prose } from "./escape.ts";
import { ALLOW_KEY, allowedEntries, type Loss } from "./guard.ts";
import type { SchemaDrift } from "../migration/drift.ts";
import type { LaterSetting } from "./later.ts";
import { type Dependencies, diagram } from "./mermaid.ts";
import { type HeldBack, isSchema, type MigrationStep, removesOnlyRecord } from "./migrations.ts";
import { type Change, type Drift, type Finding, type Op, OPS, type Preview, type PropertyChange } from "./model.ts";
import { typeName } from "../engine/resource-types.ts";

/** The content of a comment. */
export interface Report {
  /** The stack's name. */
  readonly stack: string;
  /** Whether the state is a snapshot or empty, not the stack's own. */
  readonly offline: boolean;
  /** The snapshot's commit, time and age. */
  readonly snapshot?: { readonly commit: string; readonly time: string; readonly age: string } | undefined;
  /** Whether the state was refreshed from the cloud. */
  readonly refreshed: boolean;
  /** How the live schema differs from what the applied versions make, or why it was not compared; undefined if not asked. */
  readonly schema?: SchemaDrift | NotCompared | undefined;
  readonly preview: Preview;
  readonly losses: readonly Loss[];
  readonly migrations: readonly MigrationStep[];
  /** The migrations that the configuration leaves out. */
  readonly held?: HeldBack | undefined;
  /** Lint findings in the migration files; empty if none is pending. */
  readonly lint: readonly LintFinding[];
  /** The settings that change after adoption. */
  readonly later: readonly LaterSetting[];
  readonly dependencies: Dependencies;
}

/** A schema that could not be compared. */
export interface NotCompared {
  /** A sentence. */
  readonly why: string;
}

/** Maximum size in bytes; GitHub accepts comments of up to 65,536 characters, which is never fewer bytes. */
export const LIMIT = 65_535;

/** How many findings, problems or losses are listed; the rest is counted. */
const MOST_LISTED = 20;

/** How many properties of a resource are listed. */
const MOST_PROPERTIES = 10;

/** The line that identifies a stack's comment, so that later pushes edit it. */
export function marker(stack: string): string {
  return `<!-- settlement preview: ${stack} -->`;
}

/** Whether the update is blocked. */
export function isBlocked({ lint, losses, preview }: Report): boolean {
  return (
    preview.problems.length > 0 ||
    !passes(lint) ||
    preview.findings.some(({ mandatory }) => mandatory) ||
    findObstacles(preview).length > 0 ||
    losses.some(({ allowed }) => !allowed)
  );
}

/** A paragraph of the comment, with a short form in case the comment is too long, and the name of what that omits. */
interface Section {
  readonly text: string;
  readonly short?: { readonly what: string; readonly text: string };
}

/**
 * Renders the pull request comment, at most {@link LIMIT} bytes and identical for the same report: details are omitted
 * first, from the end, and the comment says what is missing.
 */
export function render(report: Report): string {
  const head = `### ${verdict(report)} ${marker(report.stack)}`;
  for (const rows of [Infinity, 200, 50, 10]) {
    const sections = [
      ...[
        offline(report),
        findingList("Blocked by policy", report, true),
        obstructed(report),
        losing(report),
        linted(report),
        problems(report),
      ],
      ...[
        drifted(report),
        driftedSchema(report),
        stale(report),
        changeTable(report, rows),
        migrationTable(report, rows),
        held(report),
        postponed(report),
      ],
      advised(report),
      findingList("Advice", report, false),
      ...details(report),
    ].filter((section) => section !== undefined);
    for (let cut = 0; cut <= sections.length; cut++) {
      const text = [head, ...shortened(sections, cut)].join("\n\n") + "\n";
      if (Buffer.byteLength(text) <= LIMIT) return text;
    }
  }
  return `${head}\n\nThe rest is too long for a comment.\n`;
}

/** The sections, the last ones shortened, and a sentence that says what is missing. */
function shortened(sections: readonly Section[], cut: number): string[] {
  const from = sections.length - cut;
  const texts = sections.map(({ text, short }, index) => (index >= from && short ? short.text : text));
  const missing = sections.slice(from).flatMap(({ short }) => short?.what ?? []);
  const note = missing.length === 0 ? "" : `Omitted because of GitHub's size limit: ${missing.join(", ")}.`;
  return [...texts, note].filter(Boolean);
}

function verdict(report: Report): string {
  const { losses, migrations, preview, stack } = report;
  const changes = counts(preview.changes);
  const late = migrations.filter(({ outOfOrder }) => outOfOrder).length;
  const order = late === 0 ? "" : ` (${late} out of order)`;
  const pending = migrations.length === 0 ? "" : `, ${count(migrations.length, "migration")} pending${order}`;
  const unchanged = preview.unchanged === 0 ? "" : `, ${preview.unchanged} unchanged`;
  if (!isBlocked(report)) {
    if (preview.changes.length === 0) {
      const since = report.snapshot ? ` since ${which(report.snapshot)}` : "";
      return `✅ ${stack} is unchanged${since}: ${count(preview.unchanged, "resource")}.`;
    }
    return `✅ ${stack} can be updated: ${changes}${unchanged}${pending}.`;
  }
  const violations = preview.findings.filter(({ mandatory }) => mandatory).length;
  const blocked = losses.filter(({ allowed }) => !allowed).length;
  const obstacles = findObstacles(preview).length;
  const reasons = [
    ...(obstacles > 0 ? [`${count(obstacles, "import")} that would change existing resources`] : []),
    ...(violations > 0 ? [count(violations, "policy violation")] : []),
    ...(blocked > 0 ? [`${count(blocked, "change")} that would lose data`] : []),
    ...(passes(report.lint) ? [] : [count(lintErrors(report).length, "mistake") + " in migrations"]),
    ...(preview.problems.length > 0 ? [count(preview.problems.length, "error")] : []),
  ];
  return `⛔ ${stack} is blocked by ${reasons.join(", ")}: ${changes || "nothing to change"}${unchanged}${pending}.`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function counts(changes: readonly Change[]): string {
  return OPS.map((op): [Op, number] => [op, changes.filter((change) => change.op === op).length])
    .filter(([, number]) => number > 0)
    .map(([op, number]) => `${number} to ${op}`)
    .join(", ");
}

function which({ age, commit, time }: NonNullable<Report["snapshot"]>): string {
  return `the snapshot of ${code(commit.slice(0, 12))}, ${age} old (${time})`;
}

function offline(report: Report): Section | undefined {
  const { offline, preview, snapshot, stack } = report;
  if (!offline) return undefined;
  if (snapshot && report.refreshed) {
    return { text: `Compared with ${which(snapshot)} and the cloud's current state, except the contents of secrets.` };
  }
  if (snapshot) {
    // The verdict of an unchanged stack names the snapshot.
    if (preview.changes.length === 0 && !isBlocked(report)) return undefined;
    return { text: `Compared with ${which(snapshot)}, without credentials: later changes do not show.` };
  }
  return {
    text:
      `Compared with an empty state, without credentials: every resource shows as new, even if it is deployed. ` +
      `For the actual changes run ${code(`npm run preview -- --stack ${stack}`)} with credentials.` +
      (ADOPT_KEY in preview.config
        ? ` This stack adopts existing resources: only that preview shows its imports, and whether they would change anything.`
        : ""),
  };
}

/** Imports that would change the resource. */
function obstructed({ preview }: Report): Section | undefined {
  const obstacles = findObstacles(preview);
  if (obstacles.length === 0) return undefined;
  const line = ({ change, paths }: Obstacle) =>
    `- ${code(change.name)} (${typeName(change.type)}) would be ${change.op === "replace" ? "replaced" : "changed"}; differing properties: ${paths.slice(0, MOST_PROPERTIES).map(code).join(", ")}`;
  const advice = "Configure these properties as they are, import the resources, and change them in a later update.";
  return { text: `**Imports that would change existing resources**\n\n${list(obstacles.map(line))}\n\n${advice}` };
}

function lintErrors({ lint }: Report): LintFinding[] {
  return lint.filter(({ level }) => level === "error");
}

function linted(report: Report): Section | undefined {
  const errors = lintErrors(report);
  return errors.length === 0 ? undefined : { text: `**Mistakes in migrations**\n\n${list(errors.map(lintLine))}` };
}

function lintLine({ file, line, problem, remedy, rule }: LintFinding): string {
  return `- ${code(`${file}:${line}`)} (${rule}): ${prose(problem)} ${prose(remedy)}`;
}

/** Advice on the pending files; that on applied ones, which may not be edited, is for `migration -- lint`. */
function advised({ lint, migrations }: Report): Section | undefined {
  const pending = migrations.filter(({ direction }) => direction === "up").map(({ file }) => `migrations/${file}`);
  const advice = lint.filter(({ file, level }) => level === "advice" && pending.includes(file));
  if (advice.length === 0) return undefined;
  const what = "advice on migrations";
  return { text: `**Advice on migrations**\n\n${list(advice.map(lintLine))}`, short: { what, text: "" } };
}

function findingList(title: string, { preview }: Report, mandatory: boolean): Section | undefined {
  const findings = preview.findings.filter((finding) => finding.mandatory === mandatory);
  const line = ({ policy, resource, message }: Finding) =>
    `- ${code(policy)}${resource === "" ? "" : ` on ${code(resource)}`}: ${prose(message)}`;
  return findings.length === 0 ? undefined : { text: `**${title}**\n\n${list(findings.map(line))}` };
}

function list(lines: readonly string[]): string {
  const rest = lines.length - MOST_LISTED;
  return [...lines.slice(0, MOST_LISTED), ...(rest > 0 ? [`- and ${rest} more`] : [])].join("\n");
}

function losing({ losses, preview, stack }: Report): Section | undefined {
  if (losses.length === 0) return undefined;
  const configured = allowedEntries(preview.config);
  const line = ({ allowed, change, entry, what }: Loss) => {
    const why = configured.includes(entry)
      ? " Allowed by the configuration."
      : allowed
        ? " This command intends it."
        : change.op === "create"
          ? ` To keep it, declare it in ${code("infra/alerts.ts")}.`
          : "";
    return `- ${code(change.name)} (${typeName(change.type)}) ${loseVerb(change)}; this loses ${prose(what)}.${why}`;
  };
  const blocked = losses.filter(({ allowed }) => !allowed);
  const lines = [`**Data that would be lost**`, list(losses.map(line))];
  if (blocked.length > 0) {
    lines.push(
      `The update is blocked. If the loss is intended, add to ${code(`Pulumi.${stack}.yaml`)}, below ${code("config:")}, these entries, which allow no later changes:`,
      fence("yaml", [`  ${ALLOW_KEY}:`, ...blocked.slice(0, MOST_LISTED).map(({ entry }) => `    - ${entry}`)]),
    );
  }
  return { text: lines.join("\n\n") };
}

function loseVerb({ after, op }: Change): string {
  if (op === "create") return `replaces the audit configuration of ${String(after.service)} that exists`;
  return op === "replace" ? "is replaced" : op === "delete" ? "is deleted" : "is rolled back";
}

/** Changes made outside the stack, by resource. */
function drifted({ preview, refreshed, stack }: Report): Section | undefined {
  if (!refreshed || preview.problems.length > 0) return undefined;
  const { drift } = preview;
  if (drift.length === 0) return { text: "Nothing was changed manually since the last update." };
  const line = ({ gone, name, properties, type }: Drift) => {
    const rest = properties.length - MOST_PROPERTIES;
    const paths = properties.slice(0, MOST_PROPERTIES).map((property) => `  - ${brief(property)}`);
    return [
      `- ${code(name)} (${typeName(type)})${gone ? " was deleted" : ""}`,
      ...paths,
      ...(rest > 0 ? [`  - and ${rest} more`] : []),
    ].join("\n");
  };
  const command = code(`npm run up -- --stack ${stack} --refresh`);
  const advice = `To undo this, run ${command}, which makes the changes below; to keep it, change the configuration or the program.`;
  return { text: `**Changed manually since the last update**\n\n${list(drift.map(line))}\n\n${advice}` };
}

function driftedSchema({ schema }: Report): Section | undefined {
  if (!schema) return undefined;
  if ("why" in schema) return { text: prose(schema.why) };
  const { differences, source } = schema;
  if (differences.length === 0) return { text: `No difference of the schema was found. ${prose(source)}` };
  const rest = differences.length - MOST_LISTED;
  const lines = differences.slice(0, MOST_LISTED).map((difference) => `- ${prose(difference)}`);
  const advice = `To undo this, change the database; to keep it, write a version that makes it. ${prose(source)}`;
  return {
    text: `**Schema changed manually**\n\n${list(rest > 0 ? [...lines, `- and ${rest} more`] : lines)}\n\n${advice}`,
  };
}

/** Entries of the configuration that allow changes this update does not make. */
function stale({ losses, offline, preview }: Report): Section | undefined {
  if (offline || preview.problems.length > 0) return undefined;
  const used = losses.map(({ entry }) => entry);
  const unused = allowedEntries(preview.config).filter((entry) => !used.includes(String(entry)));
  if (unused.length === 0) return undefined;
  const names = unused.slice(0, MOST_LISTED).map((entry) => code(String(entry)));
  return { text: `${code(ALLOW_KEY)} has entries that this update does not need: ${names.join(", ")}. Remove them.` };
}

function problems({ preview }: Report): Section | undefined {
  if (preview.problems.length === 0) return undefined;
  return {
    text: `**The preview could not be finished**\n\n${list(preview.problems.map((problem) => `- ${prose(problem)}`))}`,
  };
}

function changeTable({ preview }: Report, rows: number): Section | undefined {
  const { changes } = preview;
  if (changes.length === 0) return undefined;
  const row = (change: Change) =>
    `| ${change.op} | ${code(change.name)} | ${typeName(change.type)} | ${changedProperties(change)} |`;
  const rest = changes.length - rows;
  const table = [
    "| | resource | type | what changes |",
    "| --- | --- | --- | --- |",
    ...changes.slice(0, rows).map(row),
  ];
  return { text: [...table, ...(rest > 0 ? [`| | and ${rest} more | | |`] : [])].join("\n") };
}

/** The properties to show; a schema's migrations have their own table. */
function shown(change: Change): readonly PropertyChange[] {
  const listed = ({ path }: PropertyChange) => path.startsWith("migrations[") || path.startsWith("repeatables[");
  return isSchema(change) ? change.properties.filter((property) => !listed(property)) : change.properties;
}

function changedProperties(change: Change): string {
  const { forcedBy, kept, op } = change;
  const properties = shown(change);
  if (op === "create") return "new";
  if (op === "forget") return "leaves the stack, stays in the cloud";
  if (op === "delete") return "";
  const paths = properties.slice(0, 5).map(brief);
  const rest = properties.length - paths.length;
  const notes = [
    [...paths, ...(rest > 0 ? [`and ${rest} more`] : [])].join(", "),
    forcedBy.length > 0 ? `forced by ${forcedBy.slice(0, 5).map(code).join(", ")}` : "",
    op === "replace" && kept ? "the old one is kept" : "",
  ];
  return notes.filter(Boolean).join("; ");
}

function postponed({ later, stack }: Report): Section | undefined {
  if (later.length === 0) return undefined;
  const line = ({ effect, ...property }: LaterSetting) =>
    `- ${brief(property)}${effect === undefined ? "" : `: **${effect}**`}`;
  const when = `The first update without ${code(ADOPT_KEY)} in ${code(`Pulumi.${stack}.yaml`)} makes these changes.`;
  return {
    text: `**Settings of the instance that change later**\n\n${later.map(line).join("\n")}\n\n${when}`,
    short: { what: "the settings of the instance that change later", text: "" },
  };
}

function migrationTable({ migrations }: Report, rows: number): Section | undefined {
  if (migrations.length === 0) return undefined;
  const row = (step: MigrationStep) =>
    `| ${action(step)} | ${step.version === "" ? "" : code(step.version)} | ${code(step.file)} |`;
  const rest = migrations.length - rows;
  const table = ["| | version | migration |", "| --- | --- | --- |", ...migrations.slice(0, rows).map(row)];
  return { text: [...table, ...(rest > 0 ? [`| | | and ${rest} more |`] : [])].join("\n") };
}

/** What an update does with a migration. */
function action(step: MigrationStep): string {
  const { again, direction, outOfOrder } = step;
  if (direction === "up") return `apply${again ? " again" : ""}${outOfOrder ? ", out of order" : ""}`;
  return removesOnlyRecord(step) ? "roll back: removes only its record, the down script is empty" : "roll back";
}

function held({ held: left, stack }: Report): Section | undefined {
  if (!left) return undefined;
  const files = left.files.slice(0, MOST_LISTED).map(code).join(", ");
  const more = left.files.length > MOST_LISTED ? ` and ${left.files.length - MOST_LISTED} more` : "";
  const why = `${code("settlement:schema.version")} in ${code(`Pulumi.${stack}.yaml`)} is ${code(left.version)}`;
  return { text: `**Held back**: ${files}${more}, because ${why}. Remove it to apply them.` };
}

/** A property, with its values if they are short. */
function brief({ after = "none", before = "none", path }: PropertyChange): string {
  const short = before !== after && before.length <= 40 && after.length <= 40;
  return short ? `${code(path)} ${code(before)} → ${code(after)}` : code(path);
}

/** Sections that may be omitted, most important first. */
function details({ dependencies, migrations, preview }: Report): Section[] {
  const { changes } = preview;
  const sections: Section[] = [];
  const add = (what: string, text: string | undefined) => {
    if (text !== undefined) sections.push({ text, short: { what, text: "" } });
  };
  for (const [what, ops] of DETAILS) {
    const group = changes.filter(({ op, properties }) => ops.includes(op) && properties.length > 0);
    if (group.length > 0)
      add(`the properties of ${what} resources`, folded(`Properties: ${what}`, fence("diff", group.flatMap(diff))));
  }
  for (const { direction, file, sql } of migrations) {
    if (sql !== undefined)
      add(`the SQL of ${code(file)}`, folded(`SQL: ${prose(file)}, ${direction}`, fence("sql", sql.split("\n"))));
  }
  const drawing = changes.length === 0 ? undefined : diagram(changes, dependencies);
  if (drawing !== undefined) add("the diagram", folded("Diagram", fence("mermaid", drawing.split("\n"))));
  return sections;
}

const DETAILS: readonly (readonly [string, readonly Op[]])[] = [
  ["replaced", ["replace"]],
  ["updated", ["update"]],
  ["imported", ["import"]],
  ["created", ["create"]],
];

function folded(title: string, text: string): string {
  return `<details><summary>${title}</summary>\n\n${text}\n\n</details>`;
}

/** A resource's properties as lines of a diff. */
function diff(change: Change): string[] {
  return [
    `@@ ${change.name} (${typeName(change.type)}) @@`,
    ...shown(change).flatMap(({ after, before, path }) => [
      ...(before === undefined ? [] : [`- ${path}: ${before}`]),
      ...(after === undefined ? [] : [`+ ${path}: ${after}`]),
    ]),
  ];
}
