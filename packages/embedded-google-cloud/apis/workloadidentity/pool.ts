import { parse } from "@marcbachmann/cel-js";
import { GoogleError } from "../../rest/errors.ts";
import { isFields, settableFields } from "../../rest/fields.ts";

/** The fields that pools and providers have in common. */
interface Entry {
  /** Full name, with the project's number. */
  readonly name: string;
  readonly displayName?: string;
  readonly description?: string;
  readonly disabled?: boolean;
  /** A deleted entry keeps its name for thirty days and can be undeleted. */
  readonly state: "ACTIVE" | "DELETED";
  readonly expireTime?: string;
}

/** A workload identity pool, as IAM returns it. */
export type Pool = Entry;

/** A provider of a pool, as IAM returns it; OpenID Connect only. */
export interface Provider extends Entry {
  /** Google's attributes, such as `google.subject`, and the CEL expressions that derive them from a token's claims. */
  readonly attributeMapping: Readonly<Record<string, string>>;
  /** A CEL expression; only tokens that satisfy it are accepted. */
  readonly attributeCondition?: string;
  readonly oidc: { readonly issuerUri: string; readonly allowedAudiences?: readonly string[] };
}

export const POOL_FIELDS = ["displayName", "description", "disabled"] as const;
export const PROVIDER_FIELDS = [...POOL_FIELDS, "attributeMapping", "attributeCondition", "oidc"] as const;

/** https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools/delete */
const KEPT_DAYS = 30;

/** @throws GoogleError INVALID_ARGUMENT for a field that cannot be set. */
export function readPool(body: unknown): Partial<Pool> {
  return settableFields<Pool>(body, POOL_FIELDS, ["name"]);
}

/** @throws GoogleError INVALID_ARGUMENT for a field that cannot be set. */
export function readProvider(body: unknown): Partial<Provider> {
  return settableFields<Provider>(body, PROVIDER_FIELDS, ["name"]);
}

/** @throws GoogleError INVALID_ARGUMENT for a provider that IAM refuses. */
export function checkedProvider(provider: Partial<Provider> & Entry): Provider {
  const { attributeCondition, attributeMapping, oidc } = provider;
  if (!isFields(oidc) || typeof oidc.issuerUri !== "string" || !oidc.issuerUri.startsWith("https://")) {
    throw invalid("oidc.issuer_uri must be an https URI.");
  }
  if (!isFields(attributeMapping) || typeof attributeMapping["google.subject"] !== "string") {
    throw invalid("The attribute mapping must map google.subject.");
  }
  for (const [name, expression] of Object.entries(attributeMapping)) {
    if (!/^(google\.(subject|groups)|attribute\.[a-z0-9_]{1,100})$/.test(name)) {
      throw invalid(`The attribute mapping has "${name}", which is not an attribute.`);
    }
    checkCel(`attribute mapping of ${name}`, expression);
  }
  // IAM requires this of issuers that many tenants share.
  if (attributeCondition === undefined && oidc.issuerUri === "https://token.actions.githubusercontent.com") {
    throw invalid("The attribute condition must reference one of the provider's claims.");
  }
  if (attributeCondition !== undefined) checkCel("attribute condition", attributeCondition);
  return { ...provider, attributeMapping, oidc };
}

/** @throws GoogleError INVALID_ARGUMENT for an id that IAM refuses. */
export function checkId(id: string | undefined): string {
  if (id !== undefined && /^(?!gcp-)[a-z0-9-]{4,32}$/.test(id)) return id;
  throw invalid(`The id "${id ?? ""}" must have 4 to 32 lower case letters, digits and hyphens.`);
}

/** The entry after its deletion. */
export function deleted<T extends Entry>(entry: T): T {
  return { ...entry, state: "DELETED", expireTime: new Date(Date.now() + KEPT_DAYS * 86_400_000).toISOString() };
}

function checkCel(what: string, expression: unknown): void {
  try {
    parse(String(expression));
  } catch (error) {
    throw invalid(`The ${what} is not CEL: ${(error as Error).message}`);
  }
}

function invalid(message: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", message);
}
