/** `error` fails the lint, `advice` does not, `off` is not reported. */
export type Level = "error" | "advice" | "off";

/** Every rule of lint, with what it requires and its level; `squawk/…` stands for the rules of squawk not named here. */
export const CATALOG = {
  name: { level: "error", requires: "a name of version and lower case words, with a valid time" },
  encoding: { level: "error", requires: "UTF-8 without a byte order mark" },
  "line-endings": { level: "error", requires: "line feeds only, because a checksum would differ between machines" },
  directions: {
    level: "error",
    requires: "`-- migrate:up` and `-- migrate:down`, each with SQL; see `downFrom` below",
  },
  order: { level: "error", requires: "a version that no other file has, newer than all on the main branch" },
  applied: { level: "error", requires: "unchanged files of the main branch" },
  history: { level: "advice", requires: "a git history with the main branch" },
  syntax: { level: "error", requires: "SQL that PostgreSQL can read" },
  psql: { level: "error", requires: "no command of psql" },
  copy: { level: "error", requires: "of COPY, only `COPY table (columns) FROM stdin;` with its rows" },
  "select-into": { level: "error", requires: "`CREATE TABLE … AS`, because an import cannot run `SELECT INTO`" },
  transaction: { level: "error", requires: "no `BEGIN`, `COMMIT` or `ROLLBACK`" },
  "outside-transaction": { level: "error", requires: "the job for statements that cannot run in a transaction" },
  "one-statement": { level: "error", requires: "a single statement in a direction without transaction" },
  owner: { level: "error", requires: "`settlement_owner` as the owner of everything" },
  role: { level: "advice", requires: "`settlement_owner` as the role of the session" },
  declared: { level: "error", requires: "extensions and schemas that every stack file declares, with `IF NOT EXISTS`" },
  versions: { level: "error", requires: "no change of `schema_migrations`, which the import writes" },
  "enum-value": { level: "error", requires: "another file for the first use of a new enum value" },
  replay: { level: "error", requires: "files that can be applied and rolled back; `migration -- lint` tries it" },
  adoption: { level: "error", requires: "no names with a schema in the files up to a baseline" },
  contract: { level: "error", requires: "`-- contract: REASON` above a statement that may break the running revision" },
  destructive: { level: "error", requires: "`-- destructive: REASON` above a statement that deletes data" },
  locks: { level: "error", requires: "`-- locks: REASON` above a statement that blocks the service" },
  "lock-timeout": { level: "advice", requires: "a `lock_timeout`; an import begins with 10 seconds" },
  dynamic: { level: "advice", requires: "a look at statements that a `DO` block builds at run time" },
  "squawk/adding-field-with-default": { level: "error", requires: "no default that rewrites the table" },
  "squawk/adding-foreign-key-constraint": { level: "error", requires: "`NOT VALID`, then `VALIDATE` in another file" },
  "squawk/adding-not-nullable-field": { level: "error", requires: "no scan of the table under a lock" },
  "squawk/adding-serial-primary-key-field": { level: "error", requires: "an index built by the job" },
  "squawk/ban-alter-domain-with-add-constraint": { level: "error", requires: "no scan of the tables under a lock" },
  "squawk/changing-column-type": { level: "error", requires: "no rewrite of the table under a lock" },
  "squawk/constraint-missing-not-valid": { level: "error", requires: "`NOT VALID`, then `VALIDATE` in another file" },
  "squawk/disallowed-unique-constraint": { level: "error", requires: "an index built by the job" },
  "squawk/require-concurrent-index-creation": { level: "error", requires: "an index built by the job" },
  "squawk/require-concurrent-index-deletion": { level: "error", requires: "an index dropped by the job" },
  "squawk/require-concurrent-partition-detach": { level: "error", requires: "a partition detached by the job" },
  "squawk/…": { level: "advice", requires: "[squawk](https://squawkhq.com/docs/rules)'s advice on style" },
} as const satisfies Readonly<Record<string, { readonly level: Level; readonly requires: string }>>;

/** The name of a rule; squawk's begin with `squawk/`. */
export type RuleName = keyof typeof CATALOG | `squawk/${string}`;

/** Whether there is a rule of this name; any of squawk's may exist. */
export function isRule(name: string): name is RuleName {
  return Object.hasOwn(CATALOG, name) || name.startsWith("squawk/");
}

/** A rule's level. @param levels The repository's own levels, by rule. */
export function levelOf(rule: RuleName, levels: Readonly<Record<string, Level>>): Level {
  return (
    levels[rule] ?? (Object.hasOwn(CATALOG, rule) ? CATALOG[rule as keyof typeof CATALOG] : CATALOG["squawk/…"]).level
  );
}
