import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT } from "../infra/names.ts";
import { configOf } from "./config.ts";
import type { Exception } from "./engine/exceptions.ts";
import { subjects } from "./pack.ts";
import { answeredBy, FINDINGS, PEERS, REPORTED, UNANSWERED } from "./peers.ts";
import type { Policy } from "./engine/policy.ts";

/** The path of the generated document. */
export const DOCUMENT = join(import.meta.dirname, "..", "docs", "POLICIES.md");

const STACKS = ["local", "staging", "prod"] as const;

/** The content of `docs/POLICIES.md`. */
export function documentation(): string {
  return [
    INTRODUCTION,
    ...Object.entries(subjects).flatMap(([subject, policies]) => [
      `### ${subject}`,
      table(POLICY_COLUMNS, policies.map(policyRow)),
    ]),
    SETTINGS,
    table(["setting", "meaning", "default"], Object.values(subjects).flat().flatMap(settingRows)),
    PER_STACK,
    table(["policy", ...STACKS], Object.values(subjects).flat().flatMap(stackRow)),
    EXCEPTIONS,
    PEERS_TITLE,
    table(["check", "requires", "covered by"], peerRows("CKV")),
    REPORTED_TITLE,
    table(["check", "answer"], Object.keys(PEERS).flatMap(reportedRow)),
    CIS_TITLE,
    table(["section", "requires", "covered by"], peerRows("CIS")),
    MEASURED_TITLE,
    table(["subject", "unsafe programs", "missed", "sound programs", "false alarms"], measuredRows()),
    VISIBILITY,
  ].join("\n\n");
}

const POLICY_COLUMNS = ["policy", "level", "what must be true", "severity", "source", "peers"];

function policyRow({ name, level, sentence, severity, reference, peers }: Policy): string[] {
  const source = reference.startsWith("https://") ? `[docs](${reference})` : reference;
  return [`\`${name}\``, level, sentence, severity, source, peers.join(", ")];
}

function settingRows({ name, schema }: Policy): string[][] {
  return Object.entries(schema).flatMap(([setting, { description = "", default: value }]) =>
    setting === "exceptions" ? [] : [[`\`${name}.${setting}\``, description, value === undefined ? "" : code(value)]],
  );
}

function stackRow({ name, level }: Policy): string[][] {
  const entries = STACKS.map((stack) => configOf(PROJECT, stack)[name]);
  if (entries.every((entry) => entry === undefined)) return [];
  return [[`\`${name}\``, ...entries.map((entry) => described(entry as Record<string, unknown> | undefined, level))]];
}

function described(entry: Record<string, unknown> | undefined, level: string): string {
  const { enforcementLevel = level, exceptions = [], ...settings } = entry ?? {};
  const parts = [
    ...Object.entries(settings).map(([setting, value]) => `${setting} ${code(value)}`),
    ...(exceptions as readonly Exception[]).map(({ resource, until }) => `not \`${resource}\` until ${until}`),
  ];
  return [...(enforcementLevel === level ? [] : [String(enforcementLevel)]), ...parts].join(", ") || level;
}

/** How many programs of the tests each subject's policies judge, and how often wrongly; `test/policies` counts them. */
export interface Measured {
  readonly unsafe: number;
  readonly missed: number;
  readonly sound: number;
  readonly falseAlarms: number;
}

/** The path of the counts, by subject. */
export const MEASURED = join(import.meta.dirname, "measured.json");

function measuredRows(): string[][] {
  const measured = JSON.parse(readFileSync(MEASURED, "utf8")) as Record<string, Measured>;
  return Object.entries(measured).map(([subject, { unsafe, missed, sound, falseAlarms }]) =>
    [subject, unsafe, missed, sound, falseAlarms].map(String),
  );
}

function peerRows(prefix: string): string[][] {
  const entries = Object.entries(PEERS).filter(([peer]) => peer.startsWith(prefix));
  return entries.map(([peer, requirement]) => peerRow(peer, requirement));
}

/** The answer to what Checkov reports on the stacks. */
function reportedRow(peer: string): string[][] {
  const answer = REPORTED[peer] ?? (FINDINGS.includes(peer) ? `not required: ${UNANSWERED[peer] ?? ""}` : undefined);
  return answer === undefined ? [] : [[peer, answer]];
}

function peerRow(peer: string, requirement: string): string[] {
  const answers = answeredBy(peer).map((name) => `\`${name}\``);
  return [peer, requirement, answers.length > 0 ? answers.join(", ") : `none: ${UNANSWERED[peer] ?? ""}`];
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}

