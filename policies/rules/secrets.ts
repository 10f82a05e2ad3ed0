import { z } from "zod";
import { policy } from "../engine/policy.ts";
import { isCredentialName, isHarmless, mayBeSecretId } from "../model/credential-names.ts";
import { credentialProperty, GENERATED, generatedPasswords } from "../model/passwords.ts";
import { isA, ofType, type Resource } from "../model/resource.ts";
import { SECRETS } from "../model/secrets.ts";
import { mayBe, textsIn, UNKNOWN, type Value } from "../model/values.ts";
import { workload } from "../model/workloads.ts";

/** A URL with a password, other than one that is filled in when the container starts, such as `$(DB_PASS)`. */
const CREDENTIAL_URL = /[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:(?!\$\(\w+\)@|\$\{\w+\}@)[^\s/@]+@/i;

const INSTEAD = "store it in Secret Manager and refer to the secret";

/** Types stored in plain text, with more readers than a secret. */
const PLAIN_TEXT = /^gcp:(?:cloudrun|cloudrunv2|cloudfunctions|cloudfunctionsv2|compute|storage)\//;

export const noPlainCredentials = policy({
  name: "no-plain-credentials",
  sentence:
    "Credentials are only in Secret Manager: never in an environment variable, a label, an object or any other property.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/run/docs/configuring/services/secrets",
  resource: (resource, report) => {
    const home = credentialProperty(resource);
    const others = Object.fromEntries(Object.entries(resource.props).filter(([property]) => property !== home));
    const inUrls = resource.type.startsWith("pulumi:")
      ? []
      : textsIn(others).filter(({ text }) => CREDENTIAL_URL.test(text));
    for (const { path } of inUrls) report(resource, `${path} holds a URL with a password; ${INSTEAD}.`);
    for (const { path, name, value } of credentials(resource)) {
      // The stack check, which sees the secrets, decides about possible ids of secrets.
      if (mayBeSecretId(name, value) || inUrls.some((found) => found.path.startsWith(path))) continue;
      report(resource, plainText(path, name));
    }
  },
  stack: (resources, report) => {
    const secrets = ofType(resources, ...SECRETS);
    for (const resource of resources) {
      const referred = Object.values(resource.madeOf).flat();
      const isReference = (value: Value) =>
        secrets.some((secret) => (value === UNKNOWN ? referred.includes(secret) : secret.props.secretId === value));
      for (const { path, name, value } of credentials(resource)) {
        if (mayBeSecretId(name, value) && !isReference(value)) report(resource, plainText(path, name));
      }
    }
    for (const resource of resources.filter(({ type }) => PLAIN_TEXT.test(type))) {
      for (const [property, origins] of Object.entries(resource.madeOf)) {
        const password = origins.find(({ type }) => type === GENERATED);
        if (password) report(resource, `${property} contains the generated password ${password.name}; ${INSTEAD}.`);
      }
    }
  },
});

/** The variables of a workload that are named like a credential and have no harmless value. */
function credentials(resource: Resource): { path: string; name: string; value: Value }[] {
  return (workload(resource)?.env ?? []).flatMap(({ path, name, value }) =>
    typeof name === "string" && isCredentialName(name) && !isHarmless(name, value) ? { path, name, value } : [],
  );
}

function plainText(path: string, name: string): string {
  return `${path} (${name}) holds a credential in plain text; ${INSTEAD}.`;
}

export const passwordsAreGenerated = policy({
  name: "passwords-are-generated",
  sentence: "The stack generates database passwords: they are never typed, nor in a program or configuration.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/built-in-authentication",
  stack: (resources, report) => {
    for (const resource of resources) {
      const property = credentialProperty(resource);
      if (property === undefined || !holdsDatabasePassword(resource.type, resource.props[property])) continue;
      if (generatedPasswords(resource).length > 0) continue;
      report(
        resource,
        `${property} is not a generated password; derive it from a random.RandomPassword of this stack.`,
      );
    }
  },
});

/** Whether a value is a database password; a secret holds one for certain only in a connection string. */
function holdsDatabasePassword(type: string, value: unknown): boolean {
  return (
    type.startsWith("gcp:sql/") ||
    (typeof value === "string" && CREDENTIAL_URL.test(value) && value.includes("/cloudsql/"))
  );
}

export const passwordLength = policy({
  name: "password-length",
  sentence: "A generated password is too long to be guessed.",
  level: "advisory",
  severity: "high",
  reference: "https://cloud.google.com/sql/docs/postgres/built-in-authentication",
  settings: { length: z.int().min(12).default(20).describe("Minimum number of characters") },
  resource: (resource, report, { length }) => {
    if (!isA(resource, GENERATED) || mayBe(resource.props.length, (characters) => Number(characters) >= length)) return;
    report(resource, `length is too short; generate ${length} characters or more.`);
  },
});
