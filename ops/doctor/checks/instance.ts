import { APIS } from "../../../infra/api-names.ts";
import { type Check, finding, ok } from "../check.ts";
import { DAY, mounts, orNothing, runs } from "../facts.ts";
import { command } from "../../terminal/command.ts";
import { NotVisible } from "../../google/reader.ts";

/** Those that a request needs. */
const NEEDED = APIS.filter((api) => api !== "logging" && api !== "monitoring");

export const apis: Check = {
  id: "apis",
  title: "APIs",
  causes: [],
  look: async (facts) => {
    const enabled = await facts.enabledApis();
    const missing = NEEDED.map((api) => `${api}.googleapis.com`).filter((api) => !enabled.includes(api));
    if (missing.length === 0) return ok(`${NEEDED.length} enabled`);
    return finding(`not enabled: ${missing.join(", ")}`, facts.gcloud("services", "enable", ...missing));
  },
};

/** From this utilization on, Cloud SQL is about to shut the instance down to protect the data. */
const FULL = 0.95;

export const disk: Check = {
  id: "disk",
  title: "Disk",
  causes: ["apis"],
  look: async (facts) => {
    const instance = await facts.existingInstance();
    const { dataDiskSizeGb: size = "10", storageAutoResize: grows = false } = instance.settings;
    const larger = `--storage-size=${Math.ceil(Number(size) * 1.5)}GB`;
    const fix = facts.gcloud("sql", "instances", "patch", instance.name, larger, "--storage-auto-increase");
    if (instance.outOfDiskReport?.sqlOutOfDiskState === "SOFT_SHUTDOWN") {
      return finding(`full (${size} GB): Cloud SQL has shut ${instance.name} down`, fix);
    }
    const used = await facts.metric("disk/utilization");
    const growth = grows ? "grows automatically" : "does not grow automatically";
    if (used === undefined) throw new NotVisible(`no metric in the last hour; ${size} GB, ${growth}, not shut down`);
    const share = `${Math.round(used * 100)} % of ${size} GB, ${growth}`;
    return used >= FULL ? finding(share, fix) : ok(share);
  },
};

export const instance: Check = {
  id: "instance",
  title: "Instance",
  causes: ["apis", "disk"],
  look: async (facts) => {
    const { instance: given, project } = facts.target;
    const found = await facts.instance();
    const { stack } = facts.target;
    if (!found && stack !== undefined && given === undefined) {
      // A service that mounts an instance was deployed with it.
      const service = await facts.service().catch(orNothing);
      const [mounted] = service ? mounts(service) : [];
      const name = mounted?.split(":").at(-1);
      if (name !== undefined) {
        const again = command("npm", "run", "up", "--", `--stack=${stack}`, "--new-instance");
        return finding(`${name} does not exist any more, nor its databases; a new one is empty`, again);
      }
    }
    if (!found) {
      return finding(
        given === undefined
          ? `no instance is named ${project}-db-… or mounted by the service`
          : `${given} does not exist`,
        facts.deploy(facts.gcloud("sql", "instances", "list")),
      );
    }
    const place = `${found.name} in ${found.region}${found.gceZone === undefined ? "" : `, zone ${found.gceZone}`}`;
    if (runs(found)) return ok(`${place}, running`);
    if (found.settings.activationPolicy === "NEVER") {
      const start = facts.gcloud("sql", "instances", "patch", found.name, "--activation-policy=ALWAYS");
      return finding(`${place} was stopped (activation policy NEVER)`, start);
    }
    const operations = facts.gcloud("sql", "operations", "list", `--instance=${found.name}`, "--limit=5");
    return finding(`${place} is ${found.state}`, operations);
  },
};

/** A certificate that expires in fewer days is due for renewal. */
const LAST_DAYS = 30;

export const certificate: Check = {
  id: "certificate",
  title: "Server certificate",
  causes: ["apis"],
  look: async (facts) => {
    const { name, serverCaCert, settings } = await facts.existingInstance();
    if (serverCaCert?.expirationTime === undefined)
      throw new NotVisible(`Cloud SQL reports no certificate for ${name}`);
    const days = Math.floor((Date.parse(serverCaCert.expirationTime) - facts.now.getTime()) / DAY);
    if (days >= LAST_DAYS) return ok(`expires in ${days} days`);
    const found = days < 0 ? `expired on ${serverCaCert.expirationTime}` : `expires in ${days} days`;
    const step = (verb: string) => facts.gcloud("sql", "ssl", "server-ca-certs", verb, `--instance=${name}`);
    // Connectors fetch the new certificate themselves; other clients need it before the rotation.
    if (settings.connectorEnforcement === "REQUIRED") return finding(found, `${step("create")} && ${step("rotate")}`);
    const next = await facts.nextServerCa();
    if (!next) return finding(found, step("create"));
    return finding(
      `${found}; once every client has the one created at ${next.createTime ?? ""}, rotate`,
      step("rotate"),
    );
  },
};
