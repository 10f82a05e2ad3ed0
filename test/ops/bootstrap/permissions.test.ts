import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CUSTOM_ROLES, type Grant, GRANTS } from "../../../ops/bootstrap/roles.ts";
import { IDENTITIES, type Identity } from "../../../ops/bootstrap/target.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";
import { permissionsOf, recordedUses, type Verbs, verbsOf } from "../../permissions/uses.ts";

const PREDEFINED = JSON.parse(
  readFileSync(join(ROOT, "packages", "embedded-google-cloud", "contract", "roles.json"), "utf8"),
) as Readonly<Record<string, Verbs>>;

/** Grants whose use no test sees, because the embedded cloud has no such call. */
const UNSEEN: readonly { readonly is: (grant: Grant) => boolean; readonly because: string }[] = [
  { is: ({ on }) => on === "state bucket", because: "the tests keep the state in a folder" },
  { is: ({ on }) => on === "key", because: "Cloud KMS cannot be redirected, so the tests encrypt with a passphrase" },
  {
    is: ({ identity, role }) => identity === "deployer" && role === "roles/logging.logWriter",
    because: "Cloud Build writes its logs with it",
  },
];

/** Nearly every role has it, so it shows no role to be needed. */
const COMMON = "resourcemanager.projects.get";

const isSeen = (grant: Grant) => !UNSEEN.some(({ is }) => is(grant));
const identities = Object.keys(IDENTITIES) as Identity[];
const grantsOf = (identity: Identity) => GRANTS.filter((grant) => grant.identity === identity);
const usedBy = (identity: Identity) => [
  ...new Set(Object.values(recordedUses()).flatMap((uses) => permissionsOf(uses[identity]))),
];
const customRole = (role: string) => CUSTOM_ROLES.find(({ id }) => role.endsWith(`/${id}`));
const permissionsIn = (role: string) => customRole(role)?.permissions ?? permissionsOf(PREDEFINED[role] ?? {});

test.each(identities)("the roles of the %s have every permission that its calls use", (identity) => {
  const held = grantsOf(identity)
    .filter(isSeen)
    .flatMap(({ role }) => permissionsIn(role));
  const used = usedBy(identity);
  expect(used.length).toBeGreaterThan(20);
  expect(used.filter((permission) => !held.includes(permission))).toEqual([]);
});

test.each(GRANTS.filter(isSeen))("calls of the $identity use $role on $on", ({ identity, role }) => {
  const used = usedBy(identity).filter((each) => each !== COMMON && permissionsIn(role).includes(each));
  expect(used).not.toEqual([]);
});

test.each(CUSTOM_ROLES)("$id has no permission that no call uses", ({ permissions }) => {
  const used = usedBy("deployer");
  expect(permissions.filter((permission) => !used.includes(permission))).toEqual([]);
});

/** `UPDATE_GOLDEN=1 npx jest test/ops/bootstrap` updates the table. */
test("unused.json lists the permissions of predefined roles that no call uses", () => {
  const unused = Object.fromEntries(
    identities.map((identity) => {
      const used = usedBy(identity);
      const rest = (role: string) => permissionsIn(role).filter((each) => !used.includes(each));
      const roles = [...new Set(grantsOf(identity).map(({ role }) => role))].filter((role) => !customRole(role));
      return [identity, Object.fromEntries(roles.map((role) => [role, verbsOf(rest(role))]))];
    }),
  );
  const path = join(ROOT, "test", "permissions", "unused.json");
  if (process.env.UPDATE_GOLDEN !== undefined) writeFileSync(path, `${JSON.stringify(unused, undefined, 2)}\n`);
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(unused);
});
