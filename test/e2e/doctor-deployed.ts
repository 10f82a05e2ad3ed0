import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMigrations } from "../../infra/migrations/files.ts";
import { CHECKS } from "../../ops/doctor/checks.ts";
import { diagnose, type Row } from "../../ops/doctor/diagnosis.ts";
import { writeEntry } from "../../ops/doctor/log.ts";
import { Facts } from "../../ops/doctor/facts.ts";
import { RestReader } from "../../ops/google/reader.ts";
import { generatedPassword } from "../../ops/doctor/state.ts";
import { locate } from "../../ops/engine/target.ts";
import { LockedError } from "../../packages/embedded-google-cloud/state/lock.ts";
import { holdOpen, type LocalEnvironment, openLocal } from "../../ops/engine/local.ts";
import { OWNER } from "../../packages/embedded-google-cloud/iam/identities.ts";
import { recordedVersions, statusOfRecorded } from "../../ops/migration/status.ts";
import { outputsOf, readState } from "../../ops/engine/state.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";
import type { Step } from "../scenario.ts";

/** A stack that the engine has deployed. */
export interface Deployed {
  /** Stands for the repository's root: what `npm start` leaves lies below it. */
  readonly root: string;
  readonly local: LocalEnvironment;
}

/** All that a doctor may see of a deployed stack, without a socket unless one is given. */
export async function look({ root }: Deployed, socket?: string): Promise<Row[]> {
  const { target, endpoints, token } = locate({ stack: "local", ...(socket !== undefined && { socket }) }, root);
  const facts = new Facts(
    target,
    new RestReader(endpoints, token),
    readMigrations(join(ROOT, "migrations")),
    new Date(),
    (login) => generatedPassword("local", root, login),
  );
  return diagnose(CHECKS, facts);
}

/** What the doctor and other commands see of a stack that was deployed: steps of a scenario. */
export function seenByTheDoctor(step: Step, deployed: () => Deployed): void {
  const unseen = (rows: readonly Row[]) => rows.filter(({ verdict }) => verdict !== "ok");

  step("the doctor finds no fault without a socket, and the password of the state in the secret", async () => {
    const rows = await look(deployed());
    expect(unseen(rows)).toEqual([]);
    expect(rows.find(({ check }) => check === "login")?.found).toBe(
      "settlement-db-connection-string holds the password that the stack gave to settlement_user, by its state; no login was tried",
    );
  });

  step("another command uses the cloud that is held open, and does not stop it", async () => {
    const { local, root } = deployed();
    const folder = join(root, ".local", "start");
    await expect(openLocal(folder, () => undefined)).rejects.toThrow(LockedError);
    holdOpen(folder);
    const said: string[] = [];
    const other = await openLocal(folder, (line) => said.push(line));
    expect(said).toContain(`Embedded cloud  ${local.cloud.url}`);
    expect(await readState(other.stack)).toEqual(await readState(local.stack));
    await other.stop();
    expect((await look(deployed())).every(({ verdict }) => verdict === "ok")).toBe(true);
  });

  step("the doctor says when the state has no such login, or cannot be decrypted", async () => {
    const { root } = deployed();
    await expect(generatedPassword("local", root, "nobody")).rejects.toThrow("the state of local has no password of");
    await expect(generatedPassword("none", root, "settlement_user")).rejects.toThrow("The state of none: ");
  });

  step("the deployed alerts match what the nightly doctor logs, and only of a fault", async () => {
    const { local, root } = deployed();
    const ask = async (path: string, body?: object) => {
      const headers = {
        authorization: `Bearer ${local.cloud.identities.ownerToken}`,
        "content-type": "application/json",
      };
      const init = { headers, ...(body && { method: "POST", body: JSON.stringify(body) }) };
      const response = await fetch(`${local.cloud.url}${path}`, init);
      expect([path, response.status]).toEqual([path, 200]);
      return (await response.json()) as Record<string, unknown[] | undefined>;
    };
    interface Policy {
      readonly displayName: string;
      readonly conditions: readonly { readonly conditionMatchedLog?: { readonly filter: string } }[];
    }
    const { alertPolicies = [] } = await ask("/v3/projects/settlement-local/alertPolicies");
    const read = (alertPolicies as Policy[]).flatMap(({ displayName, conditions }) => {
      const filter = conditions[0]?.conditionMatchedLog?.filter ?? "";
      return filter.includes("settlement-doctor") ? [{ displayName, filter }] : [];
    });
    const matching = async (since: string) => {
      const counted = read.map(async ({ displayName, filter }) => {
        const body = { resourceNames: ["projects/settlement-local"], filter: `${filter} AND timestamp>="${since}"` };
        return ((await ask("/v2/entries:list", body)).entries ?? []).length > 0 ? [displayName] : [];
      });
      return (await Promise.all(counted)).flat().sort();
    };
    const place = locate({ stack: "local" }, root);
    const write = async (rows: readonly Row[]) => {
      const since = new Date().toISOString();
      await writeEntry(place, rows);
      return matching(since);
    };
    const rows = await look(deployed());
    expect(await write(rows)).toEqual([]);
    const broken = rows.map((row): Row => ({ ...row, verdict: row.check === "rotation" ? "finding" : row.verdict }));
    expect(await write(broken)).toEqual(["Rotation due"]);
    expect(read.map(({ displayName }) => displayName).sort()).toEqual([
      "Backup too old",
      "Certificate expires",
      "Migration left half way",
      "Rotation due",
    ]);
  });

  step("the doctor finds no fault through a socket either, and every migration is applied", async () => {
    const { local, root } = deployed();
    const outputs = outputsOf(await readState(local.stack));
    const folder = mkdtempSync(join(tmpdir(), "d-"));
    const mount = await local.cloud.openSocket({
      connectionName: String(outputs.connectionName),
      member: OWNER,
      folder,
      onRefused: () => undefined,
    });
    try {
      expect(unseen(await look(deployed(), folder))).toEqual([]);
      const files = readMigrations(join(ROOT, "migrations"));
      const versions = statusOfRecorded(await recordedVersions("local", folder, files, root), files);
      expect(versions.map(({ status }) => status)).toEqual(["applied", "applied"]);
    } finally {
      await mount.close();
      rmSync(folder, { recursive: true });
    }
  });
}
