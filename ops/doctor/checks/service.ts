import { parseConnectionName } from "../../../infra/connection.ts";
import { DATABASE_URL } from "../../../infra/names.ts";
import { lastPart } from "../../../infra/google.ts";
import { AGENT_ROLE, grantCommand, repositoryOf } from "../../google/images.ts";
import { type Check, finding, ok } from "../check.ts";
import { CREDENTIAL, PARTS } from "./causes.ts";
import { NotVisible } from "../../google/reader.ts";
import { usableVersion } from "./secrets.ts";
import { type EnvVar, environment, type Facts, mounts, numberOf, orNothing } from "../facts.ts";

export const project: Check = {
  id: "project",
  title: "Project",
  causes: [],
  look: async (facts) => {
    const { project: id } = facts.target;
    if (await facts.projectExists().catch(orNothing)) return ok(id);
    throw new NotVisible(`${id} does not exist, or this caller may not see it`, "roles/viewer on the project");
  },
};

export const service: Check = {
  id: "service",
  title: "Service",
  causes: ["apis"],
  look: async (facts) => {
    const { region, service: name } = facts.target;
    const found = await facts.service();
    if (!found) {
      return finding(
        `${name} does not exist in ${region}`,
        facts.deploy(facts.gcloud("run", "services", "list", `--region=${region}`)),
      );
    }
    return ok(`${name} in ${region}, ${found.template.containers?.[0]?.image ?? "no image"}`);
  },
};

export const databaseUrl: Check = {
  id: "database-url",
  title: DATABASE_URL,
  causes: ["apis", "secret"],
  look: async (facts) => {
    const { secret } = facts.target;
    const variables = environment(await facts.existingService());
    const url = variables.find(({ name }) => name === DATABASE_URL);
    const newest = await usableVersion(facts, (await facts.versions(secret).catch(orNothing)) ?? []);
    const version = newest ? numberOf(newest) : "latest";
    const reference = `--update-secrets=DATABASE_URL=${secret}:${version}`;
    const use = facts.updateService(reference);
    if (!url) return finding("DATABASE_URL is not set", use);
    const used = url.valueSource?.secretKeyRef;
    if (!used) {
      const kind = isOtherDatabase(url)
        ? "names a database that is not PostgreSQL"
        : "is plain text, not a reference to a secret";
      return finding(`DATABASE_URL ${kind}`, facts.updateService("--remove-env-vars=DATABASE_URL", reference));
    }
    const fallback = variables.find((variable) => variable !== url && isOtherDatabase(variable));
    if (fallback) {
      return finding(
        `${fallback.name} names another database, which hides a missing DATABASE_URL`,
        facts.updateService(`--remove-env-vars=${fallback.name}`),
      );
    }
    const id = lastPart(used.secret ?? "");
    if (id !== secret) return finding(`DATABASE_URL comes from ${id}, not from ${secret}`, use);
    return ok(`from ${id}, no other database`);
  },
};

export const connectionName: Check = {
  id: "connection-name",
  title: "Connection name",
  causes: ["apis", "instance"],
  look: async (facts) => {
    const mounted = mounts(await facts.existingService());
    const { connectionName: expected } = await facts.existingInstance();
    // gcloud asks for this API, which does nothing else.
    const enable = facts.gcloud("services", "enable", "sql-component.googleapis.com");
    const fix = facts.deploy(`${enable} && ${facts.updateService(`--set-cloudsql-instances=${expected}`)}`);
    if (mounted.includes(expected)) return ok(expected);
    const [first] = mounted;
    if (first === undefined) return finding("the service mounts no Cloud SQL socket", fix);
    const parsed = parseConnectionName(first);
    return finding(
      parsed.ok ? `the service mounts ${first}, not ${expected}` : `the service mounts "${first}": ${parsed.problem}`,
      fix,
    );
  },
};

export const revision: Check = {
  id: "revision",
  title: "Newest revision",
  causes: [...PARTS, "image", ...CREDENTIAL],
  look: async (facts) => {
    const {
      latestCreatedRevision = "none",
      latestReadyRevision,
      terminalCondition,
      template,
    } = await facts.existingService();
    const newest = lastPart(latestCreatedRevision);
    if (terminalCondition?.state === "CONDITION_SUCCEEDED") return ok(`${newest} is ready`);
    if (terminalCondition?.state !== "CONDITION_FAILED") return ok(`${newest} is being rolled out`);
    const serving =
      latestReadyRevision === undefined ? "no revision serves" : `${lastPart(latestReadyRevision)} still serves`;
    const why = (terminalCondition.message ?? "").split("\n")[0] ?? "";
    const image = template.containers?.[0]?.image;
    // Cloud Run does not try again by itself once the cause is gone; gcloud always makes a new revision.
    const again = facts.updateService(`--image=${image ?? ""}`);
    const [, agent, denied = ""] =
      /Service Agent (\S+) must have permission to read the image, (\S+)\. /.exec(why) ?? [];
    const repository = repositoryOf(denied);
    if (repository) {
      const found = `not ready, ${serving}: ${agent ?? ""} may not read the image ${denied}`;
      const member = `serviceAccount:${agent ?? ""}`;
      const { project } = facts.target;
      const own = facts.bind(["projects", project], member, AGENT_ROLE);
      const grant = repository.project === project ? own : grantCommand(repository, member);
      return finding(found, `${grant} && ${again}`);
    }
    const ready = await facts.readyImage().catch(orNothing);
    const found = `not ready, ${serving}: ${why}`;
    if (ready === undefined || image === undefined) return finding(found, logs(facts, newest));
    if (ready === image) return finding(found, again);
    const { image: declared, stack } = facts.target;
    if (declared !== undefined && declared !== image) {
      return finding(`${found}; the stack declares ${declared}`, facts.updateService(`--image=${declared}`));
    }
    const note = stack === undefined ? "" : `; also correct settlement:service.image in Pulumi.${stack}.yaml`;
    return finding(`${found}${note}`, facts.updateService(`--image=${ready}`));
  },
};

/** Values of variables may contain credentials and are never shown. */
function isOtherDatabase({ name, value = "" }: EnvVar): boolean {
  return /^(sqlite|mysql|mariadb|mssql|oracle|file)\b[^/]*:/i.test(value) || /sqlite|\.db$/i.test(`${name} ${value}`);
}

function logs(facts: Facts, revisionName: string): string {
  const filter = `resource.type="cloud_run_revision" AND resource.labels.revision_name="${revisionName}"`;
  return facts.gcloud("logging", "read", filter, "--limit=50");
}
