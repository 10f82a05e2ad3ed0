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

/** The commands of this project that the console runs, without the stack: their files and arguments. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  "npm run up --": ["up.ts"],
  "npm run up -- --refresh": ["up.ts", "--refresh"],
  "npm run rotate --": ["rotate.ts"],
  "npm run migration -- recreate": ["migration.ts", "recreate"],
};

/**
 * Carries out those commands of the doctor that are safe on the local stack: the commands of this project that repair it, and three of
 * gcloud's, by the same requests, because few machines have gcloud.
 * @param command As the doctor prints it.
 * @returns Undefined if the console does not run this command.
 */
export function remedyFor(command: string, project: string): Remedy | undefined {
  const words = wordsOf(LOCAL_GCLOUD.exec(command)?.[1] ?? command) ?? [];
  const options = new Map(words.flatMap((word) => (/^--([\w-]+)=(.*)$/s.exec(word) ? [optionOf(word)] : [])));
  const rest = words.filter((word) => !word.includes("="));
  const line = rest.join(" ");
  const own = Object.hasOwn(COMMANDS, line) ? COMMANDS[line] : undefined;
  if (own !== undefined) {
    if (options.get("stack") !== "local" || options.size !== 1) return undefined;
    const [file = "", ...args] = own;
    return (_cloud, jobs) => jobs.run(command, [join(ROOT, "ops", file), ...args, "--stack", "local", "--yes"]);
  }
  if (options.get("project") !== project) return undefined;
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
