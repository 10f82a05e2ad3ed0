import fc from "fast-check";
import { formatConnectionName, parseConnectionName, regionOfZone } from "../../infra/connection.ts";
import { judge } from "./declare.ts";
import { service, version } from "./good.ts";

const word = (min: number, max: number) => fc.stringMatching(new RegExp(`^[a-z][a-z0-9-]{${min},${max}}[a-z0-9]$`));
const region = fc.stringMatching(/^[a-z]{2,12}(-[a-z]{2,12}){1,2}[1-9][0-9]?$/);
const project = fc
  .tuple(
    fc.option(fc.stringMatching(/^[a-z0-9]{1,20}(\.[a-z0-9]{1,10})?\.[a-z]{2,6}$/), { nil: undefined }),
    word(4, 28),
  )
  .map(([domain, id]) => (domain === undefined ? id : `${domain}:${id}`));
const name = fc.record({ project, region, instance: word(0, 30) });

/** The pack's violations for a mounted socket. */
function violations(connectionName: string) {
  const volumes = [{ name: "cloudsql", cloudSqlInstance: { instances: [connectionName] } }];
  return judge([service({ volumes })], { phases: ["resource"] }).filter(
    ({ policy }) => policy === "connection-name-format",
  );
}

describe("connection names", () => {
  test("survive format and parse, and legal ones are accepted", () => {
    fc.assert(
      fc.property(name, (parts) => {
        const text = formatConnectionName(parts);
        expect(parseConnectionName(text)).toEqual({ ok: true, value: parts });
        expect(violations(text)).toEqual([]);
      }),
    );
  });

  test("are rejected with a zone, with a message that names it and the region to use", () => {
    fc.assert(
      fc.property(name, fc.constantFrom("a", "b", "c", "d", "f"), (parts, letter) => {
        const zone = `${parts.region}-${letter}`;
        const text = `${parts.project}:${zone}:${parts.instance}`;
        expect(regionOfZone(zone)).toBe(parts.region);
        expect(() => formatConnectionName({ ...parts, region: zone })).toThrow(zone);
        expect(violations(text).map(({ message }) => message)).toEqual([
          expect.stringContaining(
            `carries the zone "${zone}" where the region belongs: use "${formatConnectionName(parts)}"`,
          ),
        ]);
      }),
    );
  });

  test.each([
    "hunter2",
    "Endpoint=sb://reports.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=hunter2=",
    "redis:6379:hunter2",
    "app:us-central1-a:hunter2",
    'x"hunter2"y',
    'fusion-prime:us-central1:"hunter2"',
    "amqps://reports:hunter2@rabbit/reports",
    "hunter2::",
  ])("are not quoted from %j, wherever it is", (value) => {
    const containers = [
      {
        image: "gcr.io/cloudsql-docker/cloud_sql_proxy",
        args: [value, `-instances=${value}`],
        envs: [{ name: "REPORTS_CONNECTION_NAME", value }],
      },
    ];
    const volumes = [{ name: "cloudsql", cloudSqlInstance: { instances: [value] } }];
    const found = judge([service({ containers, volumes }), version(`postgresql://u:p@/db?host=/cloudsql/${value}`)]);
    expect(found.map(({ policy }) => policy)).toContain("connection-name-format");
    expect(found.filter(({ message }) => message.includes("hunter2"))).toEqual([]);
  });

  test("are not quoted from a text of another meaning that only looks like one", () => {
    const value = "reports:us-central1-a:hunter2";
    const containers = [{ image: "shop", envs: [{ name: "REPORTS_CONNECTION_NAME", value }] }];
    const found = judge([service({ containers }), version(value)]);
    expect(found.filter(({ message }) => /hunter2|reports/.test(message))).toEqual([]);
  });

  test("are reported in a secret without the surrounding text", () => {
    const found = judge([version("postgresql://u:p@/db?host=/cloudsql/hunter2")], { phases: ["resource"] });
    expect(found.map(({ message }) => message)).toEqual([
      "secretData: the connection name has 1 part; expected PROJECT:REGION:INSTANCE.",
    ]);
  });
});
