import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";
import { ECHO, FAILING, HOLDING, SILENT, SLOW } from "./programs.ts";
import { MEMBER, PARENT, PROJECT, Setting, until } from "./setting.ts";

const LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST";
const REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";
const ECHO_IMAGE = { image: "echo" };

interface Echo {
  pid: number;
  method: string;
  url: string;
  headers: Record<string, string>;
  env: Record<string, string>;
  length: number;
  body: string;
}

describe("requests to Cloud Run services", () => {
  const setting = new Setting({ echo: ECHO, failing: FAILING, silent: SILENT, slow: SLOW, holding: HOLDING });
  beforeAll(() => setting.start());
  afterAll(() => setting.end());

  const uriOf = async (name: string) => (await setting.service(name)).uri ?? "";
  const echo = async (url: string) => JSON.parse((await setting.call("GET", url)).text) as Echo;

  it("from the internet reach a service only with open ingress, its default URL, and instances", async () => {
    await setting.deploy("closed", ECHO_IMAGE);
    const uri = await uriOf("closed");
    const answers = async (change: object, mask: string) => {
      const { body } = await setting.call("PATCH", `${PARENT}/services/closed?updateMask=${mask}`, change);
      await setting.call("POST", `/v2/${(body as { name: string }).name}:wait`, {});
      return (await setting.call("GET", uri)).status;
    };
    for (const ingress of ["INTERNAL_ONLY", "INTERNAL_LOAD_BALANCER", "NONE"]) {
      expect([ingress, await answers({ ingress: `INGRESS_TRAFFIC_${ingress}` }, "ingress")]).toEqual([ingress, 404]);
    }
    expect(await answers({ ingress: "INGRESS_TRAFFIC_ALL" }, "ingress")).toBe(200);
    expect(await answers({ defaultUriDisabled: true }, "defaultUriDisabled")).toBe(404);
    expect(await answers({ defaultUriDisabled: false }, "defaultUriDisabled")).toBe(200);
    const manual = (manualInstanceCount: number) => ({ scaling: { scalingMode: "MANUAL", manualInstanceCount } });
    expect(await answers(manual(0), "scaling")).toBe(503);
    expect(await answers(manual(1), "scaling")).toBe(200);
    expect(await answers({ scaling: {} }, "scaling")).toBe(200);
  });

  it("reach the process unchanged, except for the caller's token", async () => {
    await setting.deploy("plain", ECHO_IMAGE);
    const uri = await uriOf("plain");
    const body = `{ "spaces":   "kept" }`;
    const response = await fetch(`${uri}/some/path?a=1&b=%20`, {
      method: "PUT",
      body,
      headers: {
        authorization: `Bearer ${setting.identities.ownerToken}`,
        "content-type": "application/json",
        "x-mine": "1",
      },
    });
    expect(response.headers.get("x-echo")).toBe("yes");
    const seen = (await response.json()) as Echo;
    expect(seen).toMatchObject({
      method: "PUT",
      url: "/some/path?a=1&b=%20",
      body,
      headers: { "x-mine": "1", "content-length": String(body.length), host: uri.split("/").at(-1) },
    });
    expect(seen.headers.authorization).toBeUndefined();
    expect((await setting.call("GET", `${uri}/teapot`)).status).toBe(418);
    expect((await echo(uri)).url).toBe("/");
    await until(() => requestsOf("plain").length === 3);
    expect(requestsOf("plain")).toMatchObject([
      {
        severity: "INFO",
        httpRequest: {
          requestMethod: "PUT",
          requestUrl: `${uri}/some/path?a=1&b=%20`,
          status: 200,
          requestSize: String(body.length),
          latency: expect.stringMatching(/^\d\.\d+s$/) as string,
        },
      },
      { severity: "WARNING", httpRequest: { status: 418 } },
      { severity: "INFO" },
    ]);
  });

  const requestsOf = (service: string) =>
    setting.entries
      .list(PROJECT)
      .filter((entry) => entry.httpRequest && inspect(entry.resource).includes(`service_name: '${service}'`));

  it("can have bodies up to Cloud Run's limit", async () => {
    const headers = {
      authorization: `Bearer ${setting.identities.ownerToken}`,
      "content-type": "application/octet-stream",
    };
    const send = (megabytes: number) =>
      fetch(`${setting.url}/run/${hostname}`, {
        method: "POST",
        headers,
        body: Buffer.alloc(megabytes * 1024 * 1024, "x"),
      });
    const hostname = (await uriOf("plain")).split("/").at(-1) ?? "";
    expect(((await (await send(20)).json()) as Echo).length).toBe(20 * 1024 * 1024);
    expect((await send(33)).status).toBe(413);
  });

  it("require run.routes.invoke on the service", async () => {
    const uri = await uriOf("plain");
    const anonymous = await setting.call("GET", `${uri}/secret`, undefined, "");
    expect(anonymous.status).toBe(403);
    expect(anonymous.text).toContain("Your client does not have permission to get URL /secret from this server.");
    const token = setting.identities.tokenFor(MEMBER);
    expect((await setting.call("GET", uri, undefined, token)).status).toBe(403);
    const allow = (...members: string[]) =>
      setting.call("POST", `${PARENT}/services/plain:setIamPolicy`, {
        policy: { bindings: [{ role: "roles/run.invoker", members }] },
      });
    await allow(MEMBER);
    expect((await setting.call("GET", uri, undefined, token)).status).toBe(200);
    expect((await setting.call("GET", uri, undefined, setting.identities.idTokenFor(MEMBER, uri))).status).toBe(200);
    const other = setting.identities.idTokenFor(MEMBER, uri.replace("/run/", "/run/tag---"));
    expect((await setting.call("GET", uri, undefined, other)).status).toBe(401);
    expect((await setting.call("GET", uri, undefined, "")).status).toBe(403);
    await allow("allUsers");
    expect((await setting.call("GET", uri, undefined, "")).status).toBe(200);
    await setting.operate("POST", `${PARENT}/services?serviceId=open`, {
      invokerIamDisabled: true,
      template: { containers: [ECHO_IMAGE] },
    });
    expect((await setting.call("GET", await uriOf("open"), undefined, "")).status).toBe(200);
  });

  it("get 404 without a service or tag, and 503 without a ready revision", async () => {
    expect((await setting.call("GET", `${setting.url}/run/nothing-uc.a.run.app`)).status).toBe(404);
    const uri = await uriOf("plain");
    expect((await setting.call("GET", uri.replace("/run/", "/run/tag---"))).status).toBe(404);
    await setting.deploy("never", {
      image: "silent",
      startupProbe: { tcpSocket: {}, periodSeconds: 1, failureThreshold: 1 },
    });
    expect((await setting.call("GET", await uriOf("never"))).status).toBe(503);
  });

  it("reach a tagged revision without traffic, and follow the traffic", async () => {
    await setting.deploy("rollout", { ...ECHO_IMAGE, env: [{ name: "WHICH", value: "old" }] });
    const uri = await uriOf("rollout");
    const old = (await setting.service("rollout")).latestReadyRevision?.split("/").at(-1);
    const next = { ...ECHO_IMAGE, env: [{ name: "WHICH", value: "new" }] };
    const candidate = { type: LATEST, percent: 0, tag: "candidate" };
    await setting.redeploy("rollout", next, {
      service: { traffic: [{ type: REVISION, revision: old, percent: 100 }, candidate] },
    });
    const service = await setting.service("rollout");
    const tagged = service.trafficStatuses?.[1] as unknown as { uri: string };
    expect(tagged.uri).toBe(uri.replace("/run/", "/run/candidate---"));
    expect((await echo(uri)).env.WHICH).toBe("old");
    expect((await echo(tagged.uri)).env.WHICH).toBe("new");

    await setting.redeploy("rollout", next, { service: { traffic: [{ type: LATEST, percent: 100 }] } });
    expect((await echo(uri)).env.WHICH).toBe("new");
    expect((await setting.call("GET", tagged.uri)).status).toBe(404);

    const halves = [
      { type: LATEST, percent: 50 },
      { type: REVISION, revision: old, percent: 50 },
    ];
    await setting.redeploy("rollout", next, { service: { traffic: halves } });
    const seen = new Set<string | undefined>();
    for (let tries = 0; tries < 100 && seen.size < 2; tries++) seen.add((await echo(uri)).env.WHICH);
    expect(seen).toEqual(new Set(["old", "new"]));

    const gone = await setting.redeploy("rollout", next, {
      service: { traffic: [{ type: REVISION, revision: "rollout-gone", percent: 100 }] },
    });
    expect(gone.error?.message).toContain("Revision 'rollout-gone' does not exist or is deleted.");
    expect((await setting.call("GET", uri)).status).toBe(200);
  });

  it("never fail while revisions replace each other", async () => {
    await setting.deploy("steady", { image: "slow", env: [{ name: "N", value: "0" }] });
    const uri = await uriOf("steady");
    const slow = setting.call("GET", `${uri}/slow`);
    const statuses: number[] = [];
    const over = new AbortController();
    const client = (async () => {
      while (!over.signal.aborted) statuses.push((await setting.call("GET", uri)).status);
    })();
    for (const value of ["1", "2", "3"])
      await setting.redeploy("steady", { image: "slow", env: [{ name: "N", value }] });
    over.abort();
    await client;
    expect(statuses.length).toBeGreaterThan(3);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect((await slow).text).toMatch(/^steady-00001-/);
  });

  it("start another instance when each has all that it may get, up to the service's limit, and then wait for a place", async () => {
    await setting.deploy(
      "small",
      { image: "holding" },
      {
        template: { maxInstanceRequestConcurrency: 1 },
        service: { scaling: { maxInstanceCount: 2 } },
      },
    );
    const uri = await uriOf("small");
    const file = join(setting.folder, "released");
    const calls = [1, 2, 3].map(() => setting.call("GET", `${uri}/${encodeURIComponent(file)}`));
    // A fourth one with nothing to wait for has no place either.
    const fourth = setting.call("GET", uri);
    expect(await Promise.race([fourth, ...calls, delay(300, "none answered")])).toBe("none answered");
    writeFileSync(file, "");
    const answers = (await Promise.all([...calls, fourth])).map(({ status, text }) => `${status} ${text}`);
    expect(answers.every((answer) => /^200 \d+$/.test(answer))).toBe(true);
    expect(new Set(answers).size).toBe(2);
  });

  it("restart an ended process only once", async () => {
    const uri = await uriOf("plain");
    const { pid } = await echo(uri);
    process.kill(pid, "SIGKILL");
    await gone(pid);
    const pids = (await Promise.all(Array.from({ length: 5 }, () => echo(uri)))).map((seen) => seen.pid);
    expect(new Set(pids).size).toBe(1);
    expect(pids).not.toContain(pid);
  });

  it("start a process after a restart, with the current value of its secret", async () => {
    const password = randomBytes(12).toString("hex");
    await setting.secret("cold", password);
    setting.grant("roles/secretmanager.secretAccessor", MEMBER);
    const env = [{ name: "PASSWORD", valueSource: { secretKeyRef: { secret: "cold" } } }];
    await setting.deploy("cold", { ...ECHO_IMAGE, env });
    const before = await uriOf("cold");
    const { pid } = await echo(before);
    await setting.stop();
    expect(alive(pid)).toBe(false);

    await setting.start();
    const uri = await uriOf("cold");
    expect(new URL(uri).pathname).toBe(new URL(before).pathname);
    await setting.secret("cold", `${password}-2`);
    expect((await echo(uri)).env.PASSWORD).toBe(`${password}-2`);

    await setting.stop();
    await setting.start();
    await setting.call("DELETE", `/v1/projects/${PROJECT}/secrets/cold`);
    expect((await setting.call("GET", await uriOf("cold"))).status).toBe(503);
    const { latestReadyRevision = "" } = await setting.service("cold");
    expect(setting.cloudRun.logsOf(latestReadyRevision)).toContain("/secrets/cold/versions/latest was not found");
  });
});

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  while (alive(pid)) await new Promise((resolve) => setImmediate(resolve));
}
