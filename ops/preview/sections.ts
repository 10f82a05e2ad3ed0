import type { Finding as LintFinding } from "../lint/finding.ts";
import { passes } from "../lint/finding.ts";
import { ADOPT_KEY } from "../../infra/adoption/existing.ts";
import { findObstacles, type Obstacle } from "./adoption.ts";
import { type CostChange, costs, type Estimate } from "./cost.ts";
import { changedImages, type ImageChange } from "./images.ts";
import { type Noticed, noticed } from "./effects.ts";
import { ALLOW_KEY, allowedEntries, type Loss } from "./guard.ts";
import type { LaterSetting } from "./later.ts";
import { componentOf, diagram } from "./mermaid.ts";
import { isSchema, type MigrationStep, removesOnlyRecord } from "./migrations.ts";
import { type Change, type Drift, type Finding, type Op, OPS, order, type PropertyChange } from "./model.ts";
import { isBlocked, type Report } from "./report.ts";
import type { Item, Style } from "./style.ts";
import { typeName } from "../engine/resource-types.ts";

/** How many findings, problems or losses are listed; the rest is counted. */
const MOST_LISTED = 20;

/** How many properties of a resource are listed. */
const MOST_PROPERTIES = 10;

/** A part of a preview. */
export interface Section {
  readonly text: string;
  /** What is named instead if there is no room for the text; a section without it is always shown. */
  readonly what?: string;
}

/** The parts of a preview, most important first. */
export class Sections {
  private readonly report: Report;
  private readonly style: Style;
  /** How many rows a table has at most. */
  private readonly rows: number;

  constructor(report: Report, style: Style, rows = Infinity) {
    this.report = report;
    this.style = style;
    this.rows = rows;
  }

  /** The first line: whether the stack can be updated, and what changes. */
  head(): string {
    return this.style.verdict(this.verdict(), isBlocked(this.report), this.report.stack);
  }

  /** Everything after the first line, except {@link details}. */
  main(): Section[] {
    const sections = [
      ...[
        this.images(),
        this.origin(),
        this.offline(),
        this.findings("Blocked by policy", true),
        this.obstructed(),
        this.losing(),
      ],
      ...[
        this.linted(),
        this.problems(),
        this.noticed(),
        this.outside(),
        this.disabled(),
        this.drifted(),
        this.driftedSchema(),
        this.stale(),
        this.changes(),
      ],
      ...[this.created(), this.migrations(), this.held(), this.postponed(), this.costs(), this.advised()],
      this.findings("Advice", false),
    ];
    return sections.filter((section) => section !== undefined);
  }

  /**
   * The properties and the SQL.
   * @param ops The operations whose properties are shown.
   */
  details(ops: readonly Op[]): Section[] {
    const properties = ops.flatMap((op) => this.properties(op) ?? []);
    return [...properties, ...this.report.migrations.flatMap((step) => this.sql(step) ?? [])];
  }

  /** The diagram, if there is one. */
  drawing(): Section[] {
    const { dependencies, preview } = this.report;
    const drawing = preview.changes.length === 0 ? undefined : diagram(preview.changes, dependencies);
    if (drawing === undefined) return [];
    const { fence, folded } = this.style;
    return [{ what: "the diagram", text: folded("Diagram", fence("mermaid", drawing.split("\n"))) }];
  }

