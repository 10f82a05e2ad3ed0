// @ts-check
"use strict";

const { URL } = require("node:url");

/** The request is invalid; the response is 400. */
class InvalidInput extends Error {}

/** Another row has this key; the response is 409. */
class Conflict extends Error {}

/**
 * A column: its name, and a check that returns the value to store.
 * @typedef {{ name: string, read: (value: unknown, name: string) => unknown }} Column
 */

/**
 * A table: its key, the columns that a client sets, and those that are never returned.
 * @typedef {{ name: string, key: string, columns: Column[], hidden: string[] }} Table
 */

/**
 * The pool, or one of its connections.
 * @typedef {Pick<import("pg").PoolClient, "query">} Database
 */

/** @param {number} length The maximum number of characters. */
const text = (length) => (/** @type {unknown} */ value, /** @type {string} */ name) => {
  if (value === undefined || value === null) return null;
  if (typeof value === "string" && value !== "" && value.length <= length) return value;
  throw new InvalidInput(`${name} must be a string of 1 to ${length} characters`);
};

/** @param {(value: unknown, name: string) => unknown} read */
const required = (read) => (/** @type {unknown} */ value, /** @type {string} */ name) => {
  if (value === undefined || value === null) throw new InvalidInput(`${name} is missing`);
  return read(value, name);
};

/**
 * @param {(value: unknown, name: string) => unknown} read
 * @param {unknown} other The default.
 */
const defaulted = (read, other) => (/** @type {unknown} */ value, /** @type {string} */ name) =>
  read(value ?? other, name);

/** numeric(38, 18): 20 digits before the point and 18 after; as text, because a JSON number would be rounded. */
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
 * Stores a row; idempotent, so that a client without a response can retry.
 * @param {Database} database
 * @param {Table} table
 * @param {unknown} body What the client sent.
 * @returns The row, as stored.
 * @throws {InvalidInput} naming the first invalid field; {Conflict} if another row has the key; otherwise PostgreSQL's error.
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
    `insert into ${table.name} as stored (${names.join(", ")}) values (${places.join(", ")})
     on conflict (${table.key}) do update set ${table.key} = excluded.${table.key}
     where (${of("stored")}) is not distinct from (${of("excluded")}) returning *`,
    values,
  );
  if (rows.length === 0) throw new Conflict(`another ${table.name} has the ${table.key} "${fields[table.key]}"`);
  return visible(table, rows[0]);
}

/**
 * @param {Database} database
 * @param {Table} table
 * @param {string} id
 * @returns The row; undefined if it does not exist.
 */
async function find(database, table, id) {
  const { rows } = await database.query(`select * from ${table.name} where ${table.key} = $1`, [id]);
  return rows[0] && visible(table, rows[0]);
}

/**
 * @param {Table} table
 * @param {Record<string, unknown>} row
 */
function visible(table, row) {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !table.hidden.includes(name)));
}

module.exports = { InvalidInput, Conflict, commands, webhooks, insert, find };
