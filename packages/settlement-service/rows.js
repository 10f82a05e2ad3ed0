// @ts-check
"use strict";

const { URL } = require("node:url");

/** What a client sent is wrong; answered with 400. */
class InvalidInput extends Error {}

/** Something else has this key; answered with 409. */
class Taken extends Error {}

/**
 * A column that a client sets: its name, and a check that returns the value to store.
 * @typedef {{ name: string, read: (value: unknown, name: string) => unknown }} Column
 */

/**
 * A table: which columns a client sets, which one it is found by, and which are never shown.
 * @typedef {{ name: string, key: string, columns: Column[], hidden: string[] }} Table
 */

/**
 * The pool, or one connection of it.
 * @typedef {Pick<import("pg").PoolClient, "query">} Database
 */

/** @param {number} length At most so many characters. */
const text = (length) => (/** @type {unknown} */ value, /** @type {string} */ name) => {
  if (value === undefined || value === null) return null;
  if (typeof value === "string" && value !== "" && value.length <= length) return value;
  throw new InvalidInput(`${name} must be a text of 1 to ${length} characters`);
};

/** @param {(value: unknown, name: string) => unknown} read */
const required = (read) => (/** @type {unknown} */ value, /** @type {string} */ name) => {
  if (value === undefined || value === null) throw new InvalidInput(`${name} is missing`);
  return read(value, name);
};

/**
 * @param {(value: unknown, name: string) => unknown} read
 * @param {unknown} other Taken where the client sends nothing.
 */
const defaulted = (read, other) => (/** @type {unknown} */ value, /** @type {string} */ name) =>
  read(value ?? other, name);

/** numeric(38, 18): 20 digits before the point, 18 after it; as text, because a JSON number would be rounded. */
const amount = (/** @type {unknown} */ value, /** @type {string} */ name) => {
  if (value === undefined || value === null) return null;
  const digits = typeof value === "number" ? String(value) : value;
  if (typeof digits === "string" && /^-?\d{1,20}(\.\d{1,18})?$/.test(digits)) return digits;
  throw new InvalidInput(`${name} must be a decimal number with at most 20 digits before the point and 18 after it`);
};

const flag = (/** @type {unknown} */ value, /** @type {string} */ name) => {
  if (typeof value === "boolean") return value;
  throw new InvalidInput(`${name} must be true or false`);
};

const webUrl = (/** @type {unknown} */ value, /** @type {string} */ name) => {
  const url = text(512)(value, name);
  if (typeof url === "string" && /^https?:\/\/./.test(url) && URL.canParse(url)) return url;
  throw new InvalidInput(`${name} must be an http or https URL`);
};

const eventTypes = (/** @type {unknown} */ value, /** @type {string} */ name) => {
  const types = Array.isArray(value) ? value : [];
  if (types.length > 0 && types.every((type) => typeof type === "string" && /^[\w.*-]+$/.test(type)))
    return types.join(",");
  throw new InvalidInput(`${name} must be a list of event types, such as ["settlement.completed"]`);
};

/** @type {Table} */
const commands = {
  name: "settlement_commands",
  key: "command_id",
  columns: [
    { name: "command_id", read: required(text(128)) },
    { name: "workflow_id", read: required(text(128)) },
    { name: "account_ref", read: required(text(128)) },
    { name: "payer", read: text(128) },
    { name: "payee", read: text(128) },
    { name: "asset_symbol", read: text(64) },
    { name: "amount_numeric", read: amount },
    { name: "status", read: defaulted(text(32), "RECEIVED") },
  ],
  hidden: [],
};

/** @type {Table} */
const webhooks = {
  name: "webhook_subscriptions",
  key: "subscription_id",
  columns: [
    { name: "subscription_id", read: required(text(128)) },
    { name: "url", read: required(webUrl) },
    { name: "secret", read: required(text(256)) },
    { name: "event_types", read: required(eventTypes) },
    { name: "enabled", read: defaulted(flag, true) },
    { name: "description", read: text(512) },
  ],
  hidden: ["secret"],
};

/**
 * Stores a row, once however often it is sent: whoever heard no answer may send it again.
 * @param {Database} database
 * @param {Table} table
 * @param {unknown} body What the client sent.
 * @returns The row, as stored.
 * @throws {InvalidInput} naming the first field that is wrong; {Taken} where the key is another row's; else PostgreSQL's
 * error.
 */
async function insert(database, table, body) {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new InvalidInput("the body must be a JSON object");
  const fields = /** @type {Record<string, unknown>} */ (body);
  const unknown = Object.keys(fields).find((name) => !table.columns.some((column) => column.name === name));
  if (unknown !== undefined) throw new InvalidInput(`${unknown} is not a field of ${table.name}`);
  const values = table.columns.map(({ name, read }) => read(fields[name], name));
  const names = table.columns.map(({ name }) => name);
  const places = values.map((_value, index) => `$${index + 1}`);
  const of = (/** @type {string} */ row) => names.map((name) => `${row}.${name}`).join(", ");
  const { rows } = await database.query(
    `insert into ${table.name} as held (${names.join(", ")}) values (${places.join(", ")})
     on conflict (${table.key}) do update set ${table.key} = excluded.${table.key}
     where (${of("held")}) is not distinct from (${of("excluded")}) returning *`,
    values,
  );
  if (rows.length === 0) throw new Taken(`another ${table.name} has the ${table.key} "${fields[table.key]}"`);
  return shown(table, rows[0]);
}

/**
 * @param {Database} database
 * @param {Table} table
 * @param {string} id
 * @returns The row; undefined where there is none.
 */
async function find(database, table, id) {
  const { rows } = await database.query(`select * from ${table.name} where ${table.key} = $1`, [id]);
  return rows[0] && shown(table, rows[0]);
}

/**
 * @param {Table} table
 * @param {Record<string, unknown>} row
 */
function shown(table, row) {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !table.hidden.includes(name)));
}

module.exports = { InvalidInput, Taken, commands, webhooks, insert, find };