  private verdict(): string {
    const { losses, migrations, preview, snapshot, stack } = this.report;
    const changes = counts(preview.changes);
    const late = migrations.filter(({ outOfOrder }) => outOfOrder).length;
    const outOfOrder = late === 0 ? "" : ` (${late} out of order)`;
    const pending = migrations.length === 0 ? "" : `, ${count(migrations.length, "migration")} pending${outOfOrder}`;
    const unchanged = preview.unchanged === 0 ? "" : `, ${preview.unchanged} unchanged`;
    if (!isBlocked(this.report)) {
      if (preview.changes.length === 0) {
        const since = snapshot ? ` since ${this.which(snapshot)}` : "";
        return `${stack} is unchanged${since}: ${count(preview.unchanged, "resource")}.`;
      }
      return `${stack} can be updated: ${changes}${unchanged}${pending}.`;
    }
    const violations = preview.findings.filter(({ mandatory }) => mandatory).length;
    const blocked = losses.filter(({ allowed }) => !allowed).length;
    const obstacles = findObstacles(preview).length;
    const reasons = [
      ...(obstacles > 0 ? [`${count(obstacles, "import")} that would change existing resources`] : []),
      ...(violations > 0 ? [count(violations, "policy violation")] : []),
      ...(blocked > 0 ? [`${count(blocked, "change")} that would lose data`] : []),
      ...(passes(this.report.lint) ? [] : [count(this.lintErrors().length, "mistake") + " in migrations"]),
      ...(preview.problems.length > 0 ? [count(preview.problems.length, "error")] : []),
    ];
    return `${stack} is blocked by ${reasons.join(", ")}: ${changes || "nothing to change"}${unchanged}${pending}.`;
  }

  private which({ age, commit, time }: NonNullable<Report["snapshot"]>): string {
    return `the snapshot of ${this.style.code(commit.slice(0, 12))}, ${age} old (${time})`;
  }

  /** A section with a title. */
  private titled(title: string, ...parts: string[]): Section {
    return { text: [this.style.paragraph(this.style.strong(title)), ...parts].join("\n\n") };
  }

  private paragraph(text: string): Section {
    return { text: this.style.paragraph(text) };
  }

  /** The tags or digests that change. */
  private images(): Section | undefined {
    const { code, strong } = this.style;
    const line = ({ after, before, name }: ImageChange) => {
      const [from = before, to = after] = versions(before, after);
      return `${strong("Image")} of ${code(name)}: ${code(from)} → ${code(to)}`;
    };
    const images = changedImages(this.report.preview.changes);
    return images.length === 0
      ? undefined
      : { text: images.map((one) => this.style.paragraph(line(one))).join("\n\n") };
  }

  /** The commit, the run, its time, and what to do next. */
  private origin(): Section | undefined {
    const { offline, origin, preview, refreshed, snapshot, stack } = this.report;
    const { code, link } = this.style;
    if (!origin) return undefined;
    const { pull, run } = origin;
    const from = run && `Commit ${code(run.commit.slice(0, 12))}, ${link("run", run.url)} of ${run.time}.`;
    const command = code(`npm run up -- --stack ${stack}${refreshed ? " --refresh" : ""}`);
    const next = isBlocked(this.report)
      ? `Next: correct what blocks the update${pull ? ", then push" : ""}.`
      : preview.changes.length === 0 || (offline && !snapshot && !pull)
        ? undefined
        : pull
          ? `Next: merge; the pipeline then updates ${stack}.`
          : `Next: ${command}`;
    const sentences = [from, next].filter((sentence) => sentence !== undefined);
    return sentences.length === 0 ? undefined : this.paragraph(sentences.join(" "));
  }

  private offline(): Section | undefined {
    const { offline, preview, refreshed, snapshot, stack } = this.report;
    const { code } = this.style;
    if (!offline) return undefined;
    if (snapshot && refreshed) {
      return this.paragraph(
        `Compared with ${this.which(snapshot)} and the cloud's current state, except the contents of secrets.`,
      );
    }
    if (snapshot) {
      // The verdict of an unchanged stack names the snapshot.
      if (preview.changes.length === 0 && !isBlocked(this.report)) return undefined;
      return this.paragraph(`Compared with ${this.which(snapshot)}, without credentials: later changes do not show.`);
    }
    return this.paragraph(
      `Compared with an empty state, without credentials: every resource shows as new, even if it is deployed. ` +
        `For the actual changes run ${code(`npm run preview -- --stack ${stack}`)} with credentials.` +
        (ADOPT_KEY in preview.config
          ? ` This stack adopts existing resources: only that preview shows its imports, and whether they would change anything.`
          : ""),
    );
  }