/** A table in Markdown, as Prettier writes it. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [
    columns,
    columns.map(() => "---"),
    ...rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|"))),
  ];
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0, cell === "---" ? "-" : " ")).join(" | ")} |`;
  return cells.map(line).join("\n");
}

const INTRODUCTION = `<!-- Generated from policies/ by \`npm run policies:docs\`; do not edit. -->

# Policies

Rules for what must never be deployed with Cloud SQL, Secret Manager, IAM, Cloud Storage, Cloud Run and load balancers, whatever the program:

\`\`\`sh
pulumi preview --policy-pack policies
\`\`\`

A program in another folder, with packages of its own, needs a clone of this repository, whose packages one command installs, and
Node.js 24 or newer on \`PATH\`:

\`\`\`sh
npm ci --omit=dev --ignore-scripts --prefix PATH-OF-THE-CLONE
pulumi preview --policy-pack PATH-OF-THE-CLONE/policies
\`\`\`

\`npm start\`, \`npm run preview\` and \`npm run up\` apply the pack automatically. A violation of a mandatory policy fails the command;
the message names the policy and says what to do. A violation of an advisory policy is only printed.
A policy with the level \`remediate\` fixes the resource and reports that. No message contains a possibly secret value.

A policy is mandatory by default only if what it finds fails, leaks or loses data: a service that cannot start or reach its
database, a credential or data that others can read, a connection that others can read or make, access that more members have than
need it, an instance that can be deleted or that has no backup. Posture, about which two careful projects may decide differently, is
advisory: labels, flags, versions, point-in-time recovery beyond the daily backup, standby and maintenance window, protection of
secrets and length of passwords, the SSL policy of a load balancer, and what a bucket allows beyond what is granted on it. This project makes those mandatory in \`policies/config.<stack>.json\`, as any other may with
\`--policy-pack-config\`.

The policies in the first two tables check what scanners of single resources cannot see: values and dependencies across
resources. The others have counterparts in Checkov and in the CIS Google Cloud benchmark, listed as peers.

## The policies`;

const SETTINGS = `## Settings

Thresholds and lists are policy configuration, checked against the JSON schema of each policy.`;

const PER_STACK = `The pack reads the settings of this project's stacks from \`policies/config.<stack>.json\`. Any other stack or project gets the
defaults, with every policy on. \`--policy-pack-config\` overrides both.

The regions of \`allowed-regions\` do not follow from \`settlement:database.replica\`: who adds a copy of the data does not also decide
that data may lie in that region. A person adds the region to the list.`;

const EXCEPTIONS = `## Exceptions

An exception accepts a violation until its last day, with a reason. After that day the violation is reported again, and says that the
exception ended:

\`\`\`json
{
  "bucket-versioning": {
    "exceptions": [{ "resource": "old-exports", "reason": "Emptied and deleted in spring", "until": "2027-03-31" }]
  }
}
\`\`\``;

const MEASURED_TITLE = `## Sound and unsafe programs

The tests have a pair of programs for each mistake: an unsafe one, which the policy must report, and a sound one like it, about which
no mandatory policy may complain.`;

const PEERS_TITLE = `## Checkov

All of Checkov 3.3's checks on these resource types, as far as they are about what the pack judges.`;

const REPORTED_TITLE = `What it reports on this project's \`prod\` and \`staging\`, and why that stays:`;

const CIS_TITLE = `## CIS Google Cloud Foundations 4.0

Sections 1 (IAM), 2 (logging), 5 (storage) and 6 (Cloud SQL), and of section 3 (networks) what is about load balancers.`;

const PHASES = [
  ["preview, before each resource", "resource policies", "its known properties"],
  ["preview, at the end", "stack policies", "all resources, with the dependencies of each property"],
  [
    "update, before each resource is created or changed",
    "resource policies, and contradictions with earlier resources",
    "all its properties",
  ],
  ["update, at the end", "stack policies", "all resources and values, too late to prevent anything"],
];

const BLIND = [
  [
    "an invalid connection name, or one with a zone, inside such a text",
    "`connection-name-format`, before the resource with the text",
    "that resource's dependencies: instance, user, password",
  ],
  [
    "a connection name whose project or region differs from the stack's instance",
    "`connection-name-matches-instance`, before the later of the resource with the name and the instance",
    "that resource's dependencies",
  ],
  [
    "a connection string for another kind of database, or with `strict` in another form",
    "`database-url-matches-stack`, before the later of the service and the secret version",
    "the earlier one",
  ],
  [
    "a password in the string that differs from the user's, though derived from the same generated password",
    "`one-password`, before the later of the secret version and the user",
    "the earlier one",
  ],
  [
    "a connection string that names another database, user or instance",
    "`database-url-matches-stack`, at the end: the update fails",
    "everything; the revision is not ready because it cannot reach its database",
  ],
  [
    "a container that mounts a different instance than the connection string names",
    "`database-url-socket-mounted`, before the later of the service and the secret version",
    "the earlier one",
  ],
  [
    "a condition that does not hold, though derived from the right instance",
    "`service-account-may-connect`, at the end: the update fails",
    "everything; the revision is not ready because it cannot reach its database",
  ],
  [
    "a value of a credential variable that is not the id of a secret",
    "`no-plain-credentials`, at the end: the update fails",
    "everything",
  ],
  ["a role, a member or an address", "its policy, before the resource that has it", "its dependencies"],
];

const VISIBILITY = `## What the engine can see, and when

${table(["when", "what runs", "what it sees"], PHASES)}

An unknown value is not checked; the policy still checks the rest of the resource. A preview checks relations by dependencies:
that the user's password and both secrets are derived from one generated password, that the account with the role is the
service's, and that the service waits for the schema.

So the preview blocks all violations before anything is created, except those below. They occur only in a text that contains
a value of a resource that does not exist yet: on a first deployment, or with a new password.

${table(["what a preview cannot see", "what stops it during the update", "what exists by then"], BLIND)}

What cannot be read is passed over: a connection string of no known form, a value that the container fills in, a secret of
another project. Access to the stack's secrets and instances that is granted elsewhere counts as missing, and so does a secret of
this project that \`DATABASE_URL\` reads and another stack owns: declare them here, or add an exception.
`;

if (process.argv[1] === import.meta.filename) writeFileSync(DOCUMENT, documentation());
