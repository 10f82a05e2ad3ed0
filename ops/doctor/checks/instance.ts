import { APIS } from "../../../infra/api-names.ts";
import { type Check, finding, ok } from "../check.ts";
import { DAY, type Instance, runs } from "../facts.ts";
import { NotVisible } from "../../google/reader.ts";

/** What a request needs; the others watch. */
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

/** A disk this full is about to stop the instance: Cloud SQL shuts it down to protect the data. */
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
    const growth = grows ? "grows by itself" : "does not grow by itself";
    if (used === undefined) throw new NotVisible(`no metric of the last hour; ${size} GB, ${growth}, not shut down`);
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
    if (!found) {
      return finding(
        given === undefined
          ? `there is no instance named ${project}-db-… and none the service mounts`
          : `there is no ${given}`,
        facts.deploy(facts.gcloud("sql", "instances", "list")),
      );
    }
    const place = `${found.name} in ${found.region}${found.gceZone === undefined ? "" : `, zone ${found.gceZone}`}`;
    if (runs(found)) return ok(`${place}, running`);
    return finding(
      `${place} ${describe(found)}`,
      restart(found, (...words) => facts.gcloud(...words)),
    );
  },
};

function describe({ state, settings }: Instance): string {
  return settings.activationPolicy === "NEVER" ? "was stopped (activation policy NEVER)" : `is ${state}`;
}

function restart({ name, settings }: Instance, gcloud: (...words: string[]) => string): string {
  return settings.activationPolicy === "NEVER"
    ? gcloud("sql", "instances", "patch", name, "--activation-policy=ALWAYS")
    : gcloud("sql", "operations", "list", `--instance=${name}`, "--limit=5");
}

/** A certificate that ends in fewer days is due for renewal. */
const LAST_DAYS = 30;

export const certificate: Check = {
  id: "certificate",
  title: "Server certificate",
  causes: ["apis"],
  look: async (facts) => {
    const { name, serverCaCert, settings } = await facts.existingInstance();
    if (serverCaCert?.expirationTime === undefined) throw new NotVisible(`Cloud SQL names no certificate of ${name}`);
    const days = Math.floor((Date.parse(serverCaCert.expirationTime) - facts.now.getTime()) / DAY);
    if (days >= LAST_DAYS) return ok(`ends in ${days} days`);
    // Connectors learn of a new certificate by themselves; other clients must be given it first.
    const steps = settings.connectorEnforcement === "REQUIRED" ? ["create", "rotate"] : ["create"];
    return finding(
      days < 0 ? `has ended on ${serverCaCert.expirationTime}` : `ends in ${days} days`,
      steps.map((step) => facts.gcloud("sql", "ssl", "server-ca-certs", step, `--instance=${name}`)).join(" && "),
    );
  },
};
