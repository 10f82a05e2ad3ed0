import { OWNER_ROLE } from "../../../infra/names.ts";
import { NotVisible } from "../../google/reader.ts";
import { type Check, finding, ok } from "../check.ts";
import { type Facts, logins, orHidden } from "../facts.ts";
import { ADMINISTRATOR, psql } from "../psql.ts";
import { recreate } from "../recreate.ts";
import type { TableRights } from "../rights.ts";

export const privileges: Check = {
  id: "privileges",
  title: "Table privileges",
  causes: ["apis", "instance", "database", "login", "migration", "tables"],
  look: async (facts) => {
    const login = await facts.loggedIn().catch(orHidden);
    if (login instanceof NotVisible) {
      if ((await facts.failure())?.code !== NO_PRIVILEGE) throw login;
      return finding(`the service's login may not use the tables: ${NO_PRIVILEGE}`, await admit(facts));
    }
    if (!login.ok) throw new NotVisible(`the login was refused: ${login.message}`);
    if (typeof login.contents === "string") return finding(login.contents, await admit(facts));
    const { rights } = login.contents;
    if (!rights) throw new NotVisible(`the role ${OWNER_ROLE} does not exist yet`);
    const declared = facts.migrations.some(({ text }) => /\bto\s+public\b/i.test(text));
    const wrong = rights.map((table) => problems(table, declared)).filter(({ found }) => found.length > 0);
    if (wrong.length === 0) return ok(`${rights.length} tables belong to ${OWNER_ROLE}, checked by a login`);
    const statements = wrong.flatMap(({ statements }) => statements);
    const owners = wrong.map(({ owner }) => owner);
    const foreign = owners.find((owner) => owner !== OWNER_ROLE && !logins(facts.target.user).includes(owner));
    return finding(wrong.flatMap(({ found }) => found).join("; "), await psql(facts, foreign, statements.join(" ")));
  },
};

/** PostgreSQL's code for a right that a login lacks. */
const NO_PRIVILEGE = "42501";

/** Makes the service's login a member of the role that owns the tables. */
async function admit(facts: Facts): Promise<string> {
  const { stack } = facts.target;
  if (stack !== undefined) return recreate(stack);
  const usage = `GRANT CREATE, USAGE ON SCHEMA public TO ${OWNER_ROLE};`;
  return psql(facts, ADMINISTRATOR, `GRANT ${OWNER_ROLE} TO ${await facts.loginName()}; ${usage}`);
}

/** What is wrong with a table's rights, and the SQL that restores them. @param declared Whether a migration opens tables. */
function problems({ lacking, name, open, owner }: TableRights, declared: boolean) {
  const moved = owner !== OWNER_ROLE;
  return {
    owner,
    found: [
      ...(moved ? [`${name} belongs to ${owner}, not to ${OWNER_ROLE}`] : []),
      ...(lacking.length > 0 ? [`the service's login may not ${lacking.join(", ")} on ${name}`] : []),
      ...(open && !declared ? [`every login has privileges on ${name}`] : []),
    ],
    statements: [
      ...(moved ? [`ALTER TABLE ${name} OWNER TO ${OWNER_ROLE};`] : []),
      ...(lacking.length > 0 ? [`GRANT ALL ON ${name} TO ${OWNER_ROLE};`] : []),
      ...(open && !declared ? [`REVOKE ALL ON ${name} FROM PUBLIC;`] : []),
    ],
  };
}
