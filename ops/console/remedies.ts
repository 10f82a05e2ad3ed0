import { join } from "node:path";
import type { Policy } from "../google/policy.ts";
import { ROOT } from "../engine/stack-file.ts";
import { Refused } from "../../packages/console/server.ts";
import type { Cloud } from "./cloud.ts";
import type { Jobs } from "./jobs.ts";
import { wordsOf } from "./words.ts";

/** How the console carries out a command of the doctor. */
type Remedy = (cloud: Cloud, jobs: Jobs) => Promise<void>;

/** A command of gcloud, as the doctor prints it for the local stack: with the settings of `npm start -- --keep`. */
const LOCAL_GCLOUD = /^\(\. \.local\/start\/env && (gcloud .*)\)$/s;

/**
 * Carries out those commands of the doctor that are safe on the local stack: its own updates and rotations, and three of
 * gcloud's, by the same requests, because few machines have gcloud.
 * @param command As the doctor prints it.
 * @returns Undefined if the console does not run this command.
 */
export function remedyFor(command: string, project: string): Remedy | undefined {
  const words = wordsOf(LOCAL_GCLOUD.exec(command)?.[1] ?? command) ?? [];
  const options = new Map(words.flatMap((word) => (/^--([\w-]+)=(.*)$/s.exec(word) ? [optionOf(word)] : [])));
  const rest = words.filter((word) => !word.includes("="));
  const [verb, script] = [rest.slice(0, 2).join(" "), rest[2] ?? ""];
  if (verb === "npm run" && ["up", "rotate"].includes(script)) {
    const args = rest.slice(4);
    const isSafe = rest[3] === "--" && options.get("stack") === "local" && options.size === 1;
    if (!isSafe || args.some((word) => word !== "--refresh")) return undefined;
    return (_cloud, jobs) =>
      jobs.run(command, [join(ROOT, "ops", `${script}.ts`), "--stack", "local", "--yes", ...args]);
  }
  if (options.get("project") !== project) return undefined;
  const line = rest.join(" ");
  if (line.startsWith("gcloud sql import sql ")) return importing(command, rest, options);
  if (line.startsWith("gcloud secrets add-iam-policy-binding "))
    return bindingOfSecret(command, rest[3] ?? "", options);
  if (line === `gcloud projects add-iam-policy-binding ${project}`) return bindingOfProject(command, options);
  return undefined;
}

type Options = ReadonlyMap<string, string>;

function optionOf(word: string): [string, string] {
  const end = word.indexOf("=");
  return [word.slice(2, end), word.slice(end + 1)];
}

function importing(command: string, [, , , , instance = "", uri = ""]: readonly string[], options: Options): Remedy {
  return (cloud, jobs) =>
    jobs.request(command, cloud, async (reporting) => {
      await reporting.operate("POST", `${cloud.sql}/instances/${instance}/import`, {
        importContext: {
          ...{ uri, database: options.get("database"), importUser: options.get("user") },
          fileType: "SQL",
        },
      });
    });
}

function bindingOfSecret(command: string, secret: string, options: Options): Remedy {
  return (cloud, jobs) =>
    jobs.request(command, cloud, async (reporting) => {
      const path = `${cloud.secrets}/${secret}`;
      const policy = await cloud.read<Policy>(`${path}:getIamPolicy?options.requestedPolicyVersion=3`);
      await reporting.change("POST", `${path}:setIamPolicy`, { policy: withBinding(policy, options) });
    });
}

function bindingOfProject(command: string, options: Options): Remedy {
  return (cloud, jobs) =>
    jobs.request(command, cloud, async (reporting) => {
      const path = `/v1/projects/${cloud.project}`;
      const body = { options: { requestedPolicyVersion: 3 } };
      const policy = await cloud.read<Policy>(`${path}:getIamPolicy`, body);
      await reporting.change("POST", `${path}:setIamPolicy`, { policy: withBinding(policy, options) });
    });
}

/** @throws Refused without a policy, which would otherwise lose all other bindings. */
function withBinding(policy: Policy | undefined, options: Options): Policy {
  if (!policy) throw new Refused("The policy cannot be read.");
  const [role = "", member = ""] = [options.get("role"), options.get("member")];
  // title=T,expression=E; the expression may contain commas and equals signs.
  const [, title, expression] = /^title=([^,]*),(?:.*,)?expression=(.*)$/s.exec(options.get("condition") ?? "") ?? [];
  const condition = title === undefined || expression === undefined ? undefined : { title, expression };
  const added = { role, members: [member], ...(condition && { condition }) };
  return { ...policy, version: 3, bindings: [...(policy.bindings ?? []), added] };
}
