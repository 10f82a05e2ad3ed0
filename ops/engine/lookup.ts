import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { setTimeout as delay } from "node:timers/promises";
import { lastPart } from "../../infra/google.ts";
import { type Question, RestReader } from "../google/reader.ts";
import { interrupted } from "../terminal/interrupt.ts";
import { type Inputs, RESOURCE_TYPES } from "./resource-types.ts";
import type { StateResource } from "./state.ts";
import { endpointsOf } from "./endpoints.ts";

/** How long the creation of an instance may take, and the pause between two looks at it, in milliseconds. */
const CREATION = { longest: 30 * 60_000, pause: 500 };

/** Looks up in Google Cloud, as the caller of the command, what an update may have created. */
export async function lookupOf(stack: Stack) {
  const values = Object.entries(await stack.getAllConfig()).map(([key, { value }]) => [key, value]);
  const config = Object.fromEntries(values) as Record<string, string>;
  const { GOOGLE_OAUTH_ACCESS_TOKEN: token } = stack.workspace.envVars;
  /** Each time anew. */
  const ask = <T>(question: Question) =>
    new RestReader(endpointsOf(config), token === undefined ? undefined : () => Promise.resolve(token)).read<T>(
      question,
    );
  return {
    /**
     * The id of a resource, whether it exists or not; one that Google names is found only where it exists.
     * @param known Ids of the resources that the state has already.
     */
    idOf: async ({ inputs: own, type }: StateResource, known: ReadonlySet<string | undefined>) => {
      // The official provider leaves the defaults of its own configuration out of the inputs.
      const inputs = { project: config["gcp:project"], region: config["gcp:region"], ...own };
      const lookup = RESOURCE_TYPES[type]?.lookup ?? "repeatable";
      if (lookup === "repeatable") return undefined;
      if ("id" in lookup) return expand(lookup.id, inputs);
      const { api, collection, matches, role } = lookup.list;
      const path = `${expand(collection, inputs)}?pageSize=1000`;
      const answer = await ask<Record<string, Record<string, unknown>[] | undefined>>({ api, path, role });
      const items = answer?.[lastPart(collection)] ?? [];
      const names = items.filter((item) => matches(item, inputs)).map(({ name }) => String(name));
      return names.find((name) => !known.has(name));
    },
    /**
     * Waits while an instance is being created: until then Cloud SQL does not tell its service account.
     * @param id Of the instance.
     */
    untilCreated: async (id: string, say: (line: string) => void) => {
      const end = Date.now() + CREATION.longest;
      for (let said = false; ; said = true) {
        const instance = await ask<{ state: string }>({ api: "sql", path: id, role: "roles/cloudsql.viewer" });
        if (instance?.state !== "PENDING_CREATE" || Date.now() > end) return;
        if (!said) say(`Waiting until Cloud SQL has made ${lastPart(id)} ...`);
        await delay(CREATION.pause, undefined, { signal: interrupted });
      }
    },
  };
}

function expand(template: string, inputs: Inputs): string {
  return template.replaceAll(/\{(\w+)\}/g, (_match, name: string) => inputs[name] ?? "");
}
