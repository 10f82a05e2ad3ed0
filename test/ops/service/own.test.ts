import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Google } from "../../../infra/google.ts";
import { endpointConfig, endpointsOf } from "../../../ops/engine/endpoints.ts";
import { checkHealth, type OwnService, programOf, startError } from "../../../ops/service/own.ts";
import { retryRollout } from "../../../ops/service/retry.ts";
import { Embedded, PROJECT } from "../../packages/embedded-google-cloud/embedded.ts";

/** A Node.js program below a shell, so that it is one like any other. */
const program = (source: string) => `"${process.execPath}" --eval '${source}'`;
const server = (status: number) =>
  program(
    `require("node:http").createServer((request, response) => response.writeHead(${status}).end("said ${status}")).listen(process.env.PORT)`,
  );

describe("a service of one's own", () => {
  const images: Record<string, ReturnType<typeof programOf>> = {};
  const embedded = new Embedded(images);
  const file = join(embedded.folder, "command");
  images["docker.io/own/service"] = programOf(`. '${file}'`);
  const own = (command: string): OwnService => {
    const { url, identities } = embedded.cloud;
    const token = identities.ownerToken;
    const google = new Google(endpointsOf(endpointConfig(url)), { token: () => Promise.resolve(token) });
    return { command, project: PROJECT, google, token };
  };
  const service = `/v2/projects/${PROJECT}/locations/us-central1/services`;

  /** Deploys the service on the first call; later ones let it start again. */
  const start = async (line: string): Promise<Date> => {
    writeFileSync(file, line);
    const began = new Date();
    const startupProbe = { httpGet: { path: "/health" }, periodSeconds: 1, failureThreshold: 1 };
    const { status, body } = await embedded.post(`${service}?serviceId=settlement-service`, {
      template: { containers: [{ image: "docker.io/own/service", startupProbe }] },
    });
    if (status !== 200 && status !== 409) throw new Error(JSON.stringify(body));
    if (status === 200) await embedded.post(`/v2/${String(body.name)}:wait`);
    else await retryRollout(own(line).google, PROJECT, "us-central1").catch(() => undefined);
    return began;
  };

  beforeAll(() => embedded.start("run.googleapis.com", "logging.googleapis.com"));
  afterAll(() => embedded.remove());

  test.each<[string, string, string, string]>([
    ["cannot be run", "no-such-program", "the command cannot be run", "no-such-program: not found"],
    ["ends", "echo first; echo second >&2; exit 3", "it ended with exit code 3", "  first\n  second\n"],
    ["is killed", "kill -KILL $$", "it ended by signal 9", "It wrote nothing."],
    ["does not listen", "echo waits; exec sleep 100", "it does not listen on PORT", "  waits\n"],
    ["is not healthy", server(500), "it does not answer GET /health with 200", "It wrote nothing."],
    [
      "prints a password",
      "echo postgresql+asyncpg://user:hidden@/db; exit 1",
      "it ended with exit code 1",
      "  postgresql+asyncpg://user:[secret]@/db\n",
    ],
  ])("that %s is named, with what it wrote last and what to do", async (_what, line, reason, output) => {
    const began = await start(line);
    const message = (await startError(own(line), began))?.message;
    expect(message).toContain(`The service \`${line}\` does not start: ${reason}.`);
    expect(message).toContain(output);
    expect(message).toMatch(/It must|Name a program/);
    expect(message).toContain(`It runs in ${process.cwd()}, with sh`);
  });

  test("starts again once its program is corrected, though nothing in its template has changed", async () => {
    const began = await start(server(200));
    const { body } = await embedded.get(`${service}/settlement-service`);
    expect(await startError(own("corrected"), began)).toBeUndefined();
    expect(await checkHealth(own("corrected"), String(body.uri), began)).toBe(200);
  });
});
