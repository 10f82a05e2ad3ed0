import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT } from "../infra/names.ts";
import { configOf } from "./config.ts";
import type { Exception } from "./engine/exceptions.ts";
import { subjects } from "./pack.ts";
import { answeredBy, PEERS, UNANSWERED } from "./peers.ts";
import type { Policy } from "./engine/policy.ts";

/** Where the documentation stands. */
export const DOCUMENT = join(import.meta.dirname, "..", "docs", "POLICIES.md");

const STACKS = ["local", "staging", "prod"] as const;

/** `docs/POLICIES.md`, made from the pack. */
export function documentation(): string {
  return [
    INTRODUCTION,
    ...Object.entries(subjects).flatMap(([subject, policies]) => [
      `### ${subject}`,
      table(POLICY_COLUMNS, policies.map(policyRow)),
    ]),
    SETTINGS,
    table(["setting", "says", "default"], Object.values(subjects).flat().flatMap(settingRows)),
    PER_STACK,
    table(["policy", ...STACKS], Object.values(subjects).flat().flatMap(stackRow)),
    EXCEPTIONS,
    PEERS_TITLE,
    table(["check", "asks", "answer"], Object.entries(PEERS).map(peerRow)),
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
  const told = [
    ...Object.entries(settings).map(([setting, value]) => `${setting} ${code(value)}`),
    ...(exceptions as readonly Exception[]).map(({ resource, until }) => `not \`${resource}\` until ${until}`),
  ];
  return [...(enforcementLevel === level ? [] : [String(enforcementLevel)]), ...told].join(", ") || level;
}

function peerRow([peer, asks]: [string, string]): string[] {
  const answers = answeredBy(peer).map((name) => `\`${name}\``);
  return [peer, asks, answers.length > 0 ? answers.join(", ") : `none: ${UNANSWERED[peer] ?? ""}`];
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}

/** A table as Prettier writes it. */
function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
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

const INTRODUCTION = `<!-- Made by \`npm run policies:docs\` from policies/; changes belong there. -->

# Policies

What must never be deployed with Cloud SQL, Secret Manager, IAM, Cloud Storage and Cloud Run, whoever wrote the program:

\`\`\`sh
pulumi preview --policy-pack policies
\`\`\`

\`npm start\`, \`npm run preview\` and \`npm run up\` apply the pack by themselves. A violation of a mandatory policy ends the command
with an exit code that is not 0, names the policy and says what to do. An advisory one is printed and lets the command go on.
A policy of the level \`remediate\` mends the resource and says so. No message contains a value that may be secret.

What no scanner of single resources can see, values and dependencies across resources, is what this pack is for: the first two tables.
The rest has peers in Checkov and in the CIS Google Cloud benchmark, whose numbers stand beside it.

## The policies`;

const SETTINGS = `## Settings

Thresholds and lists are policy configuration; each policy publishes a JSON schema for it, which the engine checks.`;

const PER_STACK = `The stacks of this project are configured in \`policies/config.<stack>.json\`, which the pack reads by itself. Any other stack, and any other project,
gets the defaults: everything on. A file given with \`--policy-pack-config\` has the last word.`;

const EXCEPTIONS = `## Exceptions

What is accepted for a while is configuration, with a reason and the last day. After that day the violation is back, and says that the exception ended:

\`\`\`json
{
  "bucket-versioning": {
    "exceptions": [{ "resource": "old-exports", "reason": "Emptied and deleted in spring", "until": "2027-03-31" }]
  }
}
\`\`\``;

const PEERS_TITLE = `## Checkov and CIS

Checkov's checks on these resource types, and sections 6.2 and 6.4 to 6.7 of the CIS Google Cloud benchmark.`;

const PHASES = [
  ["preview, before each resource", "policies on one resource", "its properties, as far as they are known"],
  [
    "preview, at the end",
    "policies on the stack",
    "all resources, what each property is made of, and what waits for what",
  ],
  [
    "update, before each resource is created or changed",
    "policies on one resource, and contradictions with the resources before it",
    "its properties, all known",
  ],
  ["update, at the end", "policies on the stack", "all resources, all values; too late to prevent anything"],
];

const BLIND = [
  [
    "the form of a connection name, or a zone in it, inside a text with such a value",
    "`connection-name-format`, before the resource that holds the text",
    "what that resource is made of: instance, user, password",
  ],
  [
    "that such a name has another project or region than the stack's instance",
    "`connection-name-matches-instance`, before the resource that holds it, or the instance, whichever is later",
    "likewise",
  ],
  [
    "the driver and the form of a connection string with such a value",
    "`database-url-matches-stack`, before the service or the version of the secret, whichever is later",
    "the other one",
  ],
  [
    "another password in the string than the user's, though made of the same generated one",
    "`one-password`, before the version or the user, whichever is later",
    "the other one",
  ],
  [
    "the name of another database, user or instance inside a string with such a value",
    "`database-url-matches-stack`, at the end: the update fails",
    "everything; the revision is not ready, since its database does not answer",
  ],
  [
    "that the container mounts another instance than the string names, where either is such a value",
    "`database-url-socket-mounted`, before the service or the version of the secret, whichever is later",
    "the other one",
  ],
  [
    "that a condition with such a value does not hold, though made of the right instance",
    "`service-account-may-connect`, at the end: the update fails",
    "everything; the revision is not ready, since its database does not answer",
  ],
  [
    "that such a value under the name of a credential is not the id of a secret",
    "`no-plain-credentials`, at the end: the update fails",
    "everything",
  ],
  [
    "a role, a member or an address that is such a value",
    "its policy, before the resource that holds it",
    "nothing of it",
  ],
];

const VISIBILITY = `## What the engine can see, and when

${table(["when", "what runs", "what it sees"], PHASES)}

A value that is not known yet is not judged, and hides nothing else: the policy goes on with the rest of the resource.
Relations are checked in the preview by what properties are made of: that the user's password and both secrets come from
one generated password, that the account which is granted a role is the service's, that the service waits for the schema.

So a preview stops every violation, and nothing is created, except for those below. They exist only where a text is put
together from a value of a resource that does not exist yet: on a first deployment, or with a new password.

${table(["what a preview cannot see", "what stops it on the update", "what exists by then"], BLIND)}

What is granted outside of the stack, and a secret that another stack owns, count as missing: declare them here, or write
an exception.
`;

if (process.argv[1] === import.meta.filename) writeFileSync(DOCUMENT, documentation());
