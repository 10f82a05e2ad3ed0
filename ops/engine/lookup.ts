import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { setTimeout as delay } from "node:timers/promises";
import { lastPart } from "../../infra/google.ts";
import { type Question, RestReader } from "../google/reader.ts";
import { interrupted } from "../terminal/interrupt.ts";
import { type Inputs, RESOURCE_TYPES } from "./resource-types.ts";
import type { StateResource } from "./state.ts";
import { endpointsOf } from "./endpoints.ts";
import { engineConfig } from "./engine-config.ts";
import { tokenOf } from "./token.ts";

/** How long an instance may take to be created, and the polling interval, in milliseconds. */
const CREATION = { longest: 30 * 60_000, pause: 500 };

/** Looks up in Google Cloud, with the user's credentials, what an update may have created. */
export async function lookupOf(stack: Stack) {
  const config = await engineConfig(stack);
  const ask = <T>(question: Question) => new RestReader(endpointsOf(config), tokenOf(stack)).read<T>(question);
  return {
    /**
     * The id of a resource, whether it exists or not; an id that Google generates is found only if the resource exists.
     * @param known Ids of the resources in the state.
     */
    idOf: async ({ inputs: own, type }: StateResource, known: ReadonlySet<string | undefined>) => {
      // The official provider omits defaults from its own configuration.
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
    /** Whether an instance of the stack's project exists. @throws NotVisible */
    instanceExists: async (name: string) => {
      const path = `projects/${config["gcp:project"] ?? ""}/instances/${name}`;
      return (await ask({ api: "sql", path, role: "roles/cloudsql.viewer" })) !== undefined;
    },
    /** The backups of a deleted instance that Cloud SQL kept, newest first. @throws NotVisible */
    keptBackups: async (instance: string) => {
      const path = `projects/${config["gcp:project"] ?? ""}/backups?filter=${encodeURIComponent(`instance:${instance}`)}`;
      const role = "roles/cloudsql.viewer";
      const { backups = [] } = (await ask<gapi.client.sql.ListBackupsResponse>({ api: "sql", path, role })) ?? {};
      const taken = ({ backupInterval }: gapi.client.sql.Backup) => backupInterval?.endTime ?? "";
      return backups
        .filter(({ instanceDeletionTime, state }) => state === "SUCCESSFUL" && instanceDeletionTime !== undefined)
        .sort((one, other) => (taken(one) > taken(other) ? -1 : 1));
    },
    /** Waits until an instance is created: before, Cloud SQL does not return its service account. */
    untilCreated: async (id: string, say: (line: string) => void) => {
      const end = Date.now() + CREATION.longest;
      for (let said = false; ; said = true) {
        const instance = await ask<{ state: string }>({ api: "sql", path: id, role: "roles/cloudsql.viewer" });
        if (instance?.state !== "PENDING_CREATE" || Date.now() > end) return;
        if (!said) say(`Waiting for Cloud SQL to create ${lastPart(id)} ...`);
        await delay(CREATION.pause, undefined, { signal: interrupted });
      }
    },
  };
}

function expand(template: string, inputs: Inputs): string {
  return template.replaceAll(/\{(\w+)\}/g, (_match, name: string) => inputs[name] ?? "");
}
