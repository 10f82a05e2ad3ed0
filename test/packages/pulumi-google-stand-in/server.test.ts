import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import type * as Messages from "@pulumi/pulumi/proto/provider_pb.js";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import structMessages from "google-protobuf/google/protobuf/struct_pb.js";
import type { Fields } from "../../../packages/embedded-google-cloud/rest/fields.ts";
import { isSecret, secret, UNKNOWN } from "../../../packages/pulumi-google-stand-in/values.ts";
import { FakeGoogle } from "./fake-google.ts";

/** Why a property is refused that the stand-in does not have. */
const unknownProperty = (path: string) =>
  `unknown property "${path}"; if it is spelt right, install the official provider, of which the stand-in has only a part`;

const { Struct } = structMessages;

const MAIN = join(import.meta.dirname, "..", "..", "..", "packages", "pulumi-google-stand-in", "main.ts");
const SERVICE = "urn:pulumi:test::project::gcp:cloudrunv2/service:Service::it";
const USER = "urn:pulumi:test::project::gcp:sql/user:User::it";
const PASSWORD = "urn:pulumi:test::project::random:index/randomPassword:RandomPassword::it";

const struct = (fields: Fields) => Struct.fromJavaScript(fields as Parameters<typeof Struct.fromJavaScript>[0]);

function start(env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [MAIN], { env: { PATH: process.env.PATH, ...env } });
}

async function firstLine(stream: NodeJS.ReadableStream | null): Promise<string> {
  if (!stream) throw new Error("the process has no such stream");
  const [line] = (await once(createInterface({ input: stream }), "line")) as [string];
  return line;
}

type Done<A> = (error: grpc.ServiceError | null, answer: A) => void;

function call<A>(start: (done: Done<A>) => unknown): Promise<A> {
  return new Promise((resolve, reject) => {
    start((error, answer) => {
      if (error) reject(error);
      else resolve(answer);
    });
  });
}

describe("the process", () => {
  let child: ChildProcess;
  let client: ResourceProviderClient;
  const fake = new FakeGoogle();

  beforeAll(async () => {
    const google = await fake.start();
    child = start({ GOOGLE_PROJECT: "from-env" });
    const address = `127.0.0.1:${await firstLine(child.stdout)}`;
    client = new ResourceProviderClient(address, grpc.credentials.createInsecure());
    const endpoints = { cloudRunV2CustomEndpoint: google.configuration.endpoints.run?.href ?? "" };
    const args = struct({ ...endpoints, project: secret("fusion-prime") });
    const configured = await call<Messages.ConfigureResponse>((done) =>
      client.configure(new messages.ConfigureRequest().setArgs(args), done),
    );
    expect(configured.getSupportspreview()).toBe(true);
    expect(configured.getAcceptsecrets()).toBe(true);
  });
  afterAll(async () => {
    client.close();
    await fake.stop();
    child.stdin?.end();
    if (child.exitCode === null) await once(child, "exit");
  });

  test("serves random resources too", async () => {
    const request = new messages.CreateRequest().setUrn(PASSWORD);
    const program = { length: 25, special: false, lower: true, upper: true };
    const made = await call<Messages.CreateResponse>((done) =>
      client.create(request.setProperties(struct(program)), done),
    );
    expect(isSecret(made.getProperties()?.toJavaScript().result)).toBe(true);
  });

  test("names a function of the official provider, and what to install for it", async () => {
    const tok = "gcp:secretmanager/getSecretVersion:getSecretVersion";
    const refused = call((done) => client.invoke(new messages.InvokeRequest().setTok(tok), done));
    await expect(refused).rejects.toThrow(
      /does not run functions such as "gcp:secretmanager\/getSecretVersion:getSecretVersion"\. Install the official provider, with pulumi plugin install resource gcp,/,
    );
  });

  test("checks with the provider's configuration, without naming a property whose value the engine would print", async () => {
    const news = struct({ instance: UNKNOWN, pasword: "hunter2" });
    const checked = await call<Messages.CheckResponse>((done) =>
      client.check(new messages.CheckRequest().setUrn(USER).setNews(news), done),
    );
    expect(checked.getFailuresList().map((each) => each.toObject())).toEqual([
      { property: "", reason: unknownProperty("pasword") },
    ]);
    expect(checked.getInputs()?.toJavaScript()).toEqual({
      __defaults: ["name"],
      instance: UNKNOWN,
      name: expect.stringMatching(/^it-/) as string,
    });
  });

  test("returns a diff with the properties, their kinds and replacements", async () => {
    const request = new messages.DiffRequest().setUrn(USER).setId("u//i");
    const old = struct({ name: "u", instance: "i", password: secret("first"), project: "fusion-prime" });
    const news = struct({ name: "u", instance: "j", password: secret("second") });
    const diff = await call<Messages.DiffResponse>((done) =>
      client.diff(request.setOldInputs(old).setOlds(old).setNews(news), done),
    );
    const { Kind } = messages.PropertyDiff;
    expect(diff.getReplacesList()).toEqual(["instance"]);
    expect(diff.getDeletebeforereplace()).toBe(true);
    expect(diff.getDetaileddiffMap().get("instance")?.getKind()).toBe(Kind.UPDATE_REPLACE);
    expect(diff.getDetaileddiffMap().get("password")?.getKind()).toBe(Kind.UPDATE);
  });

  test("reads without a state, as on import", async () => {
    const id = "projects/fusion-prime/locations/us-central1/services/it";
    fake.resources.set(`/v2/${id}`, { name: id, template: { containers: [{ image: "hello" }] } });
    const read = await call<Messages.ReadResponse>((done) =>
      client.read(new messages.ReadRequest().setUrn(SERVICE).setId(id), done),
    );
    expect(read.getInputs()?.toJavaScript()).toMatchObject({ name: "it", location: "us-central1" });
  });

  test("returns a failed resource to the engine, which keeps it in the state", async () => {
    fake.failure = "Revision 'it-00001' is not ready.";
    const program = { name: "it", project: "fusion-prime", location: "us-central1", template: { containers: [] } };
    const request = new messages.CreateRequest().setUrn(SERVICE).setProperties(struct(program));
    const failed = call<Messages.CreateResponse>((done) => client.create(request, done));
    const error: unknown = await failed.catch((caught: unknown) => caught);
    expect(error).toMatchObject({ details: "Revision 'it-00001' is not ready." });
    expect((error as grpc.ServiceError).metadata.get("grpc-status-details-bin")).toHaveLength(1);
  });
});

test("the process refuses an endpoint that is not on this machine", async () => {
  const child = start({ GOOGLE_SQL_CUSTOM_ENDPOINT: "https://sqladmin.googleapis.com/" });
  const [said, [code]] = await Promise.all([firstLine(child.stderr), once(child, "exit") as Promise<[number]>]);
  expect(said).toContain("only calls this machine");
  expect(code).toBe(1);
});

test("the process exits when its input closes", async () => {
  const child = start();
  await firstLine(child.stdout);
  child.stdin?.end();
  expect(await once(child, "exit")).toEqual([0, null]);
});
