import { z } from "zod";
import { CREDENTIALS, PROVIDER_KEYS } from "../../infra/config.ts";
import { configSchema } from "../../infra/config-schema.ts";

/** The part of JSON Schema that describes keys. */
export interface KeySchema {
  readonly type?: string;
  /** What is expected, in a few words. */
  readonly title?: string;
  /** The key's effect, in Markdown. */
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: KeySchema;
  readonly properties?: Readonly<Record<string, KeySchema>>;
  readonly required?: readonly string[];
}

/** The schema of the program's keys, by their names in a stack file, such as `settlement:database`. */
export function keysSchema(): KeySchema & Required<Pick<KeySchema, "properties" | "required">> {
  const { properties = {}, required = [] } = z.toJSONSchema(configSchema, { io: "input", target: "draft-7" });
  const full = (key: string) => PROVIDER_KEYS[key] ?? `settlement:${key}`;
  return {
    type: "object",
    properties: Object.fromEntries(
      Object.entries(properties as Record<string, KeySchema>).map(([key, schema]) => [full(key), schema]),
    ),
    required: required.map(full),
  };
}

/**
 * The JSON schema of a stack file, by which editors complete and check it. How keys must fit each other is not in it, as in
 * `infra/config.ts`.
 */
export function stackFileSchema(): object {
  const { properties, ...keys } = keysSchema();
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "A stack file of the settlement project",
    type: "object",
    properties: {
      config: {
        ...keys,
        description: "See docs/CONFIGURATION.md.",
        properties: { ...properties, ...Object.fromEntries(CREDENTIALS.map((key) => [key, false])) },
        patternProperties: { "^(gcp|pulumi):": true },
        additionalProperties: false,
      },
      secretsprovider: {
        type: "string",
        description: "The key that encrypts the secrets in the state.",
        examples: ["gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K"],
      },
      encryptedkey: { type: "string", description: "Written by `pulumi stack init`." },
      encryptionsalt: { type: "string", description: "Written by `pulumi stack init`." },
    },
    required: ["config"],
    additionalProperties: false,
  };
}
