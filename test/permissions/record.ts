import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { join, relative } from "node:path";
import type { Identity } from "../../ops/bootstrap/target.ts";
import type { Used } from "../../packages/embedded-google-cloud/iam/access.ts";
import { LONG_FORM } from "../long-form.ts";
import { permissionsOf, recordedUses, recordUses, verbsOf } from "./uses.ts";

/**
 * Compares the permissions that the pipelines' identities use in an end-to-end test with `uses.json`, from which
 * test/ops/bootstrap computes what the roles lack and what no call needs.
 * `UPDATE_GOLDEN=1 npm run test:faults -- -i test/e2e` writes the file. Every test loads this file, so it imports little.
 */
const used: Record<Identity, Set<string>> = { previewer: new Set(), deployer: new Set() };

const CHANNEL = "embedded-google-cloud:permission";

function note(message: unknown): void {
  const { member, permission } = message as Used;
  const identity = /^serviceAccount:settlement-(previewer|deployer)@/.exec(member)?.[1] as Identity | undefined;
  if (identity) used[identity].add(permission);
}
subscribe(CHANNEL, note);

afterAll(async () => {
  unsubscribe(CHANNEL, note);
  const test = relative(join(import.meta.dirname, "..", ".."), expect.getState().testPath ?? "");
  if (!test.startsWith("test/e2e/") || used.previewer.size + used.deployer.size === 0) return;
  const { areOfficial } = await import("../../ops/engine/providers.ts");
  if (areOfficial()) return; // they make other calls than the stand-ins, whose calls the file has
  const recorded = recordedUses()[test];
  const known = (identity: Identity) => permissionsOf(recorded?.[identity] ?? {});
  if (process.env.UPDATE_GOLDEN !== undefined) {
    const all = (identity: Identity) => verbsOf([...used[identity], ...(LONG_FORM ? [] : known(identity))]);
    recordUses(test, { previewer: all("previewer"), deployer: all("deployer") });
    return;
  }
  for (const identity of ["previewer", "deployer"] as const) {
    const unrecorded = [...used[identity]].filter((each) => !known(identity).includes(each));
    const unused = LONG_FORM ? known(identity).filter((each) => !used[identity].has(each)) : [];
    expect({ identity, unrecorded, unused }).toEqual({ identity, unrecorded: [], unused: [] });
  }
});
