import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMigrations } from "../../infra/migrations/files.ts";
import { clientOf } from "../../ops/doctor/answer.ts";
import { CHECKS } from "../../ops/doctor/checks.ts";
import { diagnose, type Row } from "../../ops/doctor/diagnosis.ts";
import { writeEntry } from "../../ops/doctor/log.ts";
import { Facts } from "../../ops/doctor/facts.ts";
import { RestReader } from "../../ops/google/reader.ts";
import { generatedPassword } from "../../ops/doctor/state.ts";
import { type Given, locate } from "../../ops/engine/target.ts";
import { LockedError } from "../../packages/embedded-google-cloud/state/lock.ts";
import { share } from "../../ops/engine/held-open.ts";
import { type LocalEnvironment, openLocal } from "../../ops/engine/local.ts";
import { OWNER } from "../../packages/embedded-google-cloud/iam/identities.ts";
import { recorded, statusOfRecorded } from "../../ops/migration/status.ts";
import { outputsOf, readState } from "../../ops/engine/state.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { ask } from "../ask.ts";
import type { Step } from "../scenario.ts";

/** A stack deployed by the engine. */
export interface Deployed {
  /** In place of the repository's root: `npm start` writes below it. */
  readonly root: string;
  readonly local: LocalEnvironment;
}

/**
 * The doctor's checks of a deployed stack; without a socket, no login is tried.
 * @param migrations The folder with the migrations; the repository's by default.
 */
export async function look(
  { root }: Pick<Deployed, "root">,
  given: Given = { stack: "local" },
  migrations = join(ROOT, "migrations"),
): Promise<Row[]> {
  // Names alone do not say where the embedded cloud is.
  const { endpoints, token } = locate({ stack: "local" }, root);
  const place = { ...locate(given, root), endpoints, token };
  const facts = new Facts(
    place.target,
    new RestReader(place.endpoints, place.token),
    readMigrations(migrations),
    new Date(),
    given.stack === undefined ? undefined : (login) => generatedPassword("local", root, login),
    [],
    clientOf(place),
  );
  return diagnose(CHECKS, facts);
}

/** Steps of a scenario: what the doctor and other commands see of a deployed stack. */
export function doctorSteps(step: Step, deployed: () => Deployed): void {
  const notOk = (rows: readonly Row[]) => rows.filter(({ verdict }) => verdict !== "ok");
  /** Without a socket, the schema is not compared. */
  const expectNoFault = (rows: readonly Row[]) => {
    expect(notOk(rows).map(({ check, verdict }) => [check, verdict])).toEqual([
      ["privileges", "unseen"],
      ["schema-drift", "unseen"],
    ]);
  };

  step(
    "the doctor finds no fault without a socket, and compares the secret with the password in the state",
    async () => {
      const rows = await look(deployed());
      expectNoFault(rows);
      expect(rows.find(({ check }) => check === "login")?.found).toBe(
        "settlement-db-connection-string matches the password of settlement_user in the stack's state; no login was tried",
      );
    },
  );

  step("another command uses the running cloud, and does not stop it", async () => {
    const { local, root } = deployed();
    const folder = join(root, ".local", "start");
    await expect(openLocal(folder, () => undefined)).rejects.toThrow(LockedError);
    share(folder);
    const said: string[] = [];
    const other = await openLocal(folder, (line) => said.push(line));
    expect(said).toContain(`Embedded cloud  ${local.cloud.url}`);
    expect(await readState(other.stack)).toEqual(await readState(local.stack));
    await other.stop();
    expectNoFault(await look(deployed()));
  });

  step("the doctor says when the state has no such login, or cannot be decrypted", async () => {
    const { root } = deployed();
    await expect(generatedPassword("local", root, "other_user")).rejects.toThrow(
      "the state of local has no password for",
    );
    await expect(generatedPassword("none", root, "settlement_user")).rejects.toThrow("The state of none: ");
  });

  step("the deployed alerts match only the faults that the nightly doctor logs", async () => {
    const { local, root } = deployed();
    interface Policy {
      readonly displayName: string;
      readonly conditions: readonly { readonly conditionMatchedLog?: { readonly filter: string } }[];
    }
    const path = "/v3/projects/settlement-local/alertPolicies";
    const { alertPolicies } = await ask<{ alertPolicies: Policy[] }>(local.cloud, "GET", path);
    const read = alertPolicies.flatMap(({ displayName, conditions }) => {
      const filter = conditions[0]?.conditionMatchedLog?.filter ?? "";
      return filter.includes("settlement-doctor") ? [{ displayName, filter }] : [];
    });
    const matching = async (since: string) => {
      const matched = read.map(async ({ displayName, filter }) => {
        const body = { resourceNames: ["projects/settlement-local"], filter: `${filter} AND timestamp>="${since}"` };
        const { entries = [] } = await ask<{ entries?: object[] }>(local.cloud, "POST", "/v2/entries:list", body);
        return entries.length > 0 ? [displayName] : [];
      });
      return (await Promise.all(matched)).flat().sort();
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
      expect(notOk(await look(deployed(), { stack: "local", socket: folder }))).toEqual([]);
      const files = readMigrations(join(ROOT, "migrations"));
      const versions = statusOfRecorded(await recorded("local", folder, files, root), files);
      expect(versions.map(({ status }) => status)).toEqual(["applied", "applied"]);
    } finally {
      await mount.close();
      rmSync(folder, { recursive: true });
    }
  });
}
