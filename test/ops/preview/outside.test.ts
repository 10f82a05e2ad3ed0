import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { changedOutside } from "../../../ops/preview/outside.ts";
import { readEvents } from "../../../ops/preview/model.ts";
import { prerequisites } from "../../../ops/preview/prerequisites.ts";
import { NotVisible, type Reader } from "../../../ops/google/reader.ts";
import type { StateResource } from "../../../ops/engine/state.ts";
import { configured, type Declared, step, types, urn } from "./engine.ts";

const service: Declared = { type: types.service, name: "service", component: "Service", id: "projects/p/services/s" };

/** A service as the provider writes it into the state, with what is not set. */
const state = (image: string) => ({
  ingress: "INGRESS_TRAFFIC_ALL",
  client: "",
  scaling: null,
  template: {
    annotations: null,
    revision: "",
    containers: [
      {
        name: "",
        image,
        commands: null,
        envs: [
          { name: "B", value: "", valueSource: { secretKeyRef: { secret: "s", version: "1" } } },
          { name: "A", value: "a", valueSource: null },
        ],
        ports: { containerPort: 8080, name: "" },
        resources: { cpuIdle: true, limits: { cpu: "1" }, startupCpuBoost: false },
      },
    ],
    scaling: { minInstanceCount: 0, maxInstanceCount: 4 },
  },
  traffics: [{ percent: 100, revision: "", tag: "", type: "LATEST" }],
});

/** The same as Google answers it. */
const live = (image: string, more: object = {}) => ({
  ingress: "INGRESS_TRAFFIC_ALL",
  client: "gcloud",
  template: {
    revision: "s-00002",
    containers: [
      {
        image,
        env: [
          { name: "A", value: "a" },
          { name: "B", valueSource: { secretKeyRef: { secret: "s", version: "1" } } },
        ],
        ports: [{ containerPort: 8080 }],
        resources: { cpuIdle: true, limits: { cpu: "1" } },
      },
    ],
    scaling: { maxInstanceCount: 4 },
  },
  traffic: [{ percent: 100, type: "LATEST" }],
  ...more,
});

describe("what was changed outside the stack, without a refresh", () => {
  let server: Server;
  let url: string;
  let answer: { status: number; body: object };

  beforeAll(async () => {
    server = createServer((_request, response) => {
      response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  /** @param image What the update sets, if it changes the service. */
  const found = (body: object, image?: string, status = 200) => {
    answer = { status, body };
    const preview = readEvents([
      configured({ "gcp:cloudRunV2CustomEndpoint": `${url}/v2/` }),
      ...(image === undefined ? [] : [step("update", service, { before: state("1"), after: state(image) })]),
    ]);
    const known = { urn: urn(service), id: "projects/p/services/s", type: types.service, outputs: state("1") };
    return changedOutside(preview, [known], () => Promise.resolve("token"));
  };
  const drift = (...properties: (readonly [string, string | undefined, string | undefined])[]) => ({
    name: "service",
    type: types.service,
    gone: false,
    properties: properties.map(([path, before, after]) => ({ path, before, after })),
  });
  const image = "template.containers[0].image";

  test("is nothing if the service is as the state has it, whatever is not set, or written by tools", async () => {
    expect(await found(live("1"))).toEqual([]);
    expect(await found(live("1"), "2")).toEqual([]);
  });

  test("is an image that was deployed manually, which an update of the service replaces", async () => {
    expect(await found(live("hotfix"))).toEqual([{ undone: false, drift: drift([image, '"1"', '"hotfix"']) }]);
    expect(await found(live("hotfix"), "2")).toEqual([{ undone: true, drift: drift([image, '"1"', '"hotfix"']) }]);
  });

  test("is not an image that was deployed manually and is configured now", async () => {
    expect(await found(live("2"), "2")).toEqual([]);
  });

  test("is traffic that was pinned, and scaling that was set manually", async () => {
    const traffic = [{ percent: 100, type: "REVISION", revision: "s-00001" }];
    expect(await found(live("1", { traffic, scaling: { manualInstanceCount: 0, scalingMode: "MANUAL" } }))).toEqual([
      {
        undone: false,
        drift: drift(
          ["scaling.scalingMode", undefined, '"MANUAL"'],
          ["traffics[0].revision", undefined, '"s-00001"'],
          ["traffics[0].type", '"LATEST"', '"REVISION"'],
        ),
      },
    ]);
  });

  test("is a service that was deleted, and unknown if it may not be read", async () => {
    expect(await found({}, undefined, 404)).toEqual([{ undone: false, drift: { ...drift(), gone: true } }]);
    expect(await found({ error: { message: "No." } }, undefined, 403)).toEqual([
      { name: "service", unknown: "permission denied" },
    ]);
  });
});

describe("what a refresh must put back first", () => {
  const resource = (type: string, name: string, values: Record<string, string>): StateResource => ({
    urn: `urn:pulumi:test::settlement::${type}::${name}`,
    type,
    inputs: values,
    outputs: values,
  });
  const API = "gcp:projects/service:Service";
  const resources = [
    resource(API, "settlement-iam", { service: "iam.googleapis.com" }),
    resource(API, "settlement-compute", { service: "compute.googleapis.com" }),
    resource(types.instance, "instance", { name: "i" }),
  ];
  const ALL = ["cloudresourcemanager", "iam", "logging", "monitoring", "run", "secretmanager", "sqladmin", "storage"];
  /** Reads what a project has. */
  const reader = (enabled: readonly string[] | undefined, activationPolicy = "ALWAYS"): Reader => ({
    read: <T>({ api }: { api: string }) => {
      if (enabled === undefined) return Promise.reject(new NotVisible("permission denied"));
      const services = enabled.map((name) => ({ config: { name: `${name}.googleapis.com` } }));
      const answer: unknown = api === "sql" ? { settings: { activationPolicy } } : { services };
      return Promise.resolve(answer as T);
    },
  });
  const found = async (...given: Parameters<typeof reader>) =>
    (await prerequisites(resources, "p", reader(...given))).map(({ sentence, urn }) => [
      urn.split("::").at(-1),
      sentence,
    ]);

  test("is nothing if everything is enabled and runs, or nothing can be seen", async () => {
    expect(await found([...ALL, "compute"])).toEqual([]);
    expect(await found(undefined)).toEqual([]);
    expect(await prerequisites([], "p", reader([]))).toEqual([]);
  });

  test("is an API, also one that an interrupted refresh removed from the state", async () => {
    const rest = ALL.filter((api) => api !== "run");
    expect(await found(rest, "NEVER")).toEqual([
      ["settlement-compute", "compute.googleapis.com is disabled"],
      ["settlement-run", "run.googleapis.com is disabled"],
    ]);
  });

  test("is an instance that is stopped, once the APIs answer", async () => {
    expect(await found([...ALL, "compute"], "NEVER")).toEqual([["instance", "i is stopped"]]);
  });
});
