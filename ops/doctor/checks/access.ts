import { CLIENT_CONDITION } from "../../../infra/names.ts";
import { CONNECT, READ_SECRET } from "../../../policies/model/grants.ts";
import { type Grant, grant, READ_OBJECT } from "../access.ts";
import { type Check, finding, type Judgement, ok } from "../check.ts";
import { type Facts, orNothing } from "../facts.ts";
import type { Binding } from "../../google/policy.ts";
import { NotVisible } from "../../google/reader.ts";

export const account: Check = {
  id: "account",
  title: "Service account",
  causes: ["apis"],
  look: async (facts) => {
    const email = await facts.email();
    const found = await facts.account();
    if (!found) {
      const [name = ""] = email.split("@");
      return finding(`${email} does not exist`, facts.deploy(facts.gcloud("iam", "service-accounts", "create", name)));
    }
    if (!found.disabled) return ok(email);
    return finding(`${email} is disabled`, facts.gcloud("iam", "service-accounts", "enable", email));
  },
};

export const image: Check = {
  id: "image",
  title: "Reading the image",
  causes: ["apis", "service"],
  look: async (facts) => {
    const access = await facts.imageAccess();
    if (!access) return ok("not in another project");
    return judged(access.agent, "on the image's repository", access, access.fix);
  },
};

export const accessor: Check = {
  id: "accessor",
  title: "Reading the secret",
  causes: ["apis", "account", "secret"],
  look: async (facts) => {
    const [email, secret] = await Promise.all([facts.email(), secretInUse(facts)]);
    const versions = await facts.versions(secret);
    if (!versions) throw new NotVisible("the secret does not exist");
    const resource = {
      name: versions[0]?.name ?? `projects/${facts.target.project}/secrets/${secret}/versions/latest`,
      service: "secretmanager.googleapis.com",
      type: "secretmanager.googleapis.com/SecretVersion",
    };
    const member = `serviceAccount:${email}`;
    const policies = [facts.projectPolicy(), facts.secretPolicy(secret)];
    const fix = facts.bind(["secrets", secret], member, READ_SECRET[0]);
    return judged(email, `on ${secret}`, await grant(READ_SECRET, member, resource, policies, facts.now), fix);
  },
};

export const client: Check = {
  id: "client",
  title: "Connecting to Cloud SQL",
  causes: ["apis", "account"],
  look: async (facts) => {
    const email = await facts.email();
    const { name } = await facts.existingInstance();
    const { project } = facts.target;
    const service = "sqladmin.googleapis.com";
    const resource = { name: `projects/${project}/instances/${name}`, service, type: `${service}/Instance` };
    const member = `serviceAccount:${email}`;
    const condition = `resource.service == "${service}" && resource.name == "${resource.name}"`;
    const option = `--condition=title=${CLIENT_CONDITION},expression=${condition}`;
    const granted = await grant(CONNECT, member, resource, [facts.projectPolicy()], facts.now);
    return judged(email, `for ${name}`, granted, facts.bind(["projects", project], member, CONNECT[0], option));
  },
};

export const bucketReader: Check = {
  id: "bucket",
  title: "Migrations bucket",
  causes: ["apis"],
  look: async (facts) => {
    const { bucket, region } = facts.target;
    const { serviceAccountEmailAddress: email } = await facts.existingInstance();
    const policy = facts.bucketPolicy();
    if (!(await policy)) {
      const create = facts.gcloud("storage", "buckets", "create", `gs://${bucket}`, `--location=${region}`);
      return finding(`gs://${bucket} does not exist`, facts.deploy(create));
    }
    const resource = {
      name: `projects/_/buckets/${bucket}/objects/imports`,
      service: "storage.googleapis.com",
      type: "storage.googleapis.com/Object",
    };
    const member = `serviceAccount:${email}`;
    const fix = facts.bind(["storage", "buckets", `gs://${bucket}`], member, READ_OBJECT[0]);
    const granted = await grant(READ_OBJECT, member, resource, [policy, facts.projectPolicy()], facts.now);
    return judged("the instance's account", `on gs://${bucket}`, granted, fix);
  },
};

export const breadth: Check = {
  id: "breadth",
  title: "Least privilege",
  causes: [],
  look: async (facts) => {
    const { project } = facts.target;
    const member = `serviceAccount:${await facts.email()}`;
    const broad = ((await facts.projectPolicy())?.bindings ?? []).filter((binding) => isBroad(binding, member));
    if (broad.length === 0) return ok("no role is broader than needed");
    const remove = (role: string) =>
      facts.gcloud(
        ...["projects", "remove-iam-policy-binding", project],
        ...[`--member=${member}`, `--role=${role}`, "--condition=None"],
      );
    return finding(
      broad.map(({ role }) => `the service's account has ${role} on ${project}`).join("; "),
      broad.map(({ role }) => remove(role)).join(" && "),
    );
  },
};

/** Whether a binding on the whole project grants more than the service needs. */
function isBroad({ role, members = [], condition }: Binding, member: string): boolean {
  const own = [READ_SECRET[0], CONNECT[0], READ_OBJECT[0]] as string[];
  return members.includes(member) && !condition && (/^roles\/(owner|editor)$|admin$/i.test(role) || own.includes(role));
}

async function secretInUse(facts: Facts): Promise<string> {
  return (await facts.pin().catch(orNothing))?.secret ?? facts.target.secret;
}

function judged(who: string, where: string, { granted, why }: Grant, fix: string): Judgement {
  return granted ? ok(`${who} has ${why} ${where}`) : finding(`${who} ${why} ${where}`, fix);
}
