import type { Case } from "../case.ts";
import { type Declared, UNKNOWN_TEXT } from "../declare.ts";
import { accessor, container, secret, service, serviceV1, program, url, urlV1, version } from "../good.ts";

/** The second secret of a stack, with its version and grant, by the names `key`, `key-version` and `key-accessor`. */
const KEY: readonly Declared[] = [
  { ...secret("stripe-key"), name: "key" },
  { ...version("sk-from-the-console", []), name: "key-version", madeOf: { secret: ["key"] } },
  { ...accessor(), name: "key-accessor", madeOf: { member: ["account"], secretId: ["key"] } },
];

function reading(id: string, without = "", origins: readonly string[] = ["key"]): Declared[] {
  const variable = { name: "STRIPE_KEY", valueSource: { secretKeyRef: { secret: id, version: "latest" } } };
  const run = service({ containers: [container([url(), variable])] });
  const madeOf = { template: ["account", "instance", "secret", "version", ...origins] };
  return program({ ...run, madeOf }, ...KEY.filter(({ name }) => name !== without)).filter(
    ({ name }) => name !== without,
  );
}

function inV1(without: string): Declared[] {
  const variable = { name: "STRIPE_KEY", valueFrom: { secretKeyRef: { name: "stripe-key", key: "latest" } } };
  const run = serviceV1("fusion-prime:us-central1:shop-db", [urlV1(), variable]);
  return program(run, ...KEY).filter(({ name }) => name !== without);
}

const IDS = {
  "its id": "stripe-key",
  "its full name": "projects/fusion-prime/secrets/stripe-key",
  "its name with the project's number": "projects/123456789/secrets/stripe-key",
  "an output that is not known yet": UNKNOWN_TEXT,
};

/** Secrets other than the connection string, by every name that they have. */
export const secrets: readonly Case[] = [
  ...Object.entries(IDS).flatMap(([title, id]): Case[] => [
    {
      policy: "database-url-secret-in-stack",
      title: `a secret without a version, by ${title}`,
      breaks: reading(id, "key-version"),
      says: /the secret ("stripe-key"|of STRIPE_KEY \(key\)) has no version/,
      passes: reading(id),
    },
    {
      policy: "service-account-may-read-secret",
      title: `a secret that the account may not read, by ${title}`,
      breaks: reading(id, "key-accessor"),
      says: /its account may not read the secret of STRIPE_KEY \(key\)/,
      passes: reading(id),
    },
  ]),
  {
    policy: "service-account-may-read-secret",
    title: "a secret of another project",
    breaks: reading("stripe-key", "key-accessor"),
    says: /its account may not read the secret of STRIPE_KEY/,
    passes: program(
      service({
        containers: [
          container([
            url(),
            {
              name: "STRIPE_KEY",
              valueSource: {
                secretKeyRef: { secret: "projects/shared-secrets/secrets/shop-database-url", version: "3" },
              },
            },
          ]),
        ],
      }),
    ),
  },
  {
    policy: "database-url-secret-in-stack",
    title: "a connection string of another project",
    breaks: program(service({ containers: [container([url("shop-database-uri")])] })),
    says: /the secret "shop-database-uri" is not in the stack/,
    passes: program(service({ containers: [container([url("projects/shared-secrets/secrets/shop-url")])] })),
  },
  {
    policy: "database-url-secret-in-stack",
    title: "first version of the API",
    breaks: inV1("key-version"),
    says: /the secret "stripe-key" has no version/,
    passes: inV1(""),
  },
  {
    policy: "service-account-may-read-secret",
    title: "first version of the API",
    breaks: inV1("key-accessor"),
    says: /its account may not read the secret of STRIPE_KEY/,
    passes: inV1(""),
  },
];