  /** Imports that would change the resource. */
  private obstructed(): Section | undefined {
    const obstacles = findObstacles(this.report.preview);
    if (obstacles.length === 0) return undefined;
    const { code, list, paragraph } = this.style;
    const line = ({ change, paths }: Obstacle) =>
      `${code(change.name)} (${typeName(change.type)}) would be ${change.op === "replace" ? "replaced" : "changed"}; differing properties: ${paths.slice(0, MOST_PROPERTIES).map(code).join(", ")}`;
    const advice = "Configure these properties as they are, import the resources, and change them in a later update.";
    return this.titled(
      "Imports that would change existing resources",
      list(some(obstacles.map(line))),
      paragraph(advice),
    );
  }

  private lintErrors(): LintFinding[] {
    return this.report.lint.filter(({ level }) => level === "error");
  }

  private linted(): Section | undefined {
    const errors = this.lintErrors();
    if (errors.length === 0) return undefined;
    return this.titled("Mistakes in migrations", this.style.list(some(errors.map((one) => this.lintLine(one)))));
  }

  private lintLine({ file, line, problem, remedy, rule }: LintFinding): string {
    const { code, prose } = this.style;
    return `${code(`${file}:${line}`)} (${rule}): ${prose(problem)} ${prose(remedy)}`;
  }

  /** Advice on the pending files; that on applied ones, which may not be edited, is for `migration -- lint`. */
  private advised(): Section | undefined {
    const { lint, migrations } = this.report;
    const pending = migrations.filter(({ direction }) => direction === "up").map(({ file }) => `migrations/${file}`);
    const advice = lint.filter(({ file, level }) => level === "advice" && pending.includes(file));
    if (advice.length === 0) return undefined;
    const lines = this.style.list(some(advice.map((one) => this.lintLine(one))));
    return { ...this.titled("Advice on migrations", lines), what: "advice on migrations" };
  }

  private findings(title: string, mandatory: boolean): Section | undefined {
    const { code, list, prose } = this.style;
    const findings = this.report.preview.findings.filter((finding) => finding.mandatory === mandatory);
    const line = ({ policy, resource, message }: Finding) =>
      `${code(policy)}${resource === "" ? "" : ` on ${code(resource)}`}: ${prose(message)}`;
    return findings.length === 0 ? undefined : this.titled(title, list(some(findings.map(line))));
  }

