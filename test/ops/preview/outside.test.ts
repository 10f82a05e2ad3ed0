import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { changedOutside } from "../../../ops/preview/outside.ts";
import { readEvents } from "../../../ops/preview/model.ts";
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
