import { DatabaseError, escapeIdentifier } from "pg";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import type { Fields } from "../../rest/fields.ts";
import { type Collection, copyBelow, type Store } from "../../state/store.ts";
import type { Instances } from "./instances.ts";
import { API_ROOT, type Operation, type Operations } from "./operations.ts";
import { grantSystemRights, SUPERUSER } from "./roles.ts";
import { invalid } from "./invalid.ts";

/** Cloud SQL's defaults for a database. */
const CHARSET = "UTF8";
const COLLATION = "en_US.UTF8";

/** Databases, stored in PostgreSQL; the collations that clients requested are stored beside them. */
export class Databases {
  private readonly collations: Collection<string>;
  private readonly instances: Instances;
  private readonly operations: Operations;

  constructor(store: Store, instances: Instances, operations: Operations) {
    this.instances = instances;
    this.operations = operations;
    this.collations = store.collection("cloudsql-collations");
    instances.onDelete(({ name, project }) => {
      const prefix = `${project}/${name}/`;
      for (const key of this.collations.keys()) if (key.startsWith(prefix)) this.collations.delete(key);
    });
    instances.onTakeOver((project, from, to) => {
      copyBelow(this.collations, `${project}/${from}/`, `${project}/${to}/`);
    });
  }

  async list(project: string, instance: string): Promise<Fields[]> {
    const cluster = await this.instances.running(project, instance);
    const { rows } = await cluster.asAdmin((client) =>
      client.query<{ name: string }>("SELECT datname AS name FROM pg_database WHERE NOT datistemplate ORDER BY 1"),
    );
    return rows.map(({ name }) => this.resource(project, instance, name));
  }

  /** @throws GoogleError NOT_FOUND. */
  async get(project: string, instance: string, name: string): Promise<Fields> {
    const found = (await this.list(project, instance)).find((database) => database.name === name);
    if (!found) throw new GoogleError("NOT_FOUND", "Not Found", "notFound");
    return found;
  }

  /** Creates a database owned by `cloudsqlsuperuser`; a failure is returned for the request, not the operation. */
  async insert(project: string, instance: string, body: unknown, caller: string): Promise<Operation> {
    const cluster = await this.instances.writable(project, instance);
    const { name, collation } = readDatabase(body as Fields);
    return this.operations.perform(
      { type: "CREATE_DATABASE", project, instance, caller, path: `databases/${name}` },
      async () => {
        await cluster.asAdmin(async (client) => {
          await client.query(`SET ROLE ${SUPERUSER}`);
          const create = `CREATE DATABASE ${escapeIdentifier(name)}${localeOf(collation)}`;
          await client.query(create).catch((error: unknown) => {
            if (error instanceof DatabaseError && error.code === "42P04") {
              throw new GoogleError("ALREADY_EXISTS", `database "${name}" already exists`, "databaseAlreadyExists");
            }
            throw refusal(`failed to create database ${name}`, error);
          });
        });
        if (localeOf(collation) !== "") await cluster.asAdmin(grantSystemRights, name);
        this.collations.put(`${project}/${instance}/${name}`, collation);
      },
    );
  }

  /** The character set and collation of a database cannot be changed. */
  async change(project: string, instance: string, name: string, body: unknown, caller: string): Promise<Operation> {
    await this.instances.writable(project, instance);
    const current = await this.get(project, instance, name);
    const wanted = readDatabase({ ...current, ...(body as Fields) });
    if (wanted.name !== name || wanted.collation !== current.collation) {
      throw invalid(`name and collation of the database "${name}" cannot be changed`);
    }
    return this.operations.perform(
      { type: "UPDATE_DATABASE", project, instance, caller, path: `databases/${name}` },
      () => Promise.resolve(),
    );
  }

  async delete(project: string, instance: string, name: string, caller: string): Promise<Operation> {
    const cluster = await this.instances.writable(project, instance);
    await this.get(project, instance, name);
    return this.operations.perform(
      { type: "DELETE_DATABASE", project, instance, caller, path: `databases/${name}` },
      async () => {
        // From template1, so that `postgres` too can be dropped.
        await cluster.asAdmin(async (client) => {
          await client.query(`SET ROLE ${SUPERUSER}`);
          await client.query(`DROP DATABASE ${escapeIdentifier(name)}`).catch((error: unknown) => {
            throw refusal(`failed to delete database ${name}`, error);
          });
        }, "template1");
        this.collations.delete(`${project}/${instance}/${name}`);
      },
    );
  }

  private resource(project: string, instance: string, name: string): Fields {
    const database = {
      charset: CHARSET,
      collation: this.collations.get(`${project}/${this.instances.source(project, instance)}/${name}`) ?? COLLATION,
      instance,
      kind: "sql#database",
      name,
      project,
      selfLink: `${API_ROOT}/projects/${project}/instances/${instance}/databases/${name}`,
    };
    return { ...database, etag: etagOf(database) };
  }
}

/** An error of PostgreSQL, in Cloud SQL's words. */
function refusal(what: string, error: unknown): unknown {
  return error instanceof DatabaseError ? invalid(`${what}. Detail: pq: ${error.message}`) : error;
}

/** What makes a database sort by code point; nothing for the collation of `template1`. Rights in that are not in `template0`. */
function localeOf(collation: string): string {
  if (!/^C/i.test(collation)) return "";
  return ` TEMPLATE template0 LOCALE_PROVIDER libc LOCALE '${/utf/i.test(collation) ? "C.UTF-8" : "C"}'`;
}

/** Of Cloud SQL's collations, the embedded cloud has the default and those that sort by code point. */
function readDatabase(body: Fields): { name: string; collation: string } {
  const { name, charset = CHARSET, collation = COLLATION } = body;
  if (typeof name !== "string" || name === "" || Buffer.byteLength(name) > 63 || name.includes("\0")) {
    throw invalid("Invalid database name");
  }
  if (String(charset).toUpperCase().replace("-", "") !== CHARSET) {
    throw invalid(`Invalid charset (${JSON.stringify(charset)}) for the database; expected ${CHARSET}`);
  }
  const checked = String(collation === "" ? COLLATION : collation);
  if (!/^(en_US\.UTF-?8|C|C\.UTF-?8)$/i.test(checked)) {
    throw invalid(`Invalid collation (${JSON.stringify(checked)}) for the database; expected ${COLLATION} or C`);
  }
  return { name, collation: checked };
}
