import { z } from "zod";
import { policy } from "../engine/policy.ts";
import { isPlaceholder, readConnectionString } from "../model/connection-strings.ts";
import { isCredentialName, isHarmless, mayBeSecretId } from "../model/credential-names.ts";
import { credentialIn, type NamedValue, namedValues } from "../model/named-values.ts";
import { credentialProperty, GENERATED, generatedPasswords } from "../model/passwords.ts";
import { isA, ofType, type Resource } from "../model/resource.ts";
import { SECRETS, VERSIONS } from "../model/secrets.ts";
import { mayBe, text, textsIn, UNKNOWN, type Value } from "../model/values.ts";

const INSTEAD = "store it in Secret Manager and refer to the secret";

/** Types stored in plain text, with more readers than a secret. */
const PLAIN_TEXT = /^gcp:(?:cloudrun|cloudrunv2|cloudfunctions|cloudfunctionsv2|compute|storage)\//;

/** Properties that are made for a credential, such as the shared secret of a VPN. */
const FOR_CREDENTIAL = /(?:secret|password|passwordWo|privateKey|clientKey|pskSecret)$/i;

export const noPlainCredentials = policy({
  name: "no-plain-credentials",
  sentence:
    "Credentials are only in Secret Manager: never in an environment variable, a label, an object or any other property.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/run/docs/configuring/services/secrets",
  peers: ["CIS 1.17"],
  resource: (resource, report) => {
    const home = credentialProperty(resource);
    const others = Object.fromEntries(
      Object.entries(resource.props).filter(([property]) => property !== home && !FOR_CREDENTIAL.test(property)),
    );
    const found = resource.type.startsWith("gcp:")
      ? textsIn(others).flatMap(({ path, text: value }) => {
          const what = credentialIn(path, value);
          return what === undefined ? [] : [{ path, what }];
        })
      : [];
    for (const { path, what } of found) report(resource, `${path} holds ${what}; ${INSTEAD}.`);
    for (const { path, name, value } of credentials(resource)) {
      // The stack check, which sees the secrets, decides about possible ids of secrets.
      if (mayBeSecretId(name, value) || found.some((one) => one.path.startsWith(path))) continue;
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
    const generated = new Map(
      ofType(resources, GENERATED).flatMap((one) => {
        const result = text(one.props.result) ?? "";
        return result.length < MIN_LENGTH ? [] : [[result, one] as const];
      }),
    );
    for (const resource of resources.filter(({ type }) => PLAIN_TEXT.test(type))) {
      // By way of another resource's output, the dependencies do not tell which of its values it is.
      for (const { path, text: value } of generated.size === 0 ? [] : textsIn(resource.props)) {
        const password = FOR_CREDENTIAL.test(path)
          ? undefined
          : [...generated].find(([result]) => value.includes(result));
        if (password) report(resource, `${path} contains the generated password ${password[1].name}; ${INSTEAD}.`);
      }
      for (const [property, origins] of Object.entries(resource.madeOf)) {
        if (FOR_CREDENTIAL.test(property)) continue;
        const password = origins.find(({ type }) => type === GENERATED);
        if (password) report(resource, `${property} contains the generated password ${password.name}; ${INSTEAD}.`);
      }
    }
  },
});

/** The shortest generated password that is not found in other texts by chance. */
const MIN_LENGTH = 8;

/** The values that are named like a credential and are not clearly harmless. */
function credentials(resource: Resource): NamedValue[] {
  return namedValues(resource).filter(({ name, value }) => isCredentialName(name) && !isHarmless(name, value));
}

function plainText(path: string, name: string): string {
  return `${path} (${name}) holds a credential in plain text; ${INSTEAD}.`;
}

export const passwordsAreGenerated = policy({
  name: "passwords-are-generated",
  sentence:
    "The stack generates database passwords, or reads them from Secret Manager: they are never typed, nor in a program or configuration.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/built-in-authentication",
  stack: (resources, report) => {
    for (const resource of resources) {
      const property = credentialProperty(resource);
      if (property === undefined || !holdsDatabasePassword(resource.type, resource.props[property])) continue;
      if (generatedPasswords(resource).length > 0) continue;
      const isRead = resource.madeOf[property]?.some((origin) => isA(origin, ...VERSIONS)) ?? false;
      if (resource.props[property] === UNKNOWN && isRead) continue;
      report(
        resource,
        `${property} is not a generated password; derive it from a random.RandomPassword of this stack, or read it from Secret Manager.`,
      );
    }
  },
});

/** Whether a value is a database password; a secret holds one for certain only in a connection string. */
function holdsDatabasePassword(type: string, value: Value): boolean {
  if (type.startsWith("gcp:sql/")) return value === UNKNOWN || !looksGenerated(text(value) ?? "");
  const { password, instance } = readConnectionString(text(value) ?? "") ?? {};
  return password !== undefined && instance !== undefined && !isPlaceholder(password) && !looksGenerated(password);
}

/**
 * Whether a value looks as if it was generated: long, and without words. The engine does not tell what `getSecretVersion` returned
 * from what somebody typed.
 */
function looksGenerated(value: string): boolean {
  const words = value.match(/[a-z]{5,}|[A-Z]{5,}/g) ?? [];
  return value.length >= 16 && words.join("").length <= value.length / 2;
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
