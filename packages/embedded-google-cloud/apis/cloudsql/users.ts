import { type Client, DatabaseError, escapeIdentifier } from "pg";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import type { Fields } from "../../rest/fields.ts";
import { type Collection, copyBelow, type Store } from "../../state/store.ts";
import type { Instances } from "./instances.ts";
import type { Operation, Operations } from "./operations.ts";
import { createUser, grantRoles, listUsers, revokeRoles, roleExists, setPassword } from "./roles.ts";
import { invalid } from "./invalid.ts";

/** The query of a request that updates a user. */
export interface UserUpdate {
  readonly name?: string;
  /** Roles to add. */
  readonly databaseRoles?: string | string[];
  /** `true` revokes the user's other roles, including `cloudsqlsuperuser`. */
  readonly revokeExistingRoles?: string;
}

/** Built-in users, stored in PostgreSQL; the roles that clients requested are stored beside them. */
export class Users {
  private readonly roles: Collection<string[]>;
  private readonly instances: Instances;
  private readonly operations: Operations;

  constructor(store: Store, instances: Instances, operations: Operations) {
    this.instances = instances;
    this.operations = operations;
    this.roles = store.collection("cloudsql-user-roles");
    instances.onDelete(({ name, project }) => {
      const prefix = `${project}/${name}/`;
      for (const key of this.roles.keys()) if (key.startsWith(prefix)) this.roles.delete(key);
    });
    instances.onTakeOver((project, from, to) => {
      copyBelow(this.roles, `${project}/${from}/`, `${project}/${to}/`);
    });
  }

  async list(project: string, instance: string): Promise<Fields[]> {
    const cluster = await this.instances.running(project, instance);
    const names = await cluster.asAdmin(listUsers);
    return names.map((name) => this.resource(project, instance, name));
  }

  /** Creates a user; if it exists, such as `postgres`, sets its password and adds roles. */
  async insert(project: string, instance: string, body: unknown, caller: string): Promise<Operation> {
    const cluster = await this.instances.writable(project, instance);
    const { name, password, databaseRoles = [] } = readUser(body as Fields);
    return this.operations.perform({ type: "CREATE_USER", project, instance, caller }, async () => {
      await cluster.inTransaction(async (client) => {
        if (await roleExists(client, name)) await grantRoles(client, name, await existing(client, databaseRoles));
        else await createUser(client, name, await existing(client, databaseRoles));
        if (password !== undefined) await setPassword(client, name, password);
      });
      if (databaseRoles.length > 0) this.roles.put(`${project}/${instance}/${name}`, databaseRoles);
    });
  }

  /**
   * Sets a user's password, or changes its roles.
   * @throws GoogleError NOT_FOUND; INVALID_ARGUMENT if a role to revoke was granted onward.
   */
  async update(
    project: string,
    instance: string,
    query: UserUpdate,
    body: unknown,
    caller: string,
  ): Promise<Operation> {
    const cluster = await this.instances.writable(project, instance);
    const fields = body as Fields;
    const requested = [query.databaseRoles ?? fields.databaseRoles ?? []].flat();
    const user = readUser({ ...fields, name: query.name ?? fields.name, databaseRoles: requested });
    const { name, password, databaseRoles = [] } = user;
    const replace = query.revokeExistingRoles === "true" || fields.revokeExistingRoles === true;
    return this.operations.perform({ type: "UPDATE_USER", project, instance, caller }, async () => {
      await cluster.inTransaction(async (client) => {
        await requireUser(client, name);
        if (password !== undefined) await setPassword(client, name, password);
        if (replace)
          await revokeRoles(client, name, databaseRoles).catch((error: unknown) => refuse("update", name, error));
        await grantRoles(client, name, await existing(client, databaseRoles));
      });
      const key = `${project}/${instance}/${name}`;
      const known = replace ? [] : (this.roles.get(key) ?? []);
      const roles = [...new Set([...known, ...databaseRoles])];
      if (roles.length > 0) this.roles.put(key, roles);
      else this.roles.delete(key);
    });
  }

  /** @throws GoogleError NOT_FOUND; INVALID_ARGUMENT in Cloud SQL's words if the user owns objects. */
  async delete(project: string, instance: string, name: string, caller: string): Promise<Operation> {
    const cluster = await this.instances.writable(project, instance);
    return this.operations.perform({ type: "DELETE_USER", project, instance, caller }, async () => {
      await cluster.asAdmin(async (client) => {
        await requireUser(client, name);
        const drop = client.query(`DROP ROLE ${escapeIdentifier(name)}`);
        await drop.catch((error: unknown) => refuse("delete", name, error));
      });
      this.roles.delete(`${project}/${instance}/${name}`);
    });
  }

  private resource(project: string, instance: string, name: string): Fields {
    const roles = this.roles.get(`${project}/${this.instances.source(project, instance)}/${name}`);
    const fixed = { kind: "sql#user", host: "", iamStatus: "IAM_STATUS_UNSPECIFIED", passwordPolicy: { status: {} } };
    const user = { ...fixed, ...(roles && { databaseRoles: roles }), instance, name, project };
    return { ...user, etag: etagOf(user) };
  }
}

/** @throws GoogleError INVALID_ARGUMENT in Cloud SQL's words if PostgreSQL refused. */
function refuse(action: string, name: string, error: unknown): never {
  if (!(error instanceof DatabaseError)) throw error;
  throw invalid(`failed to ${action} user ${name}: . ${error.message} Details: ${error.detail ?? ""}`);
}

async function requireUser(client: Client, name: string): Promise<void> {
  if (!(await listUsers(client)).includes(name)) {
    throw new GoogleError("NOT_FOUND", `The user "${name}" does not exist.`, "userDoesNotExist");
  }
}

async function existing(client: Client, roles: string[]): Promise<string[]> {
  for (const role of roles) {
    if (!(await roleExists(client, role))) throw invalid(`role "${role}" does not exist`);
  }
  return roles;
}

interface UserFields {
  readonly name: string;
  readonly password?: string;
  readonly databaseRoles?: string[];
}

function readUser(body: Fields): UserFields {
  const { name, password, type = "BUILT_IN", databaseRoles } = body;
  if (typeof name !== "string" || name === "" || Buffer.byteLength(name) > 63 || name.includes("\0")) {
    throw invalid("Invalid user name");
  }
  if (/^(cloudsql|pg_)/.test(name)) throw invalid(`the user name "${name}" is reserved`);
  if (type !== "BUILT_IN" && type !== "") throw invalid("the embedded cloud has only users of type BUILT_IN");
  return {
    name,
    ...(typeof password === "string" && password !== "" && { password }),
    ...(Array.isArray(databaseRoles) && { databaseRoles: databaseRoles.map(String) }),
  };
}
