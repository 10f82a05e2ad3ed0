import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Row } from "../../ops/doctor/diagnosis.ts";
import { done, ROOT as SQL } from "../packages/embedded-google-cloud/apis/cloudsql/setup.ts";
import { LONG_FORM } from "../long-form.ts";
import { scenario } from "../scenario.ts";
import { CloudRunV1 } from "./cloud-run-v1.ts";
import {
  ACCOUNT,
  BUCKET,
  checksWith,
  DoctorSetting,
  INSTANCE,
  MEMBER,
  MIGRATION,
  PROJECT,
  READER,
  SECRET,
  VIEWER,
} from "./doctor-setting.ts";
import { ON_A_SETTING } from "./documented.ts";
import { Ran } from "./printed.ts";
import { shell } from "./shell.ts";
import { TlsProxy } from "./tls-proxy.ts";

jest.setTimeout(120_000);

const missing = ["gcloud", "psql"].filter((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
const DEPLOYER = `serviceAccount:deployer@${PROJECT}.iam.gserviceaccount.com`;
const SERVICE = `/v2/projects/${PROJECT}/locations/us-central1/services/settlement-service`;
const SECRETS = `/v1/projects/${PROJECT}/secrets`;
const ACCOUNTS = `/v1/projects/${PROJECT}/serviceAccounts`;
const COMPUTE = `/compute/v1/projects/${PROJECT}`;
const CONNECTIONS = "/v1/services/servicenetworking.googleapis.com/connections";

/** A change that somebody made manually, and what the doctor says about it. */
interface Fault {
  readonly make: () => Promise<unknown>;
  readonly findings: readonly string[];
  /** Who looks; by default who may do all. The viewer does not call the service, which retries for 30 seconds without a database. */
  readonly as?: string;
  /** What the findings say, joined by lines. */
  readonly found: RegExp;
  readonly consequences?: readonly string[];
  /** The programs that the printed commands need. */
  readonly needs: readonly string[];
  /** Repairs it in `npm test`, where a command of the same kind runs for another fault; by default the printed one runs. */
  readonly undo?: () => Promise<unknown>;
  /** Looks at what must be left after the command. */
  readonly after?: () => Promise<void>;
}

describe("what was opened, closed or moved manually", () => {
  const step = scenario();
  const setting = new DoctorSetting();
  const { embedded } = setting;
  const run = new CloudRunV1();
  /** gcloud has no setting for the address of this API. */
  const proxy = new TlsProxy("servicenetworking.googleapis.com");
  const ran = new Ran("doctor-access.test.ts");
  /** The lines of shell that lead gcloud to the embedded cloud. */
  let tools: string;

  beforeAll(async () => {
    await setting.start();
    await setting.importSchema();
    appendFileSync(join(setting.root, "Pulumi.test.yaml"), `  settlement:deployer: ${DEPLOYER.split(":")[1] ?? ""}\n`);
    await embedded.post(ACCOUNTS, { accountId: "deployer" });
    await setting.deploy();
    await embedded.post(`/v1/projects/${PROJECT}/services/iamcredentials.googleapis.com:enable`);
    // The doctor calls the service as the deployer.
    await bind(`${ACCOUNTS}/${DEPLOYER.split(":")[1] ?? ""}`, "roles/iam.serviceAccountOpenIdTokenCreator", READER);
    await bind(SERVICE, "roles/run.invoker", DEPLOYER);
    tools = `${await setting.tools(run)}; ${await proxy.start(embedded.cloud.url)}`;
  });
  afterAll(async () => {
    await run.stop();
    await proxy.stop();
    ran.compare();
    await setting.end();
  });

  const service = async (change: object, ...mask: string[]) => {
    const begun = await embedded.patch(`${SERVICE}?updateMask=${mask.join(",")}`, change);
    expect([begun.status, begun.body]).toEqual([200, expect.anything()]);
    await embedded.post(`/v2/${begun.body.name as string}:wait`);
  };
  const instance = async (settings: object) => {
    await done(embedded, await embedded.patch(`${SQL}/instances/${INSTANCE}`, { settings }));
  };
  /** Adds a binding to a policy. */
  const bind = async (resource: string, role: string, ...members: string[]) => {
    const read = (verb: "get" | "post") => embedded[verb](`${resource}:getIamPolicy`);
    const policy = (await read(resource.startsWith(ACCOUNTS) ? "post" : "get")).body;
    const bindings = [...((policy.bindings ?? []) as object[]), { role, members }];
    await setPolicy(resource, { ...policy, bindings });
  };
  const setPolicy = async (resource: string, policy: object) => {
    const { status, body } = await embedded.post(`${resource}:setIamPolicy`, { policy });
    expect([status, body]).toEqual([200, expect.anything()]);
  };
  const newest = async () => (await embedded.get(SERVICE)).body.latestReadyRevision as string;
  const last = (name: string) => name.split("/").at(-1) ?? "";
  const LATEST = { type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST" };
  const pinned = { type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION" };

  const faults: Record<string, Fault> = {
    "traffic that stays on a former revision": {
      make: async () => {
        const former = last(await newest());
        await setting.deploy();
        await service({ traffic: [{ ...pinned, revision: former, percent: 100 }] }, "traffic");
      },
      undo: () => service({ traffic: [{ ...LATEST, percent: 100 }] }, "traffic"),
      findings: ["traffic"],
      found:
        /^pinned: 100 % to settlement-service-00001-\w+; settlement-service-00002-\w+, the newest ready revision, does not get it$/,
      needs: ["gcloud"],
    },
    "a service scaled to zero": {
      make: () => service({ scaling: { scalingMode: "MANUAL", manualInstanceCount: 0 } }, "scaling"),
      undo: () => service({ scaling: { scalingMode: "AUTOMATIC" } }, "scaling"),
      findings: ["scaling"],
      found: /^no instance runs: the service was scaled to zero manually, and answers 503$/,
      consequences: ["answer"],
      needs: ["gcloud"],
    },
    "ingress from the internal network only, and no default URL": {
      make: () =>
        service(
          { ingress: "INGRESS_TRAFFIC_INTERNAL_ONLY", defaultUriDisabled: true },
          "ingress",
          "defaultUriDisabled",
        ),
      undo: () =>
        service({ ingress: "INGRESS_TRAFFIC_ALL", defaultUriDisabled: false }, "ingress", "defaultUriDisabled"),
      findings: ["ingress"],
      found: /^requests from the internet are refused \(INGRESS_TRAFFIC_INTERNAL_ONLY\); the default URL is disabled$/,
      needs: ["gcloud"],
    },
    "callers that the stack does not declare": {
      make: async () => {
        await bind(SERVICE, "roles/run.invoker", "allUsers");
        const condition = { title: "until 2099", expression: 'request.time < timestamp("2099-01-01T00:00:00Z")' };
        const { body: policy } = await embedded.get(`${SERVICE}:getIamPolicy?options.requestedPolicyVersion=3`);
        const expiring = { role: "roles/run.invoker", members: [VIEWER], condition };
        const bindings = [...(policy.bindings as object[]), expiring];
        await setPolicy(SERVICE, { ...policy, version: 3, bindings });
        await service({ invokerIamDisabled: true }, "invokerIamDisabled");
      },
      undo: async () => {
        await setPolicy(SERVICE, { bindings: [{ role: "roles/run.invoker", members: [DEPLOYER] }] });
        await service({ invokerIamDisabled: false }, "invokerIamDisabled");
      },
      findings: ["invokers"],
      found:
        /^everyone, because the invoker check is off; allUsers has roles\/run.invoker; user:viewer@example.com has roles\/run.invoker; the stack declares no such caller$/,
      needs: ["gcloud"],
      after: async () => {
        const { bindings } = (await embedded.get(`${SERVICE}:getIamPolicy`)).body;
        expect(bindings).toEqual([{ role: "roles/run.invoker", members: [DEPLOYER] }]);
      },
    },
    "secret, account and bucket opened to others": {
      make: async () => {
        const accessor = "roles/secretmanager.secretAccessor";
        await bind(`${SECRETS}/${SECRET}`, accessor, "allAuthenticatedUsers");
        await embedded.post("/v1/projects/fusion-spare/serviceAccounts", { accountId: "stranger" });
        const stranger = "serviceAccount:stranger@fusion-spare.iam.gserviceaccount.com";
        await bind(`${ACCOUNTS}/${ACCOUNT}`, "roles/iam.serviceAccountTokenCreator", stranger, DEPLOYER);
        const { body } = await embedded.get(`/storage/v1/b/${BUCKET}/iam?optionsRequestedPolicyVersion=3`);
        const bindings = [...(body.bindings as object[]), { role: "roles/storage.objectUser", members: ["allUsers"] }];
        expect((await embedded.put(`/storage/v1/b/${BUCKET}/iam`, { ...body, bindings })).status).toBe(200);
      },
      undo: async () => {
        await setting.bindSecret(SECRET, true);
        await setPolicy(`${ACCOUNTS}/${ACCOUNT}`, { bindings: [] });
        const { body } = await embedded.get(`/storage/v1/b/${BUCKET}/iam?optionsRequestedPolicyVersion=3`);
        const bindings = (body.bindings as { role: string }[]).filter(
          ({ role }) => role !== "roles/storage.objectUser",
        );
        expect((await embedded.put(`/storage/v1/b/${BUCKET}/iam`, { ...body, bindings })).status).toBe(200);
      },
      findings: ["outsiders"],
      found:
        /^serviceAccount:stranger@fusion-spare\S+ has roles\/iam.serviceAccountTokenCreator on settlement-service@\S+; allUsers has roles\/storage.objectUser on gs:\/\/fusion-prime-migrations; allAuthenticatedUsers has roles\/secretmanager.secretAccessor on settlement-db-connection-string$/,
      needs: ["gcloud"],
      after: async () => {
        const { bindings } = (await embedded.get(`${SECRETS}/${SECRET}:getIamPolicy`)).body;
        const members = (bindings as { members: string[] }[]).flatMap((binding) => binding.members);
        expect(members.sort()).toEqual([MEMBER, READER]);
        const left = (await embedded.post(`${ACCOUNTS}/${ACCOUNT}:getIamPolicy`)).body.bindings;
        expect(left).toEqual([{ role: "roles/iam.serviceAccountTokenCreator", members: [DEPLOYER] }]);
      },
    },
    "an instance open to the internet, also without connector and TLS": {
      make: () =>
        instance({
          connectorEnforcement: "NOT_REQUIRED",
          ipConfiguration: {
            sslMode: "ALLOW_UNENCRYPTED_AND_ENCRYPTED",
            authorizedNetworks: [{ value: "0.0.0.0/0" }, { name: "office", value: "198.51.100.7" }],
          },
        }),
      undo: () =>
        instance({
          connectorEnforcement: "REQUIRED",
          ipConfiguration: { sslMode: "ENCRYPTED_ONLY", authorizedNetworks: [] },
        }),
      findings: ["authorized-networks", "encryption"],
      found:
        /admits clients from 0.0.0.0\/0 \(the internet\), 198.51.100.7\S*; the stack declares no network\nconnector enforcement NOT_REQUIRED, TLS mode ALLOW_UNENCRYPTED_AND_ENCRYPTED; the stack/,
      needs: ["gcloud"],
    },
    "tables with another owner, without a privilege and open to every login": {
      make: () =>
        setting.importSchema(
          "ALTER TABLE settlement_commands OWNER TO settlement_user; GRANT SELECT ON webhook_subscriptions TO PUBLIC; " +
            "REVOKE INSERT ON webhook_subscriptions FROM settlement_owner;",
        ),
      findings: ["privileges"],
      found:
        /^settlement_commands belongs to settlement_user, not to settlement_owner; the service's login may not INSERT on webhook_subscriptions; every login has privileges on webhook_subscriptions$/,
      consequences: ["schema-drift"],
      needs: ["gcloud", "psql"],
    },
    "a version in use that will be destroyed": {
      make: async () => {
        await embedded.patch(`${SECRETS}/${SECRET}?updateMask=versionDestroyTtl`, { versionDestroyTtl: "604800s" });
        expect((await embedded.post(`${SECRETS}/${SECRET}/versions/1:destroy`)).status).toBe(200);
      },
      undo: () => embedded.post(`${SECRETS}/${SECRET}/versions/1:enable`),
      findings: ["destruction"],
      found:
        /^version 1 of settlement-db-connection-string \(the service reads\) is disabled, and will be destroyed on 20\d\d-/,
      consequences: ["secret"],
      needs: ["gcloud"],
    },
    "a private instance, and a service outside its network": {
      make: async () => {
        const serviceIds = ["compute.googleapis.com", "servicenetworking.googleapis.com"];
        await embedded.post(`/v1/projects/${PROJECT}/services:batchEnable`, { serviceIds });
        const network = `projects/${PROJECT}/global/networks/settlement`;
        await embedded.post(`${COMPUTE}/global/networks`, { name: "settlement", autoCreateSubnetworks: false });
        await embedded.post(`${COMPUTE}/regions/us-central1/subnetworks`, {
          name: "settlement",
          network,
          ipCidrRange: "10.8.0.0/24",
        });
        const range = {
          purpose: "VPC_PEERING",
          addressType: "INTERNAL",
          address: "10.9.0.0",
          prefixLength: 20,
          network,
        };
        await embedded.post(`${COMPUTE}/global/addresses`, { name: "settlement-services", ...range });
        await embedded.post(CONNECTIONS, { network, reservedPeeringRanges: ["settlement-services"] });
        await instance({ ipConfiguration: { ipv4Enabled: false, privateNetwork: network } });
        await setting.deploy();
      },
      as: VIEWER,
      findings: ["network-path"],
      found: /^the instance has a private address in settlement, and the service is in no network$/,
      consequences: ["revision"],
      needs: ["gcloud"],
    },
    "a public address of an instance that the stack declares as private": {
      make: async () => {
        appendFileSync(join(setting.root, "Pulumi.test.yaml"), "  settlement:network:\n    name: settlement\n");
        await instance({ ipConfiguration: { ipv4Enabled: true } });
      },
      as: VIEWER,
      undo: () => instance({ ipConfiguration: { ipv4Enabled: false } }),
      findings: ["authorized-networks"],
      found: /has a public address; the stack declares only a private one$/,
      needs: ["gcloud"],
    },
    "a network without its connection to Google's": {
      make: async () => {
        const consumerNetwork = `projects/${PROJECT}/global/networks/settlement`;
        const peering = `${CONNECTIONS}/servicenetworking-googleapis-com`;
        expect((await embedded.post(peering, { consumerNetwork })).status).toBe(200);
      },
      as: VIEWER,
      findings: ["network-path"],
      found: /^settlement has no private services connection to Google's network, where the instance is$/,
      needs: ["gcloud"],
    },
  };

  step("a tag left over is no fault", async () => {
    const tagged = { ...pinned, revision: last(await newest()), tag: "before" };
    await service({ traffic: [{ ...LATEST, percent: 100 }, tagged] }, "traffic");
    expect(checksWith(await setting.look(), "finding")).toEqual([]);
  });

  const texts = (rows: readonly Row[], part: "found" | "fix") =>
    rows.flatMap((row) => (row.verdict === "finding" ? [row[part] ?? ""] : []));

  for (const [name, fault] of Object.entries(faults)) {
    const { after, as = READER, consequences = [], findings, found, make, needs, undo } = fault;
    let rows: readonly Row[];

    step(`finds ${name}`, async () => {
      await make();
      // The log of what fails now may come later.
      rows = (await setting.look(as)).filter(({ check }) => check !== "errors");
      // Without the programs, what was found before is left.
      if (missing.length > 0) rows = rows.filter(({ check }) => [...findings, ...consequences].includes(check));
      expect([checksWith(rows, "finding"), checksWith(rows, "consequence")]).toEqual([findings, consequences]);
      expect(texts(rows, "found").join("\n")).toMatch(found);
    });

    if (undo && !LONG_FORM) {
      step("prints what the long form has run, and is content once it is repaired", async () => {
        for (const row of rows.filter(({ verdict }) => verdict === "finding")) ran.requireRecorded(name, row);
        await undo();
        expect((await setting.look()).filter(({ verdict }) => verdict !== "ok")).toEqual([]);
      });
      continue;
    }
    const lacks = needs.filter((program) => missing.includes(program));
    (lacks.length === 0 ? step : step.skip)(`runs what it prints, with ${needs.join(" and ")}`, async () => {
      for (const line of texts(rows, "fix")) await paste(line);
      for (const row of rows.filter(({ verdict }) => verdict === "finding")) ran.note(name, row);
      expect((await setting.look()).filter(({ verdict }) => verdict !== "ok")).toEqual([]);
      await after?.();
    });
  }

  (missing.includes("gcloud") ? step.skip : step.inLongForm)("runs what the documents print on it", async () => {
    const jobs = `/v2/projects/${PROJECT}/locations/us-central1/jobs`;
    const template = { template: { serviceAccount: ACCOUNT, maxRetries: 0, containers: [{ image: MIGRATION }] } };
    const begun = await embedded.post(`${jobs}?jobId=settlement-migration`, { template });
    await embedded.post(`/v2/${begun.body.name as string}:wait`);
    const { revisions } = (await embedded.get(`${SERVICE}/revisions`)).body as { revisions: { name: string }[] };
    const env = { ...process.env, INSTANCE, REVISION: last(revisions.at(-1)?.name ?? "") };
    for (const [line, said] of ON_A_SETTING) {
      const { code, output } = await shell(`${tools}; ${line}`, { cwd: setting.root, env });
      const text = stripVTControlCharacters(output);
      expect([line, code, text]).toEqual([line, 0, expect.stringContaining(said)]);
    }
    const { body } = await embedded.post("/v2/entries:list", {
      resourceNames: [`projects/${PROJECT}`],
      filter: 'resource.type="cloud_run_job"',
    });
    expect(JSON.stringify(body)).toContain(
      "--migrations-dir=/migrations/job --migrations-table=job_migrations migrate",
    );
  });

  async function paste(line: string): Promise<void> {
    const { code, output } = await shell(`${tools}; ${line}`, { cwd: setting.root });
    expect([line, code, code === 0 ? "" : output]).toEqual([line, 0, ""]);
  }
});