  private losing(): Section | undefined {
    const { losses, preview, stack } = this.report;
    const { code, fence, list, paragraph, prose } = this.style;
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
      return `${code(change.name)} (${typeName(change.type)}) ${loseVerb(change)}; this loses ${prose(what)}.${why}`;
    };
    const blocked = losses.filter(({ allowed }) => !allowed);
    const parts = [list(some(losses.map(line)))];
    if (blocked.length > 0) {
      const where = `${code(`Pulumi.${stack}.yaml`)}, below ${code("config:")}`;
      parts.push(
        paragraph(
          `The update is blocked. If the loss is intended, add to ${where}, these entries, which allow no later changes:`,
        ),
        fence("yaml", [`  ${ALLOW_KEY}:`, ...blocked.slice(0, MOST_LISTED).map(({ entry }) => `    - ${entry}`)]),
      );
    }
    return this.titled("Data that would be lost", ...parts);
  }

  /** What was changed outside the stack, without a refresh. */
  private outside(): Section | undefined {
    const { outside, stack } = this.report;
    const { code, list, paragraph, prose } = this.style;
    const unknown = outside.flatMap((one) =>
      "unknown" in one
        ? [paragraph(`Whether ${code(one.name)} was changed manually is unknown: ${prose(one.unknown)}.`)]
        : [],
    );
    const changed = outside.flatMap((one) => ("unknown" in one ? [] : [one]));
    if (changed.length === 0) return unknown.length === 0 ? undefined : { text: unknown.join("\n\n") };
    const command = code(`npm run up -- --stack ${stack} --refresh`);
    const [undone, left] = [changed.some((one) => one.undone), changed.some((one) => !one.undone)];
    const sentences = [
      ...(undone ? ["This update puts it back to what the program declares; to keep it, change that first."] : []),
      ...(left ? [`This update leaves it; to undo it, run ${command}. The next change of the resource drops it.`] : []),
    ];
    const items = changed.map(({ drift }) => this.drift(drift));
    const title = "Changed manually since the last update";
    return this.titled(title, list(some(items)), paragraph(sentences.join(" ")), ...unknown);
  }

  /** The APIs that a refresh must enable first. */
  private disabled(): Section | undefined {
    const { disabled } = this.report;
    if (disabled.length === 0) return undefined;
    const { code, list, paragraph } = this.style;
    const advice =
      "Google answers no question about their resources. The update enables them first, and then reads the rest.";
    return this.titled("Disabled APIs", list(some(disabled.map(({ host }) => code(host)))), paragraph(advice));
  }

  /** What users and clients notice. */
  private noticed(): Section | undefined {
    const { code, list, strong } = this.style;
    const effects = noticed(this.report.preview.changes);
    const line = ({ change, effect, paths }: Noticed) => {
      const cause = paths.length === 0 ? "" : ` (${some(paths.map(code)).join(", ")})`;
      return `${code(change.name)}: ${strong(effect)}${cause}`;
    };
    return effects.length === 0 ? undefined : this.titled("What users notice", list(some(effects.map(line))));
  }

  /** Changes made outside the stack, by resource. */
  private drifted(): Section | undefined {
    const { preview, refreshed, stack } = this.report;
    const { code, list, paragraph } = this.style;
    if (!refreshed || preview.problems.length > 0) return undefined;
    const { drift } = preview;
    if (drift.length === 0) return this.paragraph("Nothing was changed manually since the last update.");
    const items = drift.map((one) => this.drift(one));
    const command = code(`npm run up -- --stack ${stack} --refresh`);
    const advice = `To undo this, run ${command}, which makes the changes below; to keep it, change the configuration or the program.`;
    return this.titled("Changed manually since the last update", list(some(items)), paragraph(advice));
  }

  private drift({ gone, name, properties, type }: Drift): Item {
    const rest = properties.length - MOST_PROPERTIES;
    const below = properties.slice(0, MOST_PROPERTIES).map((property) => this.brief(property));
    return {
      text: `${this.style.code(name)} (${typeName(type)})${gone ? " was deleted" : ""}`,
      below: [...below, ...(rest > 0 ? [`and ${rest} more`] : [])],
    };
  }

  private driftedSchema(): Section | undefined {
    const { schema } = this.report;
    const { list, paragraph, prose } = this.style;
    if (!schema) return undefined;
    if ("why" in schema) return this.paragraph(prose(schema.why));
    const { differences, source } = schema;
    if (differences.length === 0) return this.paragraph(`No difference of the schema was found. ${prose(source)}`);
    const advice = `To undo this, change the database; to keep it, write a version that makes it. ${prose(source)}`;
    return this.titled("Schema changed manually", list(some(differences.map(prose))), paragraph(advice));
  }

  /** Entries of the configuration that allow changes this update does not make. */
  private stale(): Section | undefined {
    const { losses, offline, preview } = this.report;
    const { code } = this.style;
    if (offline || preview.problems.length > 0) return undefined;
    const used = losses.map(({ entry }) => entry);
    const unused = allowedEntries(preview.config).filter((entry) => !used.includes(String(entry)));
    if (unused.length === 0) return undefined;
    const names = unused.slice(0, MOST_LISTED).map((entry) => code(String(entry)));
    return this.paragraph(
      `${code(ALLOW_KEY)} has entries that this update does not need: ${names.join(", ")}. Remove them.`,
    );
  }

  private problems(): Section | undefined {
    const { problems } = this.report.preview;
    if (problems.length === 0) return undefined;
    const { list, prose } = this.style;
    return this.titled("The preview could not be finished", list(some(problems.map(prose))));
  }

  /** What changes, except what is created. */
  private changes(): Section | undefined {
    const { code, table } = this.style;
    const changes = this.report.preview.changes.filter(({ op }) => op !== "create");
    if (changes.length === 0) return undefined;
    const row = (change: Change) => [
      change.op,
      code(change.name),
      typeName(change.type),
      this.changedProperties(change),
    ];
    const rest = changes.length - this.rows;
    const rows = changes.slice(0, this.rows).map(row);
    const more = rest > 0 ? [["", `and ${rest} more`, "", ""]] : [];
    return { text: table(["", "resource", "type", "what changes"], [...rows, ...more]) };
  }

  /** What is created, by component. */
  private created(): Section | undefined {
    const { code, list } = this.style;
    const created = this.report.preview.changes.filter(({ op }) => op === "create");
    if (created.length === 0) return undefined;
    const shown = created.slice(0, this.rows);
    const groups = new Map<string, Change[]>();
    for (const change of shown) {
      const component = componentOf(change) ?? "";
      groups.set(component, [...(groups.get(component) ?? []), change]);
    }
    const items = [...groups]
      .sort(([a], [b]) => order(a, b))
      .flatMap(([component, changes]): Item[] => {
        const lines = changes.map(({ name, type }) => `${code(name)} (${typeName(type)})`);
        return component === "" ? lines : [{ text: component, below: lines }];
      });
    const rest = created.length - shown.length;
    return this.titled("Created", list([...items, ...(rest > 0 ? [`and ${rest} more`] : [])]));
  }

  private changedProperties(change: Change): string {
    const { code } = this.style;
    const { forcedBy, kept, op } = change;
    const properties = shown(change);
    if (op === "forget") return "leaves the stack, stays in the cloud";
    if (op === "delete") return "";
    const paths = properties.slice(0, 5).map((property) => this.brief(property));
    const rest = properties.length - paths.length;
    const notes = [
      [...paths, ...(rest > 0 ? [`and ${rest} more`] : [])].join(", "),
      forcedBy.length > 0 ? `forced by ${forcedBy.slice(0, 5).map(code).join(", ")}` : "",
      op === "replace" && kept ? "the old one is kept" : "",
    ];
    return notes.filter(Boolean).join("; ");
  }

  private postponed(): Section | undefined {
    const { later, stack } = this.report;
    const { code, list, paragraph, strong } = this.style;
    if (later.length === 0) return undefined;
    const line = ({ effect, ...property }: LaterSetting) =>
      `${this.brief(property)}${effect === undefined ? "" : `: ${strong(effect)}`}`;
    const when = `The first update without ${code(ADOPT_KEY)} in ${code(`Pulumi.${stack}.yaml`)} makes these changes.`;
    return {
      ...this.titled("Settings of the instance that change later", list(later.map(line)), paragraph(when)),
      what: "the settings of the instance that change later",
    };
  }

  /** What the changes cost, by the table of list prices. */
  private costs(): Section | undefined {
    const { code, list, paragraph } = this.style;
    const changes = costs(this.report.preview.changes);
    if (changes.length === 0) return undefined;
    const amount = (estimate: Estimate | undefined) =>
      estimate === undefined
        ? "none"
        : "notEstimated" in estimate
          ? `not estimated, because ${estimate.notEstimated}`
          : `$${estimate.monthly.toFixed(2)}`;
    const line = ({ after, before, change }: CostChange) =>
      `${code(change.name)}: ${amount(before)} → ${amount(after)}`;
    const estimates = changes.flatMap(({ after, before }) => [after, before]);
    const prices = estimates.flatMap((one) => (one && "prices" in one ? one.prices : []));
    const dates = prices.map(({ date }) => date).sort(order);
    const regions = [...new Set(prices.map(({ region }) => region))].join(", ");
    const sources = [...new Set(prices.map(({ source }) => source))].sort(order).join(", ");
    const note =
      prices.length === 0
        ? []
        : [
            paragraph(
              `An estimate from list prices of ${regions}, the oldest of ${dates[0] ?? ""} (${sources}): no discounts, requests, backups or traffic.`,
            ),
          ];
    return {
      ...this.titled("Estimated cost a month", list(changes.map(line)), ...note),
      what: "the estimated cost",
    };
  }

  private migrations(): Section | undefined {
    const { migrations } = this.report;
    const { code, table } = this.style;
    if (migrations.length === 0) return undefined;
    const row = (step: MigrationStep) => [action(step), step.version === "" ? "" : code(step.version), code(step.file)];
    const rest = migrations.length - this.rows;
    const rows = migrations.slice(0, this.rows).map(row);
    return {
      text: table(["", "version", "migration"], [...rows, ...(rest > 0 ? [["", "", `and ${rest} more`]] : [])]),
    };
  }

  private held(): Section | undefined {
    const { held, stack } = this.report;
    const { code, strong } = this.style;
    if (!held) return undefined;
    const files = some(held.files.map(code)).join(", ");
    const why = `${code("settlement:schema.version")} in ${code(`Pulumi.${stack}.yaml`)} is ${code(held.version)}`;
    return this.paragraph(`${strong("Held back")}: ${files}, because ${why}. Remove it to apply them.`);
  }

  /** A property, with its values if they are short. */
  private brief({ after = "none", before = "none", path }: PropertyChange): string {
    const { code } = this.style;
    if (path.endsWith(".image")) {
      const [was, is] = [before, after].map((image) => image.replaceAll('"', ""));
      const [from = was, to = is] = versions(was ?? "", is ?? "");
      return `${code(path)} ${code(from ?? "")} → ${code(to ?? "")}`;
    }
    const short = before !== after && before.length <= 40 && after.length <= 40;
    return short ? `${code(path)} ${code(before)} → ${code(after)}` : code(path);
  }

  private properties(op: Op): Section | undefined {
    const { fence, folded } = this.style;
    const group = this.report.preview.changes.filter((change) => change.op === op && change.properties.length > 0);
    if (group.length === 0) return undefined;
    const past = PAST[op];
    return {
      what: `the properties of ${past} resources`,
      text: folded(`Properties: ${past}`, fence("diff", group.flatMap(diff))),
    };
  }

  private sql({ direction, file, sql }: MigrationStep): Section | undefined {
    const { code, fence, folded } = this.style;
    if (sql === undefined) return undefined;
    const text = folded(`SQL: ${file}, ${direction}`, fence("sql", sql.split("\n")));
    return { what: `the SQL of ${code(file)}`, text };
  }
}

