import { parse } from "@marcbachmann/cel-js";
import { GoogleError } from "../rest/errors.ts";
import { type Fields, isFields } from "../rest/fields.ts";
import type { Binding, Condition } from "./policies.ts";
import type { Roles } from "./roles.ts";

/** Forms of members. https://cloud.google.com/iam/docs/principal-identifiers */
const MEMBERS = [
  /^allUsers$/,
  /^allAuthenticatedUsers$/,
  /^(user|serviceAccount|group):[^@\s:]+@[^@\s:]+$/,
  /^serviceAccount:[^@\s:[\]]+\.svc\.id\.goog\[[^\]]+\]$/,
  /^domain:[^@\s:]+$/,
  /^project(Owner|Editor|Viewer):[^@\s]+$/,
  /^deleted:(user|serviceAccount|group):[^@\s:]+@[^@\s:?]+\?uid=\d+$/,
  /^principal(Set)?:\/\/\S+$/,
];

/**
 * Validates the bindings of a policy that a client sets.
 * @param isMissing Whether a service account's email belongs to the embedded cloud, but no such account exists.
 * @throws GoogleError INVALID_ARGUMENT for an unknown role, a malformed member, a missing service account, or a condition
 * that is not CEL.
 */
export function readBindings(sent: unknown, roles: Roles, isMissing: (email: string) => boolean): Binding[] {
  if (sent === undefined || sent === null) return [];
  if (!Array.isArray(sent)) throw invalid("Invalid JSON payload received. The policy's bindings are not a list.");
  return sent.map((binding: unknown) => {
    if (!isFields(binding)) throw invalid("Invalid JSON payload received. A binding of the policy is not an object.");
    const role = readRole(binding, roles);
    const members = readMembers(binding, isMissing);
    return binding.condition ? { role, members, condition: readCondition(binding.condition) } : { role, members };
  });
}

function readRole({ role }: Fields, roles: Roles): string {
  if (typeof role !== "string") throw invalid("Role must be set for each binding of the policy.");
  if (!roles.exists(role)) throw invalid(`Role ${role} is not supported for this resource.`);
  return role;
}

function readMembers({ members = [] }: Fields, isMissing: (email: string) => boolean): string[] {
  if (!Array.isArray(members)) throw invalid("Invalid JSON payload received. A binding's members are not a list.");
  const texts = members.map((member: unknown) => (typeof member === "string" ? member : JSON.stringify(member)));
  for (const member of texts) {
    if (!member.includes(":") && !member.startsWith("all")) {
      throw invalid(`The member ${member} is of an unknown type. Please set a valid type prefix for the member.`);
    }
    if (!MEMBERS.some((form) => form.test(member))) throw invalid(`Invalid member: ${member}`);
    const email = /^serviceAccount:(.+)$/.exec(member)?.[1];
    if (email !== undefined && isMissing(email)) throw invalid(`Service account ${email} does not exist.`);
  }
  return [...new Set(texts)];
}

function readCondition(sent: unknown): Condition {
  const { title, description, expression } = isFields(sent) ? sent : {};
  if (typeof title !== "string" || title === "") throw invalid("A condition of the policy has no title.");
  if (typeof expression !== "string") throw invalid(`The condition "${title}" has no expression.`);
  try {
    parse(expression);
  } catch (error) {
    throw invalid(`The expression of the condition "${title}" is not CEL: ${(error as Error).message}`);
  }
  return typeof description === "string" && description !== ""
    ? { title, description, expression }
    : { title, expression };
}

function invalid(message: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", message, "invalid");
}
