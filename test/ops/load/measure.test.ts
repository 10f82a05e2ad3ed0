import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { measure, type Target } from "../../../ops/load/measure.ts";
import { gaveOut, report } from "../../../ops/load/report.ts";
import { COMMAND } from "../../../ops/load/requests.ts";

/** How long a stored command takes, in milliseconds. */
const TIME = 40;

const DURATIONS = { warm: 1, rest: 0.1, single: 1, step: 1 };

describe("a service", () => {
  /** Requests at a time that find a connection. */
  const CONNECTIONS = 2;
  const seen = { ids: new Set<string>(), tokens: new Set<string | undefined>(), most: 0 };
  let busy = 0;
  let server: Server;
  let url = "";

  beforeAll(async () => {
    const answer = async (request: IncomingMessage, response: ServerResponse) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      if (request.headers.authorization === undefined) return void response.writeHead(403).end();
      if (request.url === "/") return void response.writeHead(404).end();
      seen.ids.add((JSON.parse(body) as { command_id: string }).command_id);
      seen.tokens.add(request.headers.authorization);
      busy++;
      seen.most = Math.max(seen.most, busy);
      const refused = busy > CONNECTIONS;
      await delay(TIME);
      busy--;
      response.writeHead(refused ? 500 : 200).end("{}");
    };
    server = createServer((request, response) => void answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const target = (): Target => ({
    url,
    token: "a-token",
    request: COMMAND,
    limits: { instances: 1, concurrency: 80, pool: 40, connections: CONNECTIONS },
    isLocal: false,
    connections: () => Promise.resolve(busy),
  });

  test("is loaded until requests fail, and the report says why", async () => {
    const lines: string[] = [];
    const measured = await measure(target(), (line) => lines.push(line), DURATIONS);
    // Doubled until requests fail, then halved in between.
    expect(measured.steps.map(({ requests }) => requests)).toEqual([1, 2, 3, 4]);
    const good = measured.steps.filter(({ errors }) => errors === 0);
    expect(good.map(({ requests }) => requests)).toEqual([1, 2]);
    expect(measured.knee).toBe(2);
    // Each request takes 40 ms or more, so no step is faster than Little's law allows.
    for (const { rate, requests } of good) expect(rate).toBeLessThan((requests * 1000) / TIME + 5);
    expect(measured.costs.cpu).toBeUndefined();
    expect(measured.predicted[0].resource).toBe("max_connections");
    expect(measured.used[0]?.resource).toBe("max_connections");
    expect(report(measured)).toMatch(/^gave out {6}max_connections\nin use {8}max_connections exceeded, /m);
    expect(lines.at(-1)).toMatch(/^ {2}3 at a time .* errors, \d+ connections$/);
  });

  test("gets a new command each time, and the caller's token", () => {
    expect(seen.tokens).toEqual(new Set(["Bearer a-token"]));
    expect(seen.ids.size).toBeGreaterThan(20);
  });

  test("gets no more a second than it may", async () => {
    const limited = { ...target(), rate: 10, limits: { ...target().limits, concurrency: 1 } };
    const measured = await measure(limited, () => undefined, DURATIONS);
    expect(measured.ceiling).toBeLessThanOrEqual(11);
    expect(gaveOut({ ...measured, limited: true })).toBe("nothing, at the rate that is allowed");
    const { limited: _, ...unlimited } = measured;
    const used = [{ resource: "pool", part: 0.2 } as const];
    expect(gaveOut({ ...unlimited, used })).toBe("nothing that is measured here");
  });

  test("that never answers as expected is reported", async () => {
    const wrong = { ...target(), request: { ...COMMAND, expected: 201 } };
    await expect(measure(wrong, () => undefined, DURATIONS)).rejects.toThrow(
      "POST /commands was never answered as expected, but with 200.",
    );
  });
});
