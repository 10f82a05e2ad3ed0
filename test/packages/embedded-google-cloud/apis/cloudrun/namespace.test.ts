import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withMounts } from "../../../../../packages/embedded-google-cloud/apis/cloudrun/namespace.ts";
import { SOCKET } from "./programs.ts";
import { INSTANCE, MEMBER, Setting } from "./setting.ts";

const NOBODY = 65534;
const asNobody = ["--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups"];
const canMount = ["unshare", "--user", "--map-root-user", "--mount", "true"];
/** As root, these tests can become another user; otherwise those of processes.test.ts are another user's. */
const isPossible = process.getuid?.() === 0 && spawnSync("setpriv", [...asNobody, ...canMount]).status === 0;

(isPossible ? test : test.skip)(
  "mounts need no root, and the program runs with its caller's ids and no privileges",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "nobody-"));
    mkdirSync(join(folder, "0", "found"), { recursive: true });
    chmodSync(folder, 0o777);
    const ids = [jest.spyOn(process, "getuid"), jest.spyOn(process, "getgid")].map((id) => id.mockReturnValue(NOBODY));
    const report = "id -u; id -g; ls /cloudsql/a:b:c; grep CapEff /proc/self/status; touch /made && pwd";
    const mounts = { "/cloudsql/a:b:c": join(folder, "0") };
    const command = withMounts(["sh", "-c", report], mounts, join(folder, "root"));
    try {
      const said = execFileSync("setpriv", [...asNobody, ...command], { encoding: "utf8", cwd: "/tmp" });
      expect(said).toBe(`${NOBODY}\n${NOBODY}\nfound\nCapEff:\t${"0".repeat(16)}\n/tmp\n`);
    } finally {
      for (const id of ids) id.mockRestore();
      rmSync(folder, { recursive: true });
    }
  },
);

describe("where a user may not mount, as on macOS", () => {
  const belowShell = { command: "sh", args: ["-c", '"$0" --eval "$@"', process.execPath, SOCKET] };
  const setting = new Setting({ shell: belowShell });
  const platform = Object.getOwnPropertyDescriptor(process, "platform") ?? {};
  beforeAll(async () => {
    Object.defineProperty(process, "platform", { ...platform, value: "darwin" });
    await setting.start();
  });
  afterAll(async () => {
    await setting.end();
    Object.defineProperty(process, "platform", platform);
  });

  it("gives a Node.js program below a shell its socket, and says that others have none", async () => {
    setting.grant("roles/cloudsql.client", MEMBER);
    const volumes = [{ name: "cloudsql", cloudSqlInstance: { instances: [INSTANCE] } }];
    const container = { image: "shell", volumeMounts: [{ name: "cloudsql", mountPath: "/cloudsql" }] };
    await setting.deploy("shell", container, { template: { volumes } });
    const { latestReadyRevision = "", uri = "" } = await setting.service("shell");
    expect((await setting.call("GET", `${uri}/cloudsql/${INSTANCE}`)).text).toBe(`${MEMBER} ${INSTANCE}`);
    expect(setting.cloudRun.logsOf(latestReadyRevision)).toContain(
      "Only Node.js programs find /cloudsql here: only Linux lets a user mount.",
    );
  });
});
