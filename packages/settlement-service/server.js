// @ts-check
"use strict";

/** The settlement service: accepts settlement commands and webhook subscriptions, and stores them in PostgreSQL. */

const { Buffer } = require("node:buffer");
const http = require("node:http");
const { setTimeout: delay } = require("node:timers/promises");
const { URL } = require("node:url");
const { Pool } = require("pg");
const { readConnection } = require("./connection");
const { InvalidInput, Conflict, commands, find, insert, webhooks } = require("./rows");

/** The largest request body, in bytes. */
const BODY_LIMIT = 1024 * 1024;

/** Connections to the database without DATABASE_POOL_SIZE, as without a setting in `pg`. */
const DEFAULT_POOL = 10;

/** How long, and how often, a request retries after losing the database, in milliseconds. */
const RETRY_LIMIT = 30_000;
const RETRY_PAUSE = 250;

/**
 * Errors of a connection that was closed, or refused during a restart of the server:
 * https://www.postgresql.org/docs/current/errcodes-appendix.html, Node's codes, and a message of `pg` without a code.
 */
const LOST = /^(57P0[123]|ECONNREFUSED|ECONNRESET|EPIPE|Connection terminated unexpectedly)$/;

/** @type {Record<string, import("./rows").Table>} */
const TABLES = { commands, webhooks };

/**
 * The connection pool, and whether the database has ever accepted a connection.
 * @typedef {{ pool: Pool, hasAnswered: boolean }} Connections
 */

/**
 * Retries work while the database restarts; all work here is idempotent. Does not wait for a database that was never
 * reachable, which would hide a configuration error.
 * @template T
 * @param {Connections} connections
 * @param {(pool: Pool) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function withRetries(connections, work) {
  const end = Date.now() + RETRY_LIMIT;
  for (;;) {
    try {
      return await work(connections.pool);
    } catch (error) {
      const { code, message } = /** @type {{ message: string, code?: string }} */ (error);
      if (!connections.hasAnswered || !LOST.test(code ?? message) || Date.now() > end) throw error;
      log("WARNING", `Lost the database, retrying. ${reason(error).join(" ")}`);
      await delay(RETRY_PAUSE);
    }
  }
}

/**
 * @param {Connections} connections
 * @param {http.IncomingMessage} request
 * @returns {Promise<[number, unknown]>} Status and body.
 */
async function answer(connections, request) {
  const [resource = "", id, ...rest] = new URL(request.url ?? "/", "http://service").pathname.slice(1).split("/");
  const method = request.method ?? "GET";
  if (resource === "health" && id === undefined)
    return method === "GET" ? health(connections.pool) : notAllowed(method);
  if (resource === "smoke-test" && id === undefined) {
    if (method !== "POST") return notAllowed(method);
    const body = await readJson(request);
    return [200, await withRetries(connections, (pool) => tryCommand(pool, body))];
  }
  const table = Object.hasOwn(TABLES, resource) ? TABLES[resource] : undefined;
  if (!table || rest.length > 0) return [404, failure(`There is no ${request.url}.`)];
  if (!id) {
    if (method !== "POST") return notAllowed(method);
    const body = await readJson(request);
    return [200, await withRetries(connections, (pool) => insert(pool, table, body))];
  }
  if (method !== "GET") return notAllowed(method);
  const row = await withRetries(connections, (pool) => find(pool, table, decodeURIComponent(id)));
  return row ? [200, row] : [404, failure(`There is no ${table.key} "${decodeURIComponent(id)}".`)];
}

/**
 * Whether the database answers.
 * @param {Pool} pool
 * @returns {Promise<[number, unknown]>}
 */
async function health(pool) {
  try {
    const { rows } = await pool.query(
      "select current_database() as database, current_user as user, current_setting('server_version') as postgres",
    );
    return [200, { status: "ok", ...rows[0] }];
  } catch (error) {
    return [503, { status: "unavailable", ...failure(...reason(error)) }];
  }
}