/**
 * The tags or digests of two images of one repository; empty for images of two.
 * @returns A digest with its first twelve digits.
 */
function versions(before: string, after: string): readonly string[] {
  const [from, to] = [before, after].map((image) => /^(.*?)[:@]((?:sha256:)?[\w.-]+)$/.exec(image));
  if (!from || !to || from[1] !== to[1]) return [];
  return [from, to].map(([, , version = ""]) => version.replace(/^(sha256:[0-9a-f]{12}).*/, "$1"));
}

const PAST: Readonly<Record<Op, string>> = {
  delete: "deleted",
  replace: "replaced",
  forget: "forgotten",
  update: "updated",
  import: "imported",
  create: "created",
};

/** The first items, and how many more there are. */
function some<T>(items: readonly T[]): (T | string)[] {
  const rest = items.length - MOST_LISTED;
  return [...items.slice(0, MOST_LISTED), ...(rest > 0 ? [`and ${rest} more`] : [])];
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

function loseVerb({ after, op }: Change): string {
  if (op === "create") return `replaces the audit configuration of ${String(after.service)} that exists`;
  return op === "replace" ? "is replaced" : op === "delete" ? "is deleted" : "is rolled back";
}

/** The properties to show; a schema's migrations have their own table. */
function shown(change: Change): readonly PropertyChange[] {
  const listed = ({ path }: PropertyChange) => path.startsWith("migrations[") || path.startsWith("repeatables[");
  return isSchema(change) ? change.properties.filter((property) => !listed(property)) : change.properties;
}

/** What an update does with a migration. */
function action(step: MigrationStep): string {
  const { again, direction, outOfOrder } = step;
  if (direction === "up") return `apply${again ? " again" : ""}${outOfOrder ? ", out of order" : ""}`;
  return removesOnlyRecord(step) ? "roll back: removes only its record, the down script is empty" : "roll back";
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
