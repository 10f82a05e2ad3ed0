import {
  checkQuery,
  findMethod,
  type Method,
  readBody,
  withNumbers,
} from "../../packages/embedded-google-cloud/contract/contract.ts";
import { GoogleError } from "../../packages/embedded-google-cloud/rest/errors.ts";
import { refuseUnevaluated } from "../../packages/embedded-google-cloud/contract/evaluated.ts";

const KEYS = "/v1/projects/p/locations/l/keyRings/r/cryptoKeys";
const SERVICE = "/v2/projects/p/locations/l/services/s";

const createKey = method("POST", KEYS);
const patchService = method("PATCH", SERVICE);
const createSecret = method("POST", "/v1/projects/p/secrets");
const addVersion = method("POST", "/v1/projects/p/secrets/s:addVersion");
const listInstances = method("GET", "/sql/v1beta4/projects/p/instances");
const createPolicy = method("POST", "/v3/projects/p/alertPolicies");

test("a verb after a colon is not part of an id", () => {
  expect(method("POST", "/v1/projects/p:getIamPolicy").id).toBe("cloudresourcemanager.projects.getIamPolicy");
  expect(method("GET", `${SERVICE}:getIamPolicy`).id).toBe("run.projects.locations.services.getIamPolicy");
  expect(findMethod("GET", "/v1/nothing")).toBeUndefined();
});

describe("a request's body", () => {
  test.each([
    ["an unknown field", createSecret, { label: {} }, `Unknown name "label" at 'secret': Cannot find field.`],
    [
      "an inherited name",
      createSecret,
      { constructor: 1 },
      `Unknown name "constructor" at 'secret': Cannot find field.`,
    ],
    [
      "an unknown field of a part",
      patchService,
      { template: { containers: [{ cpu: 1 }] } },
      `Unknown name "cpu" at 'service.template.containers[0]': Cannot find field.`,
    ],
    ["a list", createSecret, [], `Unknown name "": Root element must be a message.`],
  ])("with %s is refused", (_what, one, body, problem) => {
    expect(refusal(() => readBody(one, body))).toBe(`Invalid JSON payload received. ${problem}`);
  });

  test.each([
    [
      patchService,
      { template: { maxInstanceRequestConcurrency: "x" } },
      'max_instance_request_concurrency\' (TYPE_INT32), "x"',
    ],
    [patchService, { template: { containers: {} } }, "template.containers' (TYPE_MESSAGE), {}"],
    [patchService, { template: { timeout: "300" } }, "Illegal duration format; duration must end with 's'"],
    [patchService, { description: 5 }, "description' (TYPE_STRING), 5"],
    [patchService, { ingress: "OPEN" }, 'ingress\' (TYPE_ENUM), "OPEN"'],
    [createSecret, { labels: { a: 1 } }, "'secret.labels.a' (TYPE_STRING), 1"],
    [createSecret, { expireTime: "tomorrow" }, '(type.googleapis.com/google.protobuf.Timestamp), "tomorrow"'],
    [addVersion, { payload: { data: "ä" } }, "'payload.data' (TYPE_BYTES), Base64 decoding failed for \"ä\""],
    [createPolicy, { enabled: "true" }, 'enabled\' (TYPE_BOOL), "true"'],
  ])("of %# has the wrong type", (one, body, problem) => {
    expect(refusal(() => readBody(one, body))).toContain(problem);
  });

  test("loses its output-only fields, which must still have the right type", () => {
    const labels = { a: "b" };
    expect(readBody(createSecret, { name: "x", createTime: "2026-01-01T00:00:00Z", labels })).toEqual({ labels });
    expect(() => readBody(createSecret, { createTime: 1 })).toThrow("Invalid value at 'secret.create_time'");
  });

  test("may have the numbers of enums, null and numbers as text", () => {
    expect(readBody(createKey, { versionTemplate: { protectionLevel: 2 } })).toEqual({
      versionTemplate: { protectionLevel: "HSM" },
    });
    expect(readBody(patchService, { launchStage: 4, description: null })).toEqual({
      launchStage: "GA",
      description: null,
    });
    expect(readBody(patchService, { template: { maxInstanceRequestConcurrency: "80" } })).toEqual({
      template: { maxInstanceRequestConcurrency: "80" },
    });
    expect(() => readBody(patchService, { ingress: 99 })).toThrow("(TYPE_ENUM), 99");
  });
});

test("the numbers of enums are those of the protobuf declarations, also in an operation", () => {
  const container = { image: "i" };
  const service = { launchStage: "GA", ingress: "INGRESS_TRAFFIC_ALL", template: { containers: [container] } };
  expect(withNumbers(method("GET", SERVICE), service)).toEqual({ ...service, launchStage: 4, ingress: 1 });
  const response = { "@type": "type.googleapis.com/google.cloud.run.v2.Service", ...service };
  expect(withNumbers(patchService, { name: "o", done: true, response })).toEqual({
    ...{ name: "o", done: true },
    response: { ...response, launchStage: 4, ingress: 1 },
  });
  const versions = method("GET", "/v1/projects/p/secrets/s/versions");
  expect(withNumbers(versions, { versions: [{ state: "ENABLED" }] })).toEqual({ versions: [{ state: 1 }] });
  const instance = method("GET", "/sql/v1beta4/projects/p/instances/i");
  const settings = { edition: "ENTERPRISE", availabilityType: "REGIONAL" };
  expect(withNumbers(instance, { state: "RUNNABLE", databaseVersion: "POSTGRES_15", settings })).toEqual({
    ...{ state: 1, databaseVersion: 172 },
    settings: { edition: 2, availabilityType: 2 },
  });
});

test("a name whose number is not public stays a name", () => {
  const instance = method("GET", "/sql/v1beta4/projects/p/instances/i");
  expect(withNumbers(instance, { instanceType: "GREEN_INSTANCE" })).toEqual({ instanceType: "GREEN_INSTANCE" });
});

describe("a request's query", () => {
  const problem = (one: Method, query: Record<string, string>) =>
    refusal(() => {
      checkQuery(one, query);
      refuseUnevaluated(one, query);
    });

  test("has only parameters that Google's method has", () => {
    expect(problem(listInstances, { filtr: "x" })).toBe(
      `Invalid JSON payload received. Unknown name "filtr": Cannot bind query parameter. ` +
        "Field 'filtr' could not be found in request message.",
    );
    expect(problem(listInstances, { maxResults: "many" })).toContain(`'maxResults' (TYPE_UINT32), "many"`);
    expect(problem(patchService, { validateOnly: "1" })).toContain(`'validateOnly' (TYPE_BOOL), "1"`);
  });

  test("cannot ask Cloud Storage and Compute Engine for numbers of enums, which they do not know", () => {
    const numbers = { $alt: "json;enum-encoding=int" };
    expect(problem(method("GET", "/storage/v1/b"), numbers)).toContain("does not evaluate $alt=json;enum-encoding=int");
  });

  test.each([{ $alt: "json;enum-encoding=int" }, { alt: "json", prettyPrint: "false" }, { "$.xgafv": "2" }])(
    "may have the parameters of every method: %j",
    (query) => {
      expect(problem(listInstances, query)).toBe("");
    },
  );
});

function method(verb: string, path: string): Method {
  const found = findMethod(verb, path);
  if (!found) throw new Error(`No method has ${verb} ${path}.`);
  return found;
}

/** The message of the error that the server answers with 400. */
function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof GoogleError && error.code === 400 && error.status === "INVALID_ARGUMENT") return error.message;
    throw error;
  }
  return "";
}
