import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Embedded, message, PROJECT } from "../packages/embedded-google-cloud/embedded.ts";
import { type Route, watchRoutes } from "../packages/embedded-google-cloud/routes.ts";

const DISCOVERY = join(import.meta.dirname, "../../packages/embedded-google-cloud/contract/discovery.json");

/** Routes that no discovery document has, each with the reason. */
const NOT_GOOGLE: Readonly<Record<string, string>> = {
  "/https/{}": "The URL of a load balancer's domain, which is the API of the service behind it.",
  "/https/{}/*": "The URL of a load balancer's domain, which is the API of the service behind it.",
  "/run/{}": "The URL of a Cloud Run service, which is the service's own API.",
  "/run/{}/*": "The URL of a Cloud Run service, which is the service's own API.",
  "/storage/v1/b/{}/anywhereCaches/": "Google's path with a slash at its end, as the official provider sends it.",
  "/upload/storage/v1/b/{}/o":
    "PUT and DELETE go on with a resumable upload: https://cloud.google.com/storage/docs/performing-resumable-uploads",
  "/resumable/upload/storage/v1/b/{}/o": "The path that Google's discovery document gives resumable uploads.",
  "/v1/projects/{}/services/{}:generateServiceIdentity": "Google has it at v1beta1; providers have one endpoint.",
  "/v1beta1/projects/{}/services/{}:generateServiceIdentity": "The documents are those of v1.",
  "/compute/v1/projects/{}":
    "Its messages hold all of Compute Engine's; discovery.json leaves the document's large part out.",
};

const routes = watchRoutes();
const embedded = new Embedded();
beforeAll(() =>
  embedded.start(
    "storage.googleapis.com",
    "sqladmin.googleapis.com",
    "cloudkms.googleapis.com",
    "monitoring.googleapis.com",
  ),
);
afterAll(() => embedded.remove());

test("each route has the path, the method and the path parameters of one of Google's methods", () => {
  const google = methodsOfGoogle();
  const strange = served().filter(({ method, url }) => !google.some((one) => isSame(one, { method, url: shape(url) })));
  expect([...new Set(strange.map(({ url }) => shape(url)))].sort()).toEqual(Object.keys(NOT_GOOGLE).sort());
});

test.each([
  [`/sql/v1beta4/projects/${PROJECT}/instances`, "filter", "state:RUNNABLE"],
  [`/v1/projects/${PROJECT}/locations/us-east1/keyRings`, "orderBy", "name"],
  [`/v3/projects/${PROJECT}/alertPolicies`, "filter", 'display_name="x"'],
  [`/v1/projects/${PROJECT}/services`, "callback", "show"],
  [`/v1/projects/${PROJECT}/services`, "alt", "media"],
  [`/v1/projects/${PROJECT}/services`, "$alt", "proto"],
])("GET %s refuses %s, which the embedded cloud does not evaluate", async (path, name, value) => {
  const answer = await embedded.get(`${path}?${name}=${encodeURIComponent(value)}`);
  expect(answer).toMatchObject({ status: 400 });
  expect(message(answer)).toBe(`The embedded cloud does not evaluate ${name}=${value}.`);
});

test("a parameter with its zero value is the same as none", async () => {
  const instances = `/sql/v1beta4/projects/${PROJECT}/instances`;
  expect(await embedded.get(`${instances}?filter=&location=&maxResults=0`)).toMatchObject({ status: 200 });
});

test("the refusal has the form of the API's errors", async () => {
  const { body } = await embedded.get(`/storage/v1/b?project=${PROJECT}&userProject=x&softDeleted=true`);
  expect(body.error).not.toHaveProperty("status");
  expect(body.error).toMatchObject({ code: 400, errors: [{ domain: "global", reason: "invalidParameter" }] });
});

test("fields returns a part of an answer", async () => {
  const enabled = await embedded.get(`/v1/projects/${PROJECT}/services?fields=services(name,config/name)`);
  const [first] = enabled.body.services as { name: string }[];
  expect(Object.keys(enabled.body)).toEqual(["services"]);
  expect(first).toEqual({ name: first?.name, config: { name: first?.name.split("/").at(-1) } });
  const keyRings = `/v1/projects/${PROJECT}/locations/us-east1/keyRings`;
  expect(await embedded.post(`${keyRings}?keyRingId=r&fields=(`)).toMatchObject({ status: 400 });
  expect((await embedded.get(keyRings)).body.keyRings).toEqual([]);
  const wrong = await embedded.get(`/v1/projects/${PROJECT}/services?fields=services(name`);
  expect(message(wrong)).toBe("Invalid field selection services(name");
});

function served(): Route[] {
  return routes.filter(({ method }) => method !== "HEAD");
}

function methodsOfGoogle(): Route[] {
  const documents = JSON.parse(readFileSync(DISCOVERY, "utf8")) as Record<
    string,
    { methods: { verb: string; paths: string[] }[] }
  >;
  return Object.values(documents).flatMap(({ methods }) =>
    methods.flatMap(({ verb, paths }) =>
      paths.map((path) => ({ method: verb, url: path.replace(/\{[^}]*\}/g, "{}") })),
    ),
  );
}

/** Whether a route is Google's: the same steps, where Google may have a parameter for a fixed step of the route. */
function isSame(google: Route, route: Route): boolean {
  const steps = route.url.split(/([/:])/);
  const wanted = google.url.split(/([/:])/);
  return (
    google.method === route.method &&
    steps.length === wanted.length &&
    wanted.every((step, index) => step === steps[index] || (step === "{}" && /[^/:]/.test(steps[index] ?? "")))
  );
}

/** A path in Fastify's notation with `{}` for each parameter: `:secret(^[^:]+)::access` is `{}:access`. */
function shape(url: string): string {
  return url.replace(/::|:\w+(\([^)]*\))?/g, (found) => (found === "::" ? ":" : "{}"));
}