/**
 * Stores a settlement command like `POST /commands`, reads it back, and rolls back. A rollout calls this; see
 * docs/DEPLOYMENT.md.
 * @param {Pool} pool
 * @param {unknown} body
 * @returns The row.
 */
async function tryCommand(pool, body) {
  const connection = await pool.connect();
  // The next statement reports a broken connection; without a listener, the event would end the process.
  connection.on("error", () => undefined);
  try {
    await connection.query("begin");
    const { command_id: id } = await insert(connection, commands, body);
    return await find(connection, commands, String(id));
  } finally {
    // Closing the connection rolls back, and keeps an open transaction out of the pool.
    connection.release(true);
  }
}

/**
 * @param {http.IncomingMessage} request
 * @returns {Promise<unknown>}
 */
async function readJson(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > BODY_LIMIT) throw new InvalidInput(`the body is larger than ${BODY_LIMIT} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new InvalidInput("the body is not JSON");
  }
}

/**
 * @param {string} message
 * @param {string} [code]
 */
function failure(message, code) {
  return { error: code === undefined ? { message } : { message, code } };
}

/**
 * @param {string} method
 * @returns {[number, unknown]}
 */
function notAllowed(method) {
  return [405, failure(`${method} is not allowed here.`)];
}

/**
 * The message of PostgreSQL, or of the connection to it.
 * @param {unknown} error
 * @returns {[string, string | undefined]} Message and code, such as 42P01.
 */
function reason(error) {
  const { message, code } = /** @type {{ message: string, code?: string }} */ (error);
  return [`PostgreSQL: ${message}`, code];
}

/**
 * @param {unknown} error
 * @returns {[number, unknown]}
 */
function refusal(error) {
  if (error instanceof InvalidInput) return [400, failure(`Invalid request: ${error.message}.`)];
  if (error instanceof Conflict) return [409, failure(`Refused: ${error.message}.`)];
  if (error instanceof URIError) return [400, failure("Invalid request: the path has an invalid percent-encoding.")];
  const [message, code] = reason(error);
  return [500, failure(message, code)];
}

/**
 * Writes a log entry in Cloud Logging's JSON format.
 * @param {"INFO" | "WARNING" | "ERROR"} severity
 * @param {string} message
 */
function log(severity, message) {
  console.log(JSON.stringify({ severity, message }));
}

/** @param {Connections} connections */
function createServer(connections) {
  return http.createServer((request, response) => {
    answer(connections, request)
      .catch(refusal)
      .then(([status, body]) => {
        if (status >= 500) log("ERROR", `${request.method} ${request.url} ${status} ${JSON.stringify(body)}`);
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      });
  });
}

/**
 * @param {string | undefined} text The value of `DATABASE_POOL_SIZE`.
 * @returns The most connections at a time.
 * @throws {Error} if it is not a positive whole number.
 */
function readPoolSize(text) {
  if (text === undefined) return DEFAULT_POOL;
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`DATABASE_POOL_SIZE is "${text}"; expected a positive whole number.`);
  return Number(text);
}

function main() {
  const max = readPoolSize(process.env.DATABASE_POOL_SIZE);
  const pool = new Pool({ ...readConnection(process.env.DATABASE_URL), max, connectionTimeoutMillis: 30_000 });
  // The next query replaces a broken idle connection; without a listener, the event would end the process.
  pool.on("error", (error) => log("ERROR", `Idle connection lost. ${reason(error).join(" ")}`));
  const connections = { pool, hasAnswered: false };
  pool.once("connect", () => (connections.hasAnswered = true));
  const server = createServer(connections);
  const port = Number(process.env.PORT ?? 8080);
  server.listen(port, () => log("INFO", `Listening on ${port}.`));
  process.once("SIGTERM", () => {
    // Pending requests get their response first.
    server.close(() => void pool.end().then(() => process.exit(0)));
    server.closeIdleConnections();
  });
}

try {
  main();
} catch (error) {
  console.error(/** @type {Error} */ (error).message);
  process.exitCode = 1;
}
